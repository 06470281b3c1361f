// SPDX-License-Identifier: MIT
// Who may use which private service: what waits for a decision first, then what is there, then intentions.

import {h, put, say} from "../dom.js";
import {get, change, list} from "../http.js";
import {count, plural, since} from "../format.js";
import {confirm, show} from "../dialog.js";
import {pageKeys} from "../keys.js";
import {Poll} from "./poll.js";
import {empty, state, table} from "./table.js";

const STATES = {Pending: "wait", Approved: "good", Rejected: "bad", Disconnected: "off"};

// What the page needs of an answer in Azure's shape.
function endpoint(item) {
	const {properties} = item;
	return {name: item.name, etag: item.etag, service: item.id.split("/")[2], owner: item.resourceGroup,
		consumer: properties.privateEndpoint.resourceGroup, status: properties.privateLinkServiceConnectionState.status,
		description: properties.privateLinkServiceConnectionState.description, message: properties.requestMessage,
		created: properties.createdAt, decidedBy: properties.decidedBy, streams: properties.streams, online: properties.online,
		key: properties.endToEndKey};
}

export class Private {
	constructor(context) {
		this.context = context;
		this.pending = h("section", {class: "card pending"});
		this.services = h("section", {class: "card"});
		this.endpoints = h("section", {class: "card"});
		this.intentions = h("section", {class: "card"});
		this.element = h("div", {class: "dashboard"}, this.pending, this.services, this.endpoints, this.intentions);
		this.poll = new Poll(() => this.ask());
		this.shown = new Map();
		this.ended = new AbortController();
	}

	start() {
		pageKeys({d: {words: "deny a source a destination", does: () => this.askIntention("deny")}});
		this.context.live.listen({services: () => this.poll.soon()}, this.ended.signal);
		this.poll.start();
	}

	stop() {
		this.ended.abort();
		this.poll.stop();
	}

	async ask() {
		const [services, endpoints, intentions] = await Promise.all([list("/api/v1/services"), list("/api/v1/endpoints"),
			list("/api/v1/intentions")]);
		const all = endpoints.map(endpoint);
		this.known = {services: services.map(each => each.name), identities: [...new Set(all.map(each => each.consumer))]};
		const waiting = all.filter(each => each.status === "Pending").length;
		this.context.mark("private", waiting, `${waiting} waiting`);
		this.tell(this.pending, all.filter(each => each.status === "Pending"), items => this.showPending(items));
		this.tell(this.services, services, items => this.showServices(items));
		this.tell(this.endpoints, all.filter(each => each.status !== "Pending"), items => this.showEndpoints(items));
		this.tell(this.intentions, intentions, items => this.showIntentions(items));
	}

	// Only what changed is made anew: who stands on a button of it keeps his place.
	tell(section, items, fill) {
		const same = JSON.stringify(items) + Math.floor(Date.now() / 60000);
		if (this.shown.get(section) === same)
			return;
		this.shown.set(section, same);
		const focus = section.contains(document.activeElement) ? document.activeElement.dataset.key : null;
		put(section, fill(items).flat().filter(Boolean));
		if (focus)
			section.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus();
	}

	button(words, name, does, kind = "") {
		return h("button", {type: "button", class: kind, "data-key": `${words} ${name}`, "aria-label": `${words} ${name}`, onclick: does},
			words);
	}

	showPending(items) {
		return [h("h2", null, "Waiting for a decision ", h("small", null, items.length || "")),
			items.length ? h("ul", {class: "asks"}, items.map(item => h("li", null,
				h("div", null, h("p", null, h("b", null, item.consumer), " asks for ", h("b", null, item.service)),
					h("p", {class: "message"}, item.message ? `“${item.message}”` : "No message."),
					h("p", {class: "quiet"}, `${since(item.created)} ago · ${item.name}${item.online ? "" : " · not connected now"}`)),
				h("div", {class: "actions"},
					this.button("Approve", item.name, () => this.decide(item, "approve"), "main"),
					this.button("Reject", item.name, () => this.decide(item, "reject")))))) :
				h("p", {class: "well"}, "Nobody waits.")];
	}

	showServices(items) {
		const rows = items.map(({name, resourceGroup, properties}) => [name, h("code", {class: "alias"}, properties.alias), resourceGroup,
			properties.kind, properties.online ? state("good", "published") : state("off", "nobody publishes it"),
			count(properties.sessions), count(properties.endpoints?.approved), count(properties.streams)]);
		return [h("h2", null, "Private services ", h("small", null, items.length || "")),
			rows.length ? table("Private services", ["Service", "Alias", "Owner", "Kind", "State", "#Sessions", "#Approved", "#Connections"],
				rows) :
				empty("There is no private service", h("p", null, "A client publishes one, and its alias is what others ask with:"),
					h("pre", null, "tunnel client --upstream=tcp://127.0.0.1:5432 --private=db"))];
	}

	showEndpoints(items) {
		const rows = items.map(item => [item.consumer, item.service, state(STATES[item.status], item.status),
			item.description || h("span", {class: "quiet"}, "–"), item.decidedBy || h("span", {class: "quiet"}, "–"), since(item.created),
			count(item.streams), item.status === "Disconnected" ? "" : item.status === "Approved" ?
				this.button("Reject", item.name, () => this.decide(item, "reject")) :
				this.button("Approve", item.name, () => this.decide(item, "approve"))]);
		return [h("h2", null, "Endpoints ", h("small", null, items.length || "")),
			rows.length ? table("Endpoints", ["Consumer", "Service", "State", "Why", "By", "#Age", "#Connections", "-Decide"], rows) :
				h("p", {class: "quiet"}, "Who was let in, or not, is listed here.")];
	}

	showIntentions(items) {
		const rows = items.map(item => {
			const pair = `${item.source} to ${item.destination}`;
			return [item.source, item.destination, item.action === "allow" ? state("good", "allow") : state("bad", "deny"),
				item.description || h("span", {class: "quiet"}, "–"), String(item.precedence),
				h("span", {class: "actions"},
					item.action === "allow" ? this.button("Deny", pair, () => this.turn(item, "deny"), "danger") :
						this.button("Allow", pair, () => this.turn(item, "allow")),
					this.button("Remove", pair, () => this.remove(item)))];
		});
		return [h("div", {class: "title"}, h("h2", null, "Intentions: who may reach whom ", h("small", null, items.length || "")),
			h("span", {class: "actions"}, this.button("Deny…", "one more pair", () => this.askIntention("deny"), "danger"),
				this.button("Allow…", "one more pair", () => this.askIntention("allow")))),
		rows.length ? table("Intentions", ["Source", "Destination", "Action", "Why", "#Precedence", "-Change"], rows) :
			h("p", {class: "quiet"}, "None: whoever is approved may connect. Of several that match, the one with the higher precedence counts.")];
	}

	decide(item, verb) {
		const words = verb === "approve" ? "Approve" : "Reject";
		const why = h("input", {id: "why", maxlength: 1024, autocomplete: "off", value: item.description});
		confirm(`${words} ${item.consumer} at ${item.service}?`, h("div", null,
			item.message ? h("p", {class: "message"}, `“${item.message}”`) : null,
			item.key ? h("p", {class: "quiet"}, `Its key: ${item.key}`) : null,
			verb === "reject" && item.streams ? h("p", null, `${plural(item.streams, "connection")} will be cut.`) : null,
			h("label", {for: "why"}, "Description, which its consumer reads"), why), words, async () => {
			const path = `/api/v1/endpoints/${encodeURIComponent(item.name)}/${verb}?service=${encodeURIComponent(item.service)}`;
			const body = {description: why.value};
			// Who decides has seen this key and no other.
			if (item.key && verb === "approve")
				body.endToEndKey = item.key;
			const {streamsCut} = await change("POST", path, body);
			this.done(`${item.consumer} is ${verb === "approve" ? "approved" : "rejected"} at ${item.service}`, streamsCut);
		}, verb === "approve" ? "main" : "main danger");
	}

	pairPath(source, destination) {
		return `/api/v1/intentions/${encodeURIComponent(source)}/${encodeURIComponent(destination)}`;
	}

	turn(item, action) {
		const words = action === "deny" ? "Deny" : "Allow";
		confirm(`${words} ${item.source} to reach ${item.destination}?`, action === "deny" ?
			"Connections between the two are cut at once." : "Who is approved may connect at once.", words, () =>
			this.put(item.source, item.destination, {action, description: item.description, meta: item.meta}),
		action === "deny" ? "main danger" : "main");
	}

	async put(source, destination, value) {
		const {streamsCut} = await change("PUT", this.pairPath(source, destination), value);
		this.done(`${source} ${value.action === "deny" ? "may not" : "may"} reach ${destination}`, streamsCut);
	}

	remove(item) {
		confirm(`Remove the intention of ${item.source} and ${item.destination}?`,
			"The next one that matches decides; where there is none, the server's default does. What that denies is cut.", "Remove",
			async () => {
				const {streamsCut} = await change("DELETE", this.pairPath(item.source, item.destination));
				this.done("The intention is removed", streamsCut);
			});
	}

	askIntention(action) {
		const {services = [], identities = []} = this.known || {};
		const input = (id, words, names) => [h("label", {for: id}, words), h("input", {id, required: true, list: `${id}s`, maxlength: 63,
			autocomplete: "off", spellcheck: "false"}), h("datalist", {id: `${id}s`}, [...names, "*"].map(value => h("option", {value})))];
		const content = h("div", null, input("source", "Source, an identity or *", identities),
			input("destination", "Destination, a private service or *", services),
			h("label", {for: "why"}, "Description"), h("input", {id: "why", maxlength: 1024, autocomplete: "off"}));
		const value = id => content.querySelector(`#${id}`).value.trim();
		show(action === "deny" ? "Deny a source a destination" : "Allow a source a destination", content, [{words: "Cancel"},
			{words: action === "deny" ? "Deny" : "Allow", kind: action === "deny" ? "main danger" : "main", does: async () => {
				const made = await change("POST", "/api/v1/intentions",
					{source: value("source"), destination: value("destination"), action, description: value("why")});
				this.done(`${made.source} ${action === "deny" ? "may not" : "may"} reach ${made.destination}`, made.streamsCut);
			}}]);
	}

	done(words, cut) {
		say(`${words}${cut ? `; ${plural(cut, "connection")} cut` : ""}.`);
		this.poll.run();
	}
}
