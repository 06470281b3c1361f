// SPDX-License-Identifier: MIT
// A list of any length of which only what is seen is in the document: rows of one height, some sixty elements that
// move. Newest first; what comes in front does not move what is being read.

import {h} from "./dom.js";

const SPARE = 8; // rows above and below what is seen

export class List {
	// height: of a row, in pixels; make(): a row's element; paint(element, row); chosen(row, opened).
	constructor({label, height, make, paint, chosen}) {
		Object.assign(this, {height, make, paint, chosen});
		this.rows = []; // oldest first: the newest is pushed
		this.pool = [];
		this.choice = null; // id
		this.space = h("div", {class: "space", role: "presentation"});
		this.element = h("div", {class: "list", role: "listbox", tabindex: "0", "aria-label": label,
			onscroll: () => this.later(), onclick: event => this.clicked(event)}, this.space);
		this.size = new ResizeObserver(() => this.later());
		this.size.observe(this.element);
	}

	row(index) {
		return this.rows[this.rows.length - 1 - index];
	}

	index(id) {
		for (let i = this.rows.length - 1; i >= 0; i--)
			if (this.rows[i].id === id)
				return this.rows.length - 1 - i;
		return -1;
	}

	// The rows are these now; so many are new in front.
	set(rows, newer = 0) {
		this.rows = rows;
		if (this.element.scrollTop > 0 && newer)
			this.jump = (this.jump || 0) + newer * this.height;
		this.later();
	}

	later() {
		this.frame ||= requestAnimationFrame(() => {
			this.frame = 0;
			this.draw();
		});
	}

	draw() {
		this.space.style.height = `${this.rows.length * this.height}px`;
		if (this.jump) {
			this.element.scrollTop += this.jump;
			this.jump = 0;
		}
		const first = Math.max(0, Math.floor(this.element.scrollTop / this.height) - SPARE);
		const seen = Math.ceil(this.element.clientHeight / this.height) + 2 * SPARE;
		this.grow(seen);
		const used = new Set();
		let active = "";
		for (let i = first; i < Math.min(this.rows.length, first + this.pool.length); i++) {
			const element = this.pool[i % this.pool.length];
			used.add(element);
			this.place(element, this.row(i), i);
			if (this.row(i).id === this.choice)
				active = element.id;
		}
		for (const element of this.pool)
			element.hidden = !used.has(element);
		if (active)
			this.element.setAttribute("aria-activedescendant", active);
		else
			this.element.removeAttribute("aria-activedescendant");
	}

	grow(wanted) {
		while (this.pool.length < wanted) {
			const element = this.make();
			element.id = `row${this.pool.length}`;
			element.setAttribute("role", "option");
			this.pool.push(element);
			this.space.append(element);
		}
	}

	place(element, row, index) {
		if (element.shown !== row || element.version !== row.version) {
			element.shown = row;
			element.version = row.version;
			this.paint(element, row);
		}
		if (element.at !== index) {
			element.at = index;
			element.style.transform = `translateY(${index * this.height}px)`;
			element.setAttribute("aria-posinset", index + 1);
		}
		if (element.of !== this.rows.length) {
			element.of = this.rows.length;
			element.setAttribute("aria-setsize", this.rows.length);
		}
		element.setAttribute("aria-selected", String(row.id === this.choice));
	}

	clicked(event) {
		const element = event.target.closest("[role=option]");
		if (element) {
			this.choose(element.shown, true);
			this.element.focus({preventScroll: true});
		}
	}

	choose(row, opened) {
		this.choice = row ? row.id : null;
		if (row)
			this.show(this.index(row.id));
		this.later();
		this.chosen(row, opened);
	}

	show(index) {
		const top = index * this.height;
		if (top < this.element.scrollTop)
			this.element.scrollTop = top;
		else if (top + this.height > this.element.scrollTop + this.element.clientHeight)
			this.element.scrollTop = top + this.height - this.element.clientHeight;
	}

	// One row down or up; the first one where none is chosen.
	move(step) {
		if (!this.rows.length)
			return;
		const at = this.choice === null ? -1 : this.index(this.choice);
		const to = at < 0 ? 0 : Math.min(this.rows.length - 1, Math.max(0, at + step));
		this.choose(this.row(to), false);
	}

	stop() {
		this.size.disconnect();
	}
}
