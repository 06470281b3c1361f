// SPDX-License-Identifier: MIT
// One captured request: what was asked, what was answered, where the time went; and again, as it was or edited.

import {h, put, say} from "../dom.js";
import {get, change, text} from "../http.js";
import {day, duration} from "../format.js";
import {bodyView} from "../body.js";
import {compareView} from "./compare.js";
import {editor} from "./editor.js";
import {timing} from "./timing.js";

const VIEWS = {request: "Request", answer: "Answer", raw: "Raw", compare: "Compare"};
const STATES = {open: "under way", raw: "no HTTP", failed: "failed", cut: "cut"};
const AGAIN = 400; // milliseconds until one that is under way is asked for again

// The rest of a sentence as one.
function sentence(text = "") {
	return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

export class Entry {
	// note: what is to be said of it
	constructor(requests, id, view, note = "") {
		this.note = note;
		this.requests = requests;
		this.id = id;
		this.path = `/api/v1/requests/${encodeURIComponent(id)}`;
		this.view = view in VIEWS ? view : "request";
		this.element = h("article", {class: "entry", "aria-busy": "true"});
		this.load();
	}

	stop() {
		this.stopped = true;
		clearTimeout(this.timer);
	}

	async load() {
		try {
			this.data = await get(this.path);
		} catch (error) {
			put(this.element, h("div", {class: "empty"}, h("h2", null, "This request is not there any more"),
				h("p", null, error.status === 404 ? "Newer ones have taken its place in the ring (--inspect sets its size)." :
					error.message)));
			return;
		}
		if (this.stopped)
			return;
		this.element.removeAttribute("aria-busy");
		if (!this.tabs)
			this.build();
		this.tell();
		if (!this.editing)
			this.show(this.view);
		if (this.note)
			this.trouble(this.note, "quiet");
		if (this.data.state === "open")
			this.timer = setTimeout(() => this.load(), AGAIN);
	}

	build() {
		this.head = h("div", {class: "head"});
		this.tabs = Object.entries(VIEWS).map(([view, words]) => h("button", {type: "button", role: "tab", id: `tab-${view}`,
			"aria-controls": "view", onclick: () => this.show(view)}, words));
		this.place = h("div", {id: "view", class: "view", role: "tabpanel", tabindex: "-1"});
		put(this.element, this.head, h("div", {class: "tabs", role: "tablist", "aria-label": "Parts of the request",
			onkeydown: event => this.turned(event)}, this.tabs), this.place);
	}

	// Left and right, as everywhere with tabs.
	turned(event) {
		const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
		if (!step)
			return;
		const views = Object.keys(VIEWS);
		this.show(views[(views.indexOf(this.view) + step + views.length) % views.length]);
		this.tabs[views.indexOf(this.view)].focus();
		event.stopPropagation();
	}

	tell() {
		const {data} = this;
		const status = data.status ? String(data.status) : STATES[data.state] || "no answer";
		const kind = !data.status ? "none" : data.status >= 500 ? "bad" : data.status >= 400 ? "warn" : "fine";
		put(this.head,
			h("h2", {tabindex: "-1"}, h("span", {class: "method"}, data.method), " ", h("span", {class: "target"}, data.target)),
			h("p", {class: "about"},
				h("span", {class: `badge ${kind}`}, status),
				data.websocket ? h("span", null, "WebSocket") : data.state === "open" ? null : h("span", null, duration(data.duration)),
				h("span", null, data.host || "no host"),
				data.client ? h("span", null, `from ${data.client}`) : null,
				h("span", null, `→ ${data.upstream}`),
				h("time", {datetime: new Date(data.at * 1000).toISOString()}, day(data.at * 1000))),
			data.replay_of ? h("p", {class: "note"}, "↻ A replay of ", h("a", {href: `#/requests/${encodeURIComponent(data.replay_of)}`},
				"this request"), ".") : null,
			data.why ? h("p", {class: "note trouble"}, data.why) : null,
			!data.not_replayable ? null : h("p", {class: "note quiet"}, `${sentence(data.not_replayable)} It can be edited and sent.`),
			h("div", {class: "actions"},
				h("button", {type: "button", class: "main", disabled: Boolean(data.not_replayable), onclick: () => this.replay()}, "Replay"),
				h("button", {type: "button", onclick: () => this.edit()}, "Edit and replay"),
				h("button", {type: "button", onclick: () => this.curl()}, "Copy as curl"),
				h("button", {type: "button", "aria-pressed": String(Boolean(data.pinned)), onclick: () => this.pin()}, "Pin")),
			timing(data.timing));
	}

	show(view) {
		if (!this.data)
			return;
		this.editing = false;
		this.view = view;
		Object.keys(VIEWS).forEach((name, i) => {
			this.tabs[i].setAttribute("aria-selected", String(name === view));
			this.tabs[i].tabIndex = name === view ? 0 : -1;
		});
		this.place.setAttribute("aria-labelledby", `tab-${view}`);
		put(this.place, [{
			request: () => this.message("request"),
			answer: () => this.message("response"),
			raw: () => this.raw(),
			compare: () => compareView(this),
		}[view]()].flat());
	}

	message(which) {
		const part = this.data[which];
		if (!part)
			return h("p", {class: "quiet"}, this.data.state === "open" ? "There is no answer yet." : "There was no answer.");
		const query = which === "request" ? [...new URLSearchParams(this.data.target.split("?").slice(1).join("?"))] : [];
		return [
			part.line ? h("p", {class: "line"}, part.line) : null,
			query.length ? [h("h3", null, "Query"), this.table(query)] : null,
			part.line ? [h("h3", null, "Fields"), this.table(part.fields)] : null,
			h("h3", null, "Body"), bodyView(`${this.path}/${which}.body`, part.body, part.fields),
		].flat().filter(Boolean);
	}

	table(rows) {
		return h("dl", {class: "fields"}, rows.map(([name, value]) => [h("dt", null, name),
			h("dd", {class: value.includes("••••") ? "masked" : null}, value)]));
	}

	raw() {
		return ["request", "response"].filter(which => this.data[which]).map(which => {
			const part = this.data[which];
			const head = [part.line, ...part.fields.map(([name, value]) => `${name}: ${value}`)].join("\n");
			return [h("h3", null, which === "request" ? "What was asked" : "What was answered"),
				part.line ? h("pre", {tabindex: "0", "aria-label": "Head"}, head) : null,
				part.body.bytes ? bodyView(`${this.path}/${which}.body`, part.body) : null];
		}).flat().filter(Boolean).concat(h("p", {class: "quiet"},
			"Fields that are known to carry secrets are masked; bodies are not searched for secrets."));
	}

	// changes: what is not as it was
	async replay(changes = {}) {
		if (!this.data)
			return;
		say("Replaying");
		try {
			const {id, left_out: without} = await change("POST", `${this.path}/replay`, changes);
			await this.requests.fetch();
			this.requests.replayed(id, without.length ? `Sent without ${without.join(", ")}, which was not kept.` : "");
			say("The replay is there; both answers are compared");
		} catch (error) {
			if (this.editing)
				throw error;
			this.trouble(error.message);
		}
	}

	edit() {
		if (!this.data)
			return;
		this.editing = true;
		this.tabs.forEach(tab => tab.setAttribute("aria-selected", "false"));
		this.tabs[0].tabIndex = 0;
		const form = editor(this);
		put(this.place, form);
		form.querySelector("input").focus();
	}

	async curl() {
		if (!this.data)
			return;
		try {
			await navigator.clipboard.writeText(await text(`${this.path}/curl`));
			this.trouble("Copied. Masked values are to be filled in by you.", "good");
		} catch (error) {
			this.trouble(error.message);
		}
	}

	async pin() {
		try {
			await change("POST", `${this.path}/pin`, {pinned: !this.data.pinned});
			await this.load();
		} catch (error) {
			this.trouble(error.message);
		}
	}

	trouble(words, kind = "trouble") {
		this.head.querySelector(".result")?.remove();
		this.head.append(h("p", {class: `note result ${kind}`, role: "status"}, words));
	}
}

