// SPDX-License-Identifier: MIT
// Where the time went, as one bar: what the lengths say, the words below say too.

import {h, svg} from "../dom.js";
import {duration} from "../format.js";

// The parts of a request's way, between two of its times each.
const PARTS = [
	["dial", "connecting to the upstream", "opened", "dialled"],
	["send", "sending the request", "request_first", "request_last"],
	["wait", "waiting for the upstream", "request_last", "response_first"],
	["receive", "receiving the answer", "response_first", "response_last"],
];

// times: seconds since it began; null where that has not been
export function timing(times) {
	const parts = PARTS.map(([kind, words, from, to]) => ({kind, words, seconds: times[from] === null || times[to] === null ? 0 :
		times[to] - times[from]})).filter(part => part.seconds > 0);
	const whole = parts.reduce((sum, part) => sum + part.seconds, 0);
	if (!whole)
		return null;
	let at = 0;
	const rects = parts.map(part => {
		const width = part.seconds / whole * 1000;
		at += width;
		return svg("rect", {class: part.kind, x: at - width, y: 0, width: Math.max(width, 3), height: 10});
	});
	return h("div", {class: "timing"},
		svg("svg", {viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true"}, rects),
		h("ul", null, parts.map(part => h("li", {class: part.kind}, h("b", null, duration(part.seconds)), ` ${part.words}`))));
}
