// SPDX-License-Identifier: MIT
// What the exit node knows of a request.

import {h} from "../dom.js";
import {day, duration, size} from "../format.js";

export function summary(row) {
	const facts = [["Host", row.host], ["Path", row.path], ["Status", row.status || "none yet"],
		["Took", row.websocket ? "a WebSocket" : duration(row.seconds)], ["Received", size(row.inBytes || 0)],
		["Sent", size(row.outBytes || 0)], ["Visitor", row.client], ["Session", row.session], ["Why", row.why],
		["When", day(row.at)]];
	return h("div", {class: "summary"},
		h("h2", {tabindex: "-1"}, h("span", {class: "method"}, row.method), " ", row.path),
		h("dl", {class: "facts"}, facts.filter(([, value]) => value).map(([name, value]) =>
			[h("dt", null, name), h("dd", null, String(value))])),
		h("p", {class: "quiet"}, "Heads and bodies are not kept here: the inspector of the client that serves this name has " +
			"them, on its own machine."));
}
