// SPDX-License-Identifier: MIT
// What is published, what it carries at the moment, and where a visitor's address leads.

import {h, link, put} from "../dom.js";
import {get, list} from "../http.js";
import {clock, count, duration, rate, size} from "../format.js";
import {pageKeys} from "../keys.js";
import {Poll} from "./poll.js";
import {empty, LiveTable, state} from "./table.js";
import {Told} from "./told.js";

const COLUMNS = ["Public address", "Upstream", "Client", "State", "#New /s", "#In /s", "#Out /s", "#Under way", "#Median", "#99 % within"];
const STATES = {served: "good", failing: "bad", ending: "wait"};

function stateOf(item) {
	const {state: word, exclusive, lastError: error} = item;
	const why = error ? `${clock(error.at)}: ${error.what}` : "";
	return [`${word} ${exclusive} ${why}`, () => [state(STATES[word] || "off", exclusive ? `${word}, exclusive` : word),
		why ? h("p", {class: "quiet"}, why) : null]];
}

function cells(item) {
	return [
		[item.address, () => link(item.address)],
		[item.upstream, () => h("span", {class: "quiet"}, item.upstream)],
		item.identity,
		stateOf(item),
		rate(item.rps), `${size(item.in)}/s`, `${size(item.out)}/s`, count(item.open), duration(item.p50), duration(item.p99)];
}

export class Services {
	constructor(context) {
		this.context = context;
		this.ended = new AbortController();
		this.told = new Told();
		this.number = h("small");
		this.table = new LiveTable("Services", COLUMNS, cells);
		this.none = empty("Nothing is published", h("p", null, "What clients publish is listed here, with its address."));
		this.services = h("section", {class: "card"}, h("h2", null, "Services ", this.number));
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
		this.context.live.listen({services: message => this.take(message)}, this.ended.signal);
		this.poll.start();
	}

	stop() {
		this.ended.abort();
		this.poll.stop();
	}

	async ask() {
		this.told.asked(await list("/api/v1/publications"));
		this.show();
	}

	take(message) {
		this.told.take(message);
		this.show();
	}

	show() {
		const {items} = this.told;
		this.number.textContent = count(items.length);
		this.table.show(items);
		const shown = items.length ? this.table.element : this.none;
		if (this.services.lastChild !== shown)
			put(this.services, this.services.firstChild, shown);
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
