// SPDX-License-Identifier: MIT
// Tables that scroll on narrow screens instead of squeezing their words.

import {h, put} from "../dom.js";

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

// A table of rows that are told again and again: only what is another is touched, so that nobody loses the focus, or a
// text that is being selected. cells(item): for each column a text, or [text, make], where make() is what is shown and
// the text says whether that is another. details(item): null or [text, make], a second row below.
export class LiveTable {
	constructor(caption, columns, cells, details = () => null) {
		Object.assign(this, {columns, cells, details, rows: new Map()});
		this.element = table(caption, columns, []);
		this.body = this.element.querySelector("tbody");
	}

	// The rows are these, by their ids.
	show(items) {
		const now = new Map();
		const kept = new Set();
		let at = this.body.firstChild;
		for (const item of items) {
			const row = this.rows.get(item.id) || this.make();
			now.set(item.id, row);
			this.fill(row, item);
			for (const element of [row.element, row.more].filter(Boolean)) {
				kept.add(element);
				if (element === at)
					at = at.nextSibling;
				else
					this.body.insertBefore(element, at);
			}
		}
		for (const element of [...this.body.children])
			if (!kept.has(element))
				element.remove();
		this.rows = now;
	}

	make() {
		const element = tableRow(this.columns.map(() => ""), this.columns);
		return {element, shown: [], more: null, moreShown: null};
	}

	fill(row, item) {
		this.cells(item).forEach((cell, i) => {
			const [text, make] = Array.isArray(cell) ? cell : [cell, () => cell];
			if (row.shown[i] !== text)
				put(row.element.children[i], make());
			row.shown[i] = text;
		});
		const [text, make] = this.details(item) || [null];
		if (row.moreShown !== text)
			row.more = text === null ? null : h("tr", {class: "details"}, h("td", {colspan: this.columns.length}, make()));
		row.moreShown = text;
	}
}

// A state: a sign, whose shape says it, and the word.
const SIGNS = {good: "●", wait: "◐", warn: "▲", bad: "✕", off: "○"};

export function state(kind, words) {
	return h("span", {class: `state-${kind}`}, h("span", {class: "sign", "aria-hidden": "true"}, SIGNS[kind]), " ", words);
}

export function empty(title, ...children) {
	return h("div", {class: "empty"}, h("h3", null, title), children);
}
