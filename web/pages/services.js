// SPDX-License-Identifier: MIT
// What is published, how it does, and where a visitor's address leads.

import {h, link, put} from "../dom.js";
import {get, list} from "../http.js";
import {count, since} from "../format.js";
import {pageKeys} from "../keys.js";
import {Poll} from "./poll.js";
import {empty, state, table} from "./table.js";

export class Services {
	constructor(context) {
		this.context = context;
		this.ended = new AbortController();
		this.services = h("section", {class: "card"});
		this.host = h("input", {id: "where", placeholder: "app.example.org/path", spellcheck: "false", autocomplete: "off"});
		this.answer = h("p", {class: "answer", role: "status"});
		this.element = h("div", {class: "dashboard"}, this.services,
			h("section", {class: "card"}, h("h2", null, "Where does an address lead?"),
				h("form", {class: "where", onsubmit: event => this.explain(event)},
					h("label", {for: "where", class: "unseen"}, "Host and path"), this.host, h("button", null, "Explain")), this.answer));
		this.poll = new Poll(() => this.ask());
	}

	start() {
		pageKeys({"/": {words: "where does an address lead", does: () => this.host.focus()}});
		this.context.live.listen({services: () => this.poll.soon(), sessions: () => this.poll.soon()}, this.ended.signal);
		this.poll.start();
	}

	stop() {
		this.ended.abort();
		this.poll.stop();
	}

	async ask() {
		const sessions = await list("/api/v1/sessions");
		const rows = sessions.flatMap(session => session.services.map(service => [
			link(service.address),
			h("span", {class: "quiet"}, service.upstream),
			session.identity,
			session.ending ? state("wait", "client ends") : state("good", service.exclusive ? "served, exclusive" : "served"),
			since(session.since),
		]));
		put(this.services, h("h2", null, "Services ", h("small", null, count(rows.length))),
			rows.length ? table("Services", ["Public address", "Upstream", "Client", "State", "#Since"], rows) :
				empty("Nothing is published", h("p", null, "What clients publish is listed here, with its address.")));
	}

	async explain(event) {
		event.preventDefault();
		const [, host, path] = this.host.value.trim().match(/^(?:https?:\/\/)?([^/]*)(\/.*)?$/i);
		try {
			const query = new URLSearchParams({host, ...(path ? {path} : {})});
			this.answer.textContent = (await get(`/api/v1/routes?${query}`)).why;
		} catch (error) {
			this.answer.textContent = error.message;
		}
	}
}
