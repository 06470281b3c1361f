// SPDX-License-Identifier: MIT
// Bytes of a stranger as something to read: JSON, text, or a dump.

import {h} from "./dom.js";
import {bytes} from "./http.js";
import {size} from "./format.js";

const MOST = 200000; // characters in the document at once: more of them make the page slow
const COLOURED = 60000; // characters of JSON with a colour for each kind of value
const DUMPED = 4096; // bytes

// The first value of a field; "" where there is none.
export function field(fields, name) {
	return fields.find(([key]) => key.toLowerCase() === name)?.[1] ?? "";
}

// {kind, text, pretty}: of all that was kept
export async function readBody(path, type) {
	const data = await bytes(path);
	let text;
	try {
		text = new TextDecoder("utf-8", {fatal: true}).decode(data);
	} catch {
		return {kind: "binary", data, text: dump(data)};
	}
	if (/[\0-\x08\x0e-\x1a\x1c-\x1f]/.test(text.slice(0, 4096)))
		return {kind: "binary", data, text: dump(data)};
	if (/json/i.test(type) || /^\s*[[{]/.test(text)) {
		try {
			return {kind: "json", data, text, pretty: JSON.stringify(JSON.parse(text), null, 2)};
		} catch (error) {
			if (/json/i.test(type))
				return {kind: "text", data, text, wrong: error.message};
		}
	}
	return {kind: "text", data, text};
}

function dump(data) {
	const lines = [];
	for (let at = 0; at < Math.min(data.length, DUMPED); at += 16) {
		const row = [...data.subarray(at, at + 16)];
		const hex = row.map(byte => byte.toString(16).padStart(2, "0")).join(" ").padEnd(47);
		const characters = row.map(byte => byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·").join("");
		lines.push(`${at.toString(16).padStart(6, "0")}  ${hex}  ${characters}`);
	}
	return lines.join("\n");
}

const TOKEN = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function coloured(text) {
	const parts = [];
	let at = 0;
	for (const match of text.matchAll(TOKEN)) {
		parts.push(text.slice(at, match.index));
		const kind = match[2] ? "name" : match[1] ? "text" : /^[-\d]/.test(match[0]) ? "number" : "word";
		parts.push(h("span", {class: `json-${kind}`}, match[1] || match[0]), match[2] || "");
		at = match.index + match[0].length;
	}
	parts.push(text.slice(at));
	return parts;
}

export function showText(text, colours = false) {
	const shown = text.slice(0, MOST);
	const pre = h("pre", {tabindex: "0", "aria-label": "Body"}, colours && text.length < COLOURED ? coloured(shown) : shown);
	if (text.length <= MOST)
		return pre;
	const more = h("button", {type: "button", onclick: () => {
		pre.textContent = text;
		more.remove();
	}}, `Show all of it (${size(text.length)})`);
	return [pre, more];
}

// part: {bytes, kept} of the entry's message with these fields
export function bodyView(path, part, fields = []) {
	const type = field(fields, "content-type");
	const coding = field(fields, "content-encoding");
	const place = h("div", {class: "body"});
	if (!part.bytes) {
		place.append(h("p", {class: "quiet"}, "No body."));
		return place;
	}
	const cut = part.kept < part.bytes;
	const words = [type.split(";")[0] || "no type",
		cut ? `${size(part.kept)} of ${size(part.bytes)} kept` : size(part.bytes),
		coding && `decoded from ${coding}`].filter(Boolean);
	const about = h("p", {class: "about"}, h("span", null, words.join(" · ")),
		part.kept ? h("a", {href: path, download: true}, "Save") : null);
	place.append(about);
	if (!part.kept)
		place.append(h("p", {class: "quiet"}, "Nothing of it was kept (--inspect-body)."));
	else
		readBody(`${path}?decode=1`, type).then(body => {
			if (body.wrong)
				place.append(h("p", {class: "trouble"}, cut ? "Cut JSON, so shown as it is." : `No valid JSON: ${body.wrong}`));
			place.append(...[showText(body.pretty ?? body.text, body.kind === "json")].flat());
			if (body.kind === "binary" && body.data.length > DUMPED)
				place.append(h("p", {class: "quiet"}, `The first ${size(DUMPED)} of ${size(body.data.length)}; Save has all.`));
		}, error => place.append(h("p", {class: "trouble"}, error.message)));
	return place;
}
