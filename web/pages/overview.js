// SPDX-License-Identifier: MIT
// How the exit node is: what it carries, who is there, and what somebody should do something about.

import {h, link, put, say} from "../dom.js";
import {change, get, list} from "../http.js";
import {count, day, duration, plural, rate, since, size} from "../format.js";
import {Chart} from "../chart.js";
import {confirm} from "../dialog.js";
import {pageKeys} from "../keys.js";
import {EVERY, Poll} from "./poll.js";
import {empty, LiveTable, state} from "./table.js";
import {Told} from "./told.js";

const COLUMNS = ["Client", "From", "Version", "#Since", "#Trip", "#Links", "#Services", "#Under way", "#New /s", "#Out /s"];

function tile(words, chart) {
	const big = h("p", {class: "big"});
	const small = h("p", {class: "small"});
	return {big, small, chart, element: h("div", {class: "tile", role: "group", "aria-label": words}, h("h2", null, words), big, small,
		chart?.element)};
}

function set(tile, big, unit, small) {
	put(tile.big, big, h("small", null, unit));
	tile.small.textContent = small;
}

export class Overview {
	constructor(context) {
		this.context = context;
		this.ended = new AbortController();
		this.open = new Set(); // ids of sessions whose details are shown
		this.charts = {
			requests: new Chart("Requests", [{name: "", class: "one"}], value => `${rate(value)}/s`),
			bytes: new Chart("Traffic", [{name: "sent", class: "one"}, {name: "received", class: "two"}], value => `${size(value)}/s`),
			times: new Chart("Time to answer", [{name: "median", class: "one"}, {name: "99 % within", class: "two"}], duration),
			open: new Chart("Under way", [{name: "", class: "one"}], count),
		};
		this.tiles = {
			requests: tile("Requests", this.charts.requests),
			bytes: tile("Traffic", this.charts.bytes),
			times: tile("Time to answer", this.charts.times),
			open: tile("Under way", this.charts.open),
		};
		// Until the program tells of its traffic, there is what it has.
		this.counts = {
			clients: tile("Clients"),
			services: tile("Services"),
			identities: tile("Identities"),
			streams: tile("Under way", new Chart("Under way", [{name: "", class: "one"}], count, EVERY / 1000)),
		};
		this.row = h("div", {class: "tiles"}, Object.values(this.counts).map(each => each.element));
		this.told = new Told();
		this.number = h("small");
		this.table = new LiveTable("Clients", COLUMNS, session => this.cells(session), session => this.details(session));
		this.none = empty("No client is connected", h("p", null, "On the machine that has something to publish:"),
			h("pre", null, `tunnel client --remote=${location.hostname} --upstream=http://127.0.0.1:3000`));
		this.clients = h("section", {class: "card"}, h("h2", null, "Clients ", this.number));
		this.attention = h("section", {class: "card attention"});
		this.element = h("div", {class: "dashboard"}, this.row, h("div", {class: "columns"}, this.clients, this.attention));
		this.poll = new Poll(() => this.ask());
	}

	start() {
		pageKeys({});
		this.context.live.listen({tick: tick => this.tick(tick), sessions: message => this.take(message)}, this.ended.signal);
		this.poll.start();
	}

	stop() {
		this.ended.abort();
		this.poll.stop();
	}

	tick(tick) {
		if (!this.ticks) {
			this.ticks = true;
			put(this.row, Object.values(this.tiles).map(each => each.element));
		}
		this.charts.requests.push(tick.rps);
		this.charts.bytes.push(tick.out, tick.in);
		this.charts.times.push(tick.p50, tick.p99);
		this.charts.open.push(tick.open);
		const [out, unit] = size(tick.out).split(" ");
		set(this.tiles.requests, rate(tick.rps), " /s", tick.errors ? `${rate(tick.errors)} /s of them errors` : "");
		set(this.tiles.bytes, out, ` ${unit}/s sent`, `${size(tick.in)}/s received`);
		set(this.tiles.times, duration(tick.p50), " median", `99 % within ${duration(tick.p99)}`);
		set(this.tiles.open, count(tick.open), " streams", tick.mem ? `${size(tick.mem)}${
			tick.budget ? ` of ${size(tick.budget)}` : ""} memory` : "");
	}

	tellCounts(status) {
		this.counts.streams.chart.push(status.streams);
		set(this.counts.clients, count(status.sessions), "", plural(status.links, "link"));
		set(this.counts.services, count(status.services), "", status.publicAddress ? `at ${status.publicAddress}` : "");
		set(this.counts.identities, count(status.identities), "", "");
		set(this.counts.streams, count(status.streams), " streams", "requests, connections and flows");
	}

	async ask() {
		const [status, sessions, attention] = await Promise.all([get("/api/v1/status"), list("/api/v1/sessions"),
			get("/api/v1/attention")]);
		if (!this.ticks)
			this.tellCounts(status);
		this.told.asked(sessions);
		this.showClients();
		this.showAttention(attention.items);
	}

	take(message) {
		this.told.take(message);
		this.showClients();
	}

	showClients() {
		const {items} = this.told;
		this.number.textContent = count(items.length);
		this.table.show(items);
		const shown = items.length ? this.table.element : this.none;
		if (this.clients.lastChild !== shown)
			put(this.clients, this.clients.firstChild, shown);
	}

	cells(session) {
		const error = session.lastError?.what;
		return [this.button(session), session.remoteAddr, session.version, since(session.since), duration(session.roundTripSeconds),
			count(session.links.length), count(session.services.length), count(session.streams),
			[`${rate(session.rps)} ${error}`, () => [rate(session.rps), error ? h("p", {class: "quiet"}, error) : null]],
			`${size(session.out)}/s`];
	}

	button(session) {
		const open = this.open.has(session.id);
		const words = session.ending ? `${session.identity}, ending` : session.identity;
		return [words, () => h("button", {type: "button", class: "plain", "aria-expanded": String(open), "data-session": session.id,
			onclick: event => this.toggle(session.id, event.currentTarget)}, state(session.ending ? "wait" : "good", words),
		h("span", {class: "arrow", "aria-hidden": "true"}, open ? "▾" : "▸"))];
	}

	toggle(id, button) {
		if (!this.open.delete(id))
			this.open.add(id);
		const open = this.open.has(id);
		button.setAttribute("aria-expanded", String(open));
		button.querySelector(".arrow").textContent = open ? "▾" : "▸";
		this.showClients();
	}

	details(session) {
		if (!this.open.has(session.id))
			return null;
		return [JSON.stringify(session.services), () => h("div", null,
			h("ul", {class: "ways"}, session.services.map(service => h("li", null, link(service.address), " → ",
				h("span", {class: "quiet"}, service.upstream)))),
			h("p", {class: "about"}, h("span", null, `session ${session.id}`),
				h("span", null, `since ${day(session.since)}`),
				h("button", {type: "button", class: "danger", onclick: () => this.askEnd(session)}, "End session…")))];
	}

	askEnd(session) {
		confirm(`End the session of ${session.identity}?`,
			"What is under way may take 30 seconds to finish. Its client may come back; revoke its token to keep it away.",
			"End it", async () => {
				await change("DELETE", `/api/v1/sessions/${encodeURIComponent(session.id)}?drain=30`);
				say(`The session of ${session.identity} ends`);
				this.poll.soon();
			});
	}

	showAttention(items) {
		const same = JSON.stringify(items.map(each => each.what));
		if (same === this.needed)
			return;
		this.needed = same;
		say(items.length ? `${plural(items.length, "thing")} need${items.length === 1 ? "s" : ""} attention` : "Nothing needs attention");
		put(this.attention, h("h2", null, "Needs attention ", h("small", null, items.length || "")),
			items.length ? h("ul", null, items.map(item => h("li", null,
				state(item.severity === "bad" ? "bad" : "warn", item.what), h("p", null, item.todo, item.about === "endpoint" ?
					[" ", h("a", {href: "#/private"}, "Decide"), "."] : null)))) :
				h("p", {class: "well"}, state("good", "All is well."), " Whatever somebody should do something about is listed here."));
	}
}
