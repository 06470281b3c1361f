// SPDX-License-Identifier: MIT
// Elements from code. What a stranger sent becomes text or the value of an attribute, never markup: there is no
// innerHTML on these pages, and no attribute here runs anything.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
	for (const [name, value] of Object.entries(properties || {})) {
		if (name.startsWith("on"))
			element.addEventListener(name.slice(2), value);
		else if (value === true)
			element.setAttribute(name, "");
		else if (value !== false && value !== null && value !== undefined)
			element.setAttribute(name, value);
	}
	for (const child of children.flat(Infinity))
		if (child !== null && child !== undefined && child !== false)
			element.append(child);
	return element;
}

// h("a", {href: "#", onclick: f}, "text", element, [more])
export function h(name, properties, ...children) {
	return fill(document.createElement(name), properties, children);
}

export function svg(name, properties, ...children) {
	return fill(document.createElementNS(SVG, name), properties, children);
}

// What is in an element from now on; null and false are nothing.
export function put(element, ...children) {
	element.replaceChildren();
	return fill(element, null, children);
}

// Only what a browser opens as a page; a stranger's "javascript:" does not become a link.
export function link(url, text) {
	return /^https?:\/\//i.test(url) ?
		h("a", {href: url, target: "_blank", rel: "noopener noreferrer"}, text || url) : h("span", null, text || url);
}

// For who cannot see the page: sums and results, not rows.
export function say(text) {
	document.getElementById("said").textContent = text;
}
