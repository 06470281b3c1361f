// SPDX-License-Identifier: MIT
// Keys of one letter, while nothing is being typed. A page says which it has; "?" shows them.

import {h} from "./dom.js";
import {show} from "./dialog.js";

const TYPING = "input, textarea, select, [contenteditable]";
let here = {};

// {key: {does, words}}
export function pageKeys(keys) {
	here = keys;
}

const everywhere = {"?": {words: "these keys", does: help}};

function help() {
	const rows = Object.entries({...here, ...everywhere}).map(([key, {words}]) =>
		[h("dt", null, h("kbd", null, key === " " ? "Space" : key)), h("dd", null, words)]);
	show("Keys", h("dl", {class: "keys"}, rows), [{words: "Close"}]);
}

document.addEventListener("keydown", event => {
	if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]"))
		return;
	const typing = event.target.closest?.(TYPING);
	if (typing && event.key !== "Escape")
		return;
	// Enter on a button or a link is theirs.
	if (event.key === "Enter" && event.target.closest?.("button, a, summary"))
		return;
	const key = here[event.key] || everywhere[event.key];
	if (!key)
		return;
	event.preventDefault();
	if (typing && event.key === "Escape")
		typing.blur();
	key.does(event);
});
