// SPDX-License-Identifier: MIT
// How a client is: its session, what it provides, what it consumes, and in which state each is.

import {h, link, put} from "../dom.js";
import {get, list} from "../http.js";
import {count, day, duration, plural, rate, since, size} from "../format.js";
import {pageKeys} from "../keys.js";
import {Poll} from "./poll.js";
import {empty, state, table} from "./table.js";

const STATES = {granted: "good", open: "good", listening: "good", approved: "good", waiting: "wait", pending: "wait", opening: "wait",
	refused: "bad", rejected: "bad", failed: "bad", lost: "off", disconnected: "off"};

function stateOf(item) {
	const kind = item.healthy === false ? "bad" : STATES[item.state.toLowerCase()] || "off";
	return [state(kind, item.healthy === false ? "upstream does not answer" : item.state), item.why ? h("p", {class: "quiet"}, item.why) : null];
}

export class Status {
	constructor(context) {
		this.context = context;
		this.ended = new AbortController();
		this.session = h("section", {class: "card"});
		this.provides = h("section", {class: "card"});
		this.consumes = h("section", {class: "card"});
		this.limits = h("section", {class: "card"});
		this.element = h("div", {class: "dashboard"}, this.session, this.provides, this.consumes, this.limits);
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
		const [sessions, services, limits] = await Promise.all([list("/api/v1/sessions"), list("/api/v1/services"), get("/api/v1/limits")]);
		this.showSession(sessions[0]);
		this.showProvides(services.filter(each => each.role !== "consumer"));
		this.showConsumes(services.filter(each => each.role === "consumer"));
		this.showLimits(limits.items);
	}

	showSession(session) {
		put(this.session, (session ? [
			h("h2", null, "Session ", h("small", null, session.remote)),
			h("p", {class: "about"}, state(STATES[session.state] || "off", session.state), h("span", null, `since ${day(session.since)}`),
				h("span", null, plural(session.streams, "stream")), h("span", null, session.id)),
			table("Links", ["Link", "State", "#Since", "#Trip", "#Sent", "#Received"], session.links.map((each, i) => [
				`${i + 1}`, state("good", each.protection || "open"), since(each.since), duration(each.roundTrip), size(each.bytesOut ?? 0),
				size(each.bytesIn ?? 0)])),
		] : [empty("No session is open", h("p", null, "The client dials the exit node again and again; its log says why it fails."))]));
	}

	showProvides(services) {
		put(this.provides, h("h2", null, "Provides ", h("small", null, services.length || "")), services.length ?
			table("What this client provides", ["Address", "Upstream", "State", "#Under way", "#Requests/s", "#Median", "#99 % within"],
				services.map(each => [link(each.address), each.upstream, stateOf(each), count(each.streams ?? 0), rate(each.requestsPerSecond ?? 0),
					duration(each.p50), duration(each.p99)])) :
			empty("It publishes nothing"));
	}

	showConsumes(services) {
		this.consumes.hidden = !services.length;
		put(this.consumes, h("h2", null, "Consumes ", h("small", null, services.length)),
			table("What this client consumes", ["Service", "At", "State", "#Connections"],
				services.map(each => [each.name, h("code", null, each.address || "–"), stateOf(each), count(each.streams ?? 0)])));
	}

	showLimits(limits) {
		this.limits.hidden = !limits.length;
		put(this.limits, h("h2", null, "Limits"),
			table("Limits", ["Limit", "#Now", "#Most so far", "#At most", "#Times reached"],
				limits.map(each => [each.name, count(each.use), count(each.peak), count(each.limit),
					each.reached ? state("warn", count(each.reached)) : "0"])));
	}
}
