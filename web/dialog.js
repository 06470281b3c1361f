// SPDX-License-Identifier: MIT
// A question above the page. The browser keeps the focus inside and gives it back.

import {h} from "./dom.js";

// Buttons: {words, does, kind}; Enter presses the one of kind "main". What does() throws is shown, and the question stays.
export function show(title, content, buttons) {
	const trouble = h("p", {class: "trouble", role: "alert"});
	const press = async (button, element) => {
		element.disabled = true;
		trouble.textContent = "";
		try {
			await button.does?.();
			dialog.close();
		} catch (error) {
			trouble.textContent = error.message;
			element.disabled = false;
		}
	};
	const made = buttons.map(({words, kind = ""}) =>
		h("button", {type: kind.startsWith("main") ? "submit" : "button", class: kind}, words));
	made.forEach((element, i) => element.type === "button" && element.addEventListener("click", () => press(buttons[i], element)));
	const main = made.findIndex(element => element.type === "submit");
	const form = h("form", {onsubmit: event => {
		event.preventDefault();
		press(buttons[main], made[main]);
	}}, h("h2", {id: "question"}, title), content, trouble, h("div", {class: "buttons"}, made));
	const dialog = h("dialog", {"aria-labelledby": "question", onclose: () => dialog.remove(),
		onclick: event => event.target === dialog && dialog.close()}, form);
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

export function confirm(title, text, words, does, kind = "main danger") {
	return show(title, typeof text === "string" ? h("p", null, text) : text, [{words: "Cancel"}, {words, does, kind}]);
}
