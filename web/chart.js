// SPDX-License-Identifier: MIT
// A line of the last minutes. SVG, because a canvas is invisible to who cannot see it and to the tests.

import {h, svg} from "./dom.js";
import {span} from "./format.js";

const POINTS = 300;
const FEWEST = 60; // what fills the width at first
const WIDTH = 300;
const HEIGHT = 48;

export class Chart {
	// Lines: {name, class} each; words(value) says a value; so many seconds are between two of them.
	constructor(title, lines, words, seconds = 1) {
		this.seconds = seconds;
		this.title = title;
		this.words = words;
		this.lines = lines.map(line => ({...line, values: []}));
		this.label = svg("title");
		this.area = svg("path", {class: "area"});
		this.paths = this.lines.map(line => svg("path", {class: `line ${line.class}`,
			"vector-effect": "non-scaling-stroke"}));
		this.cross = svg("line", {class: "cross", y1: 0, y2: HEIGHT, "vector-effect": "non-scaling-stroke"});
		this.svg = svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img"},
			this.label, this.area, this.paths, this.cross);
		this.hint = h("span", {class: "hint", "aria-hidden": "true"});
		this.element = h("div", {class: "chart", onpointermove: event => this.point(event),
			onpointerleave: () => this.point(null)}, this.svg, this.hint);
		this.at = null;
		this.draw();
	}

	push(...values) {
		values.forEach((value, i) => {
			this.lines[i].values.push(value || 0);
			if (this.lines[i].values.length > POINTS)
				this.lines[i].values.shift();
		});
		this.draw();
	}

	draw() {
		const top = Math.max(1e-9, ...this.lines.flatMap(line => line.values)) * 1.1;
		const y = value => (HEIGHT - 1.5 - value / top * (HEIGHT - 4)).toFixed(1);
		this.step = WIDTH / (Math.max(FEWEST, this.lines[0].values.length) - 1);
		this.lines.forEach((line, i) => {
			const start = WIDTH - (line.values.length - 1) * this.step;
			const points = line.values.map((value, n) => `${(start + n * this.step).toFixed(1)},${y(value)}`).join("L");
			this.paths[i].setAttribute("d", points ? `M${points}` : "");
			if (i === 0)
				this.area.setAttribute("d", points ? `M${start.toFixed(1)},${HEIGHT}L${points}L${WIDTH},${HEIGHT}Z` : "");
		});
		const last = this.lines.map(line => `${line.name} ${this.words(line.values.at(-1) || 0)}`).join(", ");
		this.label.textContent = `${this.title}, last ${span(POINTS * this.seconds)}; now ${last}`;
		this.tell();
	}

	point(event) {
		const box = this.svg.getBoundingClientRect();
		this.at = event ? Math.round((event.clientX - box.left) / box.width * WIDTH) : null;
		this.tell();
	}

	// What the pointer is at.
	tell() {
		const back = this.at === null ? -1 : Math.round((WIDTH - Math.min(WIDTH, Math.max(0, this.at))) / this.step);
		const known = back >= 0 && back < this.lines[0].values.length;
		this.hint.textContent = known ? this.lines.map(line => this.words(line.values.at(-1 - back))).join(" · ") +
			(back ? `, ${span(back * this.seconds)} ago` : ", now") : "";
		this.cross.classList.toggle("on", known);
		if (known) {
			this.cross.setAttribute("x1", WIDTH - back * this.step);
			this.cross.setAttribute("x2", WIDTH - back * this.step);
		}
	}
}
