// SPDX-License-Identifier: MIT
// A request to be changed and sent again.

import {h} from "../dom.js";
import {field, readBody} from "../body.js";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
// What the client makes anew from the body.
const MADE = ["content-length", "transfer-encoding", "connection"];

function lines(fields) {
	return fields.filter(([name]) => !MADE.includes(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`).join("\n");
}

function parsed(text) {
	return text.split("\n").filter(line => line.trim()).map(line => {
		const colon = line.indexOf(":");
		if (colon < 1)
			throw new Error(`"${line}" is no field: write "Name: value"`);
		return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
	});
}

export function editor(entry) {
	const {data} = entry;
	const {request} = data;
	const method = h("input", {id: "edit-method", value: data.method, list: "methods", required: true, autocapitalize: "characters",
		autocomplete: "off"});
	const target = h("input", {id: "edit-target", value: data.target, required: true, spellcheck: "false", autocomplete: "off"});
	const fields = h("textarea", {id: "edit-fields", rows: Math.min(14, request.fields.length + 1), spellcheck: "false"},
		lines(request.fields));
	const body = h("textarea", {id: "edit-body", rows: 10, spellcheck: "false", disabled: true});
	const bodyNote = h("p", {class: "quiet"});
	const trouble = h("p", {class: "trouble", role: "alert"});
	const before = {fields: fields.value, body: null};

	async function fill() {
		if (!request.body.bytes) {
			body.disabled = false;
			before.body = "";
			return;
		}
		if (request.body.kept < request.body.bytes) {
			bodyNote.textContent = "Only a part of the body was kept, so it cannot be sent as it was. What you write here is sent.";
			body.disabled = false;
			return;
		}
		const read = await readBody(`${entry.path}/request.body`, field(request.fields, "content-type"));
		if (read.kind === "binary") {
			bodyNote.textContent = "The body is no text; it is sent as it was.";
			return;
		}
		body.value = read.text;
		before.body = read.text;
		body.disabled = false;
	}

	async function send(event) {
		event.preventDefault();
		trouble.textContent = "";
		const changes = {};
		try {
			if (method.value !== data.method)
				changes.method = method.value;
			if (target.value !== data.target)
				changes.target = target.value;
			if (fields.value !== before.fields)
				changes.fields = parsed(fields.value);
			if (!body.disabled && body.value !== before.body)
				changes.body = body.value;
			await entry.replay(changes);
		} catch (error) {
			trouble.textContent = error.message;
		}
	}

	fill().catch(error => {
		bodyNote.textContent = error.message;
	});
	return h("form", {class: "editor", onsubmit: send, onkeydown: event =>
		(event.ctrlKey || event.metaKey) && event.key === "Enter" && send(event)},
	h("div", {class: "two"},
		h("label", {for: "edit-method"}, "Method"), method, h("datalist", {id: "methods"}, METHODS.map(value => h("option", {value}))),
		h("label", {for: "edit-target"}, "Path and query"), target),
	h("label", {for: "edit-fields"}, "Fields"), fields,
	h("p", {class: "quiet"}, "A value that is masked and stays as it is here is sent as it was."),
	h("label", {for: "edit-body"}, "Body"), body, bodyNote, trouble,
	h("div", {class: "actions"}, h("button", {class: "main"}, "Send"),
		h("button", {type: "button", onclick: () => entry.show(entry.view)}, "Cancel"),
		h("span", {class: "quiet"}, "Ctrl and Enter send too.")));
}
