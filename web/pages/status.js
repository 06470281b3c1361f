// SPDX-License-Identifier: MIT
// How a client is: its session, what it provides, and in which state each is.

import {h, link, put} from "../dom.js";
import {get, list} from "../http.js";
import {count, day, duration, plural, since, size} from "../format.js";
import {pageKeys} from "../keys.js";
import {Poll} from "./poll.js";
import {empty, state, table} from "./table.js";

const STATES = {granted: "good", open: "good", up: "good", waiting: "wait", offered: "wait", opening: "wait", connecting: "wait",
	handshaking: "wait", refused: "bad", down: "bad", leaving: "off", draining: "off", over: "off", idle: "off", stopped: "off"};

function stateOf(word, why = "") {
	return [state(STATES[word] || "off", word), why ? h("p", {class: "quiet"}, why) : null];
}

export class Status {
	constructor(context) {
		this.context = context;
		this.ended = new AbortController();
		this.session = h("section", {class: "card"});
		this.provides = h("section", {class: "card"});
		this.limits = h("section", {class: "card"});
		this.element = h("div", {class: "dashboard"}, this.session, this.provides, this.limits);
		this.poll = new Poll(() => this.ask());
	}

	start() {
		pageKeys({});
		this.context.live.listen({sessions: () => this.poll.soon(), services: () => this.poll.soon()}, this.ended.signal);
		this.poll.start();
	}

	stop() {
		this.ended.abort();
		this.poll.stop();
	}

	async ask() {
		const [sessions, publications, limits] = await Promise.all([list("/api/v1/sessions"), list("/api/v1/publications"), get("/api/v1/limits")]);
		this.showSession(sessions[0]);
		this.showProvides(publications);
		this.showLimits(limits.items);
	}

	showSession(session) {
		put(this.session, session ? [
			h("h2", null, "Session ", h("small", null, session.exitNode)),
			h("p", {class: "about"}, stateOf(session.state), session.linksUp ? h("span", null, `since ${day(session.since)}`) : null,
				h("span", null, plural(session.streams, "stream")), session.id ? h("span", null, session.id) : null),
			table("Links", ["Link", "State", "Protection", "#Since", "#Trip", "#Streams"], session.links.map(each => [
				String(each.number), stateOf(each.state, each.lastFailure), each.state === "up" ? each.sealed ? "sealed" : "TLS alone" : "–",
				each.state === "up" ? since(each.since) : "–", duration(each.roundTripSeconds), count(each.streams)])),
		] : empty("There is no session"));
	}

	showProvides(publications) {
		put(this.provides, h("h2", null, "Provides ", h("small", null, publications.length || "")), publications.length ?
			table("What this client provides", ["Address", "Upstream", "State", "#Connections", "#Waiting"],
				publications.map(each => [each.address ? link(each.address) : each.place,
					h("span", {class: "quiet"}, each.upstream), [stateOf(each.state, each.why), each.private ? " private" : null],
					count(each.connections), count(each.waiting)])) :
			empty("It publishes nothing"));
	}

	showLimits(limits) {
		const number = (each, value) => each.unit === "bytes" ? size(value) : count(value);
		put(this.limits, h("h2", null, "Limits"),
			table("Limits", ["Limit", "State", "#Now", "#Most so far", "#Reached", "#At most"], limits.map(each => [each.name,
				each.limit && each.use >= each.limit ? state("warn", "reached") : state("good", "enough room"), number(each, each.use), each.peak === null || each.peak === undefined ? "–" : number(each, each.peak), count(each.reached),
				each.limit ? number(each, each.limit) : "no limit"])));
	}
}
