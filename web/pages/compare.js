// SPDX-License-Identifier: MIT
// A replay beside what it repeats: both answers, line by line.

import {h, put} from "../dom.js";
import {get} from "../http.js";
import {duration, plural} from "../format.js";
import {field, readBody} from "../body.js";
import {compare} from "../diff.js";

const KEPT = 3; // equal lines shown around each difference
const MOST = 4000; // rows in the document
// Differ each time, and say nothing. The others are sorted: their order says nothing either.
const IDLE = ["connection", "date", "age", "x-request-id", "x-tunnel-replay"];
const SIGNS = {same: " ", changed: "≠", less: "−", more: "+"};

async function side(path, data, which) {
	const part = data[which];
	if (!part)
		return "";
	const fields = part.fields.filter(([name]) => !IDLE.includes(name.toLowerCase()))
		.map(([name, value]) => `${name}: ${value}`).sort();
	let body = "";
	if (part.body.kept) {
		const read = await readBody(`${path}/${which}.body?decode=1`, field(part.fields, "content-type"));
		body = `\n\n${read.pretty ?? read.text}`;
	}
	return [part.line, ...fields].join("\n") + body;
}

// Long runs of equal lines become one row that says how many.
function folded(rows) {
	if (rows.every(row => row[0] === "same"))
		return rows.slice(0, MOST);
	const near = rows.map((_, i) => rows.slice(Math.max(0, i - KEPT), i + KEPT + 1).some(row => row[0] !== "same"));
	const out = [];
	for (let i = 0; i < rows.length && out.length < MOST;) {
		if (near[i]) {
			out.push(rows[i++]);
			continue;
		}
		let end = i;
		while (end < rows.length && !near[end])
			end++;
		out.push(...(end - i > 2 ? [["fold", end - i]] : rows.slice(i, end)));
		i = end;
	}
	return out;
}

function table(title, rows) {
	const different = rows.filter(row => row[0] !== "same").length;
	return h("section", null, h("h3", null, title, " ", h("small", null, different ?
		`${plural(different, "line")} differ${different === 1 ? "s" : ""}` : "no difference")),
	h("table", {class: "diff"}, h("caption", {class: "unseen"}, `${title}: as it was, the kind of difference, of the replay`),
		h("colgroup", null, h("col"), h("col", {class: "middle"}), h("col")),
	h("tbody", null, folded(rows).map(([kind, left, right]) => kind === "fold" ?
		h("tr", {class: "fold"}, h("td", {colspan: 3}, `${left} equal lines`)) :
		h("tr", {class: kind}, h("td", null, left ?? ""), h("td", {class: "sign"}, SIGNS[kind]), h("td", null, right ?? ""))))));
}

function about(data, words) {
	return h("div", null, h("b", null, words), ` ${data.status || "no answer"} · ${duration(data.duration)}`);
}

async function fill(entry, place, first, second) {
	const path = id => `/api/v1/requests/${encodeURIComponent(id)}`;
	const [a, b] = await Promise.all([first, second].map(id => id === entry.id ? entry.data : get(path(id))));
	const [askedA, askedB, answerA, answerB] = await Promise.all([side(path(first), a, "request"), side(path(second), b, "request"),
		side(path(first), a, "response"), side(path(second), b, "response")]);
	const asked = compare(askedA, askedB);
	put(place,
		h("div", {class: "sides"}, about(a, "As it was"), about(b, "Replay")),
		table("Answer", compare(answerA, answerB)),
		table("Request", asked));
}

export function compareView(entry) {
	const replays = entry.requests.rows.all.filter(row => row.replayOf === entry.id);
	const pair = entry.data.replay_of ? [entry.data.replay_of, entry.id] : replays.length ? [entry.id, replays.at(-1).id] : null;
	if (!pair)
		return h("p", {class: "quiet"}, "Replay this request (", h("kbd", null, "r"), "), and both answers are shown here side by side.");
	const place = h("div", {class: "compare"}, h("p", {class: "quiet"}, "Comparing…"));
	fill(entry, place, ...pair).catch(error => put(place, h("p", {class: "trouble"},
		error.status === 404 ? "The other one is not there any more." : error.message)));
	return place;
}
