// SPDX-License-Identifier: MIT
// Tables that scroll on narrow screens instead of squeezing their words.

import {h} from "../dom.js";

// columns: names; those with "#" in front hold numbers, the one with "-" buttons. rows: what tableRow() makes, or cells.
export function table(caption, columns, rows) {
	return h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": caption},
		h("table", null, h("caption", {class: "unseen"}, caption),
			h("thead", null, h("tr", null, columns.map(name => h("th", {scope: "col", class: name.startsWith("#") ? "number" : null},
				name.startsWith("-") ? h("span", {class: "unseen"}, name.slice(1)) : name.replace("#", ""))))),
			h("tbody", null, rows.map(row => row instanceof Node ? row : tableRow(row, columns)))));
}

// On a telephone each cell says what it is.
export function tableRow(cells, columns) {
	return h("tr", null, cells.map((cell, i) => h("td", {class: columns[i].startsWith("#") ? "number" : null,
		"data-is": i && !columns[i].startsWith("-") ? columns[i].replace("#", "") : null}, cell)));
}

// A state: a sign, whose shape says it, and the word.
const SIGNS = {good: "●", wait: "◐", warn: "▲", bad: "✕", off: "○"};

export function state(kind, words) {
	return h("span", {class: `state-${kind}`}, h("span", {class: "sign", "aria-hidden": "true"}, SIGNS[kind]), " ", words);
}

export function empty(title, ...children) {
	return h("div", {class: "empty"}, h("h3", null, title), children);
}
