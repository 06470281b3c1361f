// SPDX-License-Identifier: MIT
// What went through: a list that is filtered while it grows, and beside it the one that was chosen. On a client that
// is the inspector; the exit node, which sees other people's traffic, has summaries only.

import {h, put, say} from "../dom.js";
import {get, change, list} from "../http.js";
import {clock, count, duration, plural, size} from "../format.js";
import {compile} from "../filter.js";
import {confirm} from "../dialog.js";
import {pageKeys} from "../keys.js";
import {List} from "../list.js";
import {Rows, MOST} from "../rows.js";
import {Entry} from "./entry.js";
import {summary} from "./summary.js";

const HEIGHT = 34; // pixels of a row, as style.css has it
const PAGE = 500; // rows of an answer
const AGAIN = 1000; // milliseconds until those that are under way are asked for again
const ASKED = 8; // of them at a time

// A row of /api/v1/requests or of the feed
function toRow(item) {
	return {id: item.id, at: item.at * 1000, method: item.method, host: item.host, path: item.path, status: item.status || 0,
		seconds: item.duration ?? null, inBytes: item.bytes_in ?? 0, outBytes: item.bytes_out ?? 0, replayOf: item.replay_of ?? null,
		pinned: Boolean(item.pinned), websocket: Boolean(item.websocket), open: item.state === "open",
		client: item.client ?? null, session: item.session ?? null, why: item.why ?? null};
}

function make() {
	const cell = name => h("span", {class: name});
	return h("div", {class: "row"}, cell("time"), cell("method"),
		h("span", {class: "path"}, cell("flags"), cell("host"), cell("rest")), cell("status"), cell("took"));
}

function paint(element, row) {
	const [time, method, path, status, took] = element.children;
	const kind = !row.status ? "none" : row.status >= 500 ? "bad" : row.status >= 400 ? "warn" : "fine";
	element.className = `row ${kind}`;
	time.textContent = clock(row.at);
	method.textContent = row.method;
	path.firstChild.textContent = `${row.replayOf ? "↻ " : ""}${row.pinned ? "◆ " : ""}`;
	path.children[1].textContent = row.host || "";
	path.lastChild.textContent = row.path;
	path.title = `${row.host || ""}${row.path}`;
	status.textContent = row.status || "···";
	took.textContent = row.websocket ? "↕" : duration(row.seconds);
}

export class Requests {
	constructor(context) {
		this.context = context;
		this.inspector = context.info.side === "client";
		this.rows = new Rows();
		this.hosts = new Set(); // of all rows; where there is one it is not said in each
		this.paused = false;
		this.ended = new AbortController();
		this.build();
	}

	build() {
		this.list = new List({label: "Requests, newest first", height: HEIGHT, make, paint,
			chosen: (row, opened) => this.chosen(row, opened)});
		this.input = h("input", {type: "search", placeholder: "status:5xx  path:/api  method:POST  host:", spellcheck: "false",
			autocomplete: "off", "aria-label": "Filter", "aria-describedby": "sum", oninput: () => this.filter(),
			onkeydown: event => this.typed(event)});
		this.errors = h("input", {type: "checkbox", onchange: () => this.filter()});
		this.pauseButton = h("button", {type: "button", "aria-pressed": "false", onclick: () => this.pause()}, "Pause");
		this.sum = h("span", {id: "sum"});
		this.empty = h("div", {class: "empty", hidden: true});
		this.pane = h("section", {class: "pane", "aria-label": "The chosen request"});
		this.element = h("div", {class: "requests"},
			h("div", {class: "bar"},
				h("label", {class: "filter"}, h("span", {class: "unseen"}, "Filter"), this.input,
					h("kbd", {"aria-hidden": "true"}, "/")),
				h("label", {class: "check"}, this.errors, "Only errors"),
				this.pauseButton,
				this.inspector ? [this.har = h("a", {class: "button", href: "/api/v1/requests.har", download: "requests.har"}, "HAR"),
					h("button", {type: "button", onclick: () => this.askClear()}, "Clear")] : null),
			h("div", {class: "split"},
				h("div", {class: "left"}, this.empty, this.list.element, h("div", {class: "sum"}, this.sum)),
				this.pane));
	}

	start(id) {
		const {signal} = this.ended;
		pageKeys({
			"/": {words: "filter", does: () => this.input.select()},
			j: {words: "next request", does: () => this.list.move(1)},
			k: {words: "request before", does: () => this.list.move(-1)},
			ArrowDown: {words: "next request", does: () => this.list.move(1)},
			ArrowUp: {words: "request before", does: () => this.list.move(-1)},
			Enter: {words: "open it", does: () => this.open()},
			...(this.inspector ? {
				r: {words: "replay it", does: () => this.entry?.replay()},
				e: {words: "edit and replay it", does: () => this.entry?.edit()},
				c: {words: "copy it as curl", does: () => this.entry?.curl()},
				1: {words: "Request", does: () => this.entry?.show("request")},
				2: {words: "Answer", does: () => this.entry?.show("answer")},
				3: {words: "Raw", does: () => this.entry?.show("raw")},
				4: {words: "Compare", does: () => this.entry?.show("compare")},
			} : {}),
			Escape: {words: "back", does: () => this.back()},
		});
		this.context.live.listen({
			requests: message => this.paused || this.add(message.items.map(toRow)),
			skipped: () => this.paused || this.fetch(),
			state: () => this.context.live.state === "live" && !this.paused && this.fetch(),
		}, signal);
		if (this.inspector && id)
			this.showEntry(id, true);
		else
			this.showNone();
		this.follow();
		if (this.inspector)
			this.findUrl().catch(() => null);
		return this.fetch();
	}

	stop() {
		clearTimeout(this.following);
		this.ended.abort();
		this.list.stop();
		this.entry?.stop();
	}

	add(rows) {
		for (const {host} of rows)
			this.hosts.add(host);
		this.list.element.classList.toggle("hosts", this.hosts.size > 1);
		this.list.set(this.rows.shown, this.rows.add(rows));
		this.list.set(this.rows.shown);
		this.tellSum();
	}

	// What came behind the newest one that is known: pages, the newest first.
	async fetch() {
		if (this.fetching)
			return;
		this.fetching = true;
		const known = this.rows.all.at(-1)?.id;
		try {
			for (let before = null, got = 0; got < MOST && !this.ended.signal.aborted;) {
				const query = new URLSearchParams({limit: PAGE, ...(known && {after: known}), ...(before && {before})});
				const page = await get(`/api/v1/requests?${query}`);
				this.tellKept(page);
				this.add(page.items.map(toRow));
				got += page.items.length;
				before = page.next;
				if (!before)
					break;
			}
			this.trouble = "";
		} catch (error) {
			this.trouble = error.status === 401 ? "" : error.message;
		} finally {
			this.fetching = false;
			this.tellSum();
		}
	}

	// The feed has a request when it begins; how it ended is asked for, of a few at a time.
	async follow() {
		const open = this.paused ? [] : this.rows.all.slice(-PAGE).filter(row => row.open);
		const some = open.slice(-ASKED / 2).concat(open.slice(0, Math.max(0, Math.min(ASKED / 2, open.length - ASKED / 2))));
		try {
			const pages = await Promise.all(some.map(({id}) =>
				get(`/api/v1/requests?limit=1&after=${Number(id) - 1}&before=${Number(id) + 1}`)));
			if (some.length && !this.ended.signal.aborted)
				this.add(pages.flatMap(page => page.items).map(toRow));
		} catch {
			// Whoever asks next says why there is no answer.
		}
		if (!this.ended.signal.aborted)
			this.following = setTimeout(() => this.follow(), AGAIN);
	}

	// One that is published, for who sees nothing yet.
	async findUrl() {
		this.url = (await list("/api/v1/publications")).map(each => each.address).find(address => /^https?:/.test(address));
		this.why = null;
		this.tellSum();
	}

	tellKept(page) {
		this.kept = page.size ? `${size(page.used)} of ${size(page.size)}` : "";
	}

	tellSum() {
		const all = this.rows.all.length;
		const shown = this.rows.shown.length;
		const words = [shown === all ? plural(all, "request") : `${count(shown)} of ${plural(all, "request")}`];
		if (this.fetching && this.rows.passes)
			words.push("still looking…");
		if (this.kept)
			words.push(this.kept);
		if (this.paused)
			words.push("paused");
		this.sum.textContent = words.join(" · ");
		this.tellEmpty(all, shown);
	}

	tellEmpty(all, shown) {
		this.empty.hidden = shown > 0;
		this.list.element.hidden = shown === 0;
		if (shown)
			return;
		const why = all ? "filter" : this.trouble || (this.fetching ? "fetching" : "none");
		if (this.why === why)
			return;
		this.why = why;
		put(this.empty, (all ? [h("h2", null, "Nothing passes the filter"),
			h("p", null, h("button", {type: "button", onclick: () => this.unfilter()}, "Show everything"))] :
			this.trouble ? [h("h2", null, "Requests cannot be shown"), h("p", null, this.trouble)] :
				this.fetching ? [] : this.context.noRequest(this.url)));
	}

	typed(event) {
		if (event.key === "Enter" || event.key === "ArrowDown") {
			event.preventDefault();
			this.list.element.focus();
			if (this.list.choice === null || this.list.index(this.list.choice) < 0)
				this.list.move(0);
		}
	}

	unfilter() {
		this.input.value = "";
		this.errors.checked = false;
		this.filter();
		this.input.focus();
	}

	filter() {
		const words = compile(this.input.value);
		const errors = this.errors.checked;
		this.rows.filter(words || errors ? row => (!errors || row.status >= 400) && (!words || words(row)) : null);
		this.list.element.scrollTop = 0;
		this.list.set(this.rows.shown);
		this.tellSum();
		clearTimeout(this.saying);
		this.saying = setTimeout(() => say(this.sum.textContent), 600);
		if (this.har)
			this.har.href = this.harPath();
	}

	// What is shown, as far as its ids fit into a request's head; else everything.
	harPath() {
		const {shown, passes} = this.rows;
		return passes && shown.length && shown.length <= 200 ?
			`/api/v1/requests.har?ids=${shown.map(row => row.id).join(",")}` : "/api/v1/requests.har";
	}

	pause() {
		this.paused = !this.paused;
		this.pauseButton.setAttribute("aria-pressed", String(this.paused));
		this.pauseButton.textContent = this.paused ? "Go on" : "Pause";
		this.context.live.send({pause: this.paused});
		if (!this.paused)
			this.fetch();
		this.tellSum();
	}

	askClear() {
		confirm("Forget all requests?", "What was captured is gone then, here and for everybody who looks. " +
			"Pinned requests stay.", "Forget them", async () => {
			await change("DELETE", "/api/v1/requests");
			this.rows.clear();
			this.rows.filter(this.rows.passes);
			this.list.choice = null;
			this.context.go("requests");
			this.showNone();
			await this.fetch();
			this.list.set(this.rows.shown);
			this.tellSum();
		});
	}

	chosen(row, opened) {
		if (!row)
			return;
		if (this.inspector) {
			// The address names it, so that it can be opened again; no step in the browser's history each.
			history.replaceState(null, "", `#/requests/${encodeURIComponent(row.id)}`);
			this.showEntry(row.id, opened);
		} else {
			put(this.pane, this.backButton(), summary(row));
			this.opened(opened);
		}
	}

	open() {
		const index = this.list.choice === null ? 0 : Math.max(0, this.list.index(this.list.choice));
		if (this.list.rows.length) {
			this.list.choose(this.list.row(index), true);
			this.pane.querySelector("[role=tab][aria-selected=true], h2")?.focus();
		}
	}

	opened(opened) {
		this.element.classList.toggle("open", opened || this.element.classList.contains("open"));
	}

	showEntry(id, opened, view, note) {
		this.entry?.stop();
		this.list.choice = id;
		this.list.later();
		this.entry = new Entry(this, id, view || this.entry?.view || "request", note);
		put(this.pane, this.backButton(), this.entry.element);
		this.pane.scrollTop = 0;
		this.opened(opened);
	}

	// A replay came: it is chosen, and compared with what it repeats.
	replayed(id, note) {
		history.replaceState(null, "", `#/requests/${encodeURIComponent(id)}`);
		this.showEntry(id, this.element.classList.contains("open"), "compare", note);
		const index = this.list.index(id);
		if (index >= 0)
			this.list.show(index);
	}

	backButton() {
		return h("button", {type: "button", class: "back", onclick: () => this.back()}, "‹ All requests");
	}

	showNone() {
		this.entry?.stop();
		this.entry = null;
		this.element.classList.remove("open");
		put(this.pane, h("div", {class: "empty"}, h("p", null, this.inspector ?
			"Choose a request to see its head, its body and where the time went." :
			"Choose a request to see what is known of it."),
		h("p", {class: "quiet"}, h("kbd", null, "j"), " ", h("kbd", null, "k"), " move, ", h("kbd", null, "Enter"), " opens, ",
			h("kbd", null, "?"), " shows all keys.")));
	}

	back() {
		if (this.entry?.editing)
			return this.entry.show(this.entry.view);
		const filtering = document.activeElement === this.input;
		if (filtering || (!this.element.classList.contains("open") && this.list.choice === null))
			return this.input.blur();
		const narrow = getComputedStyle(this.list.element.parentElement).display === "none";
		this.element.classList.remove("open");
		if (!narrow) {
			this.list.choice = null;
			this.showNone();
			if (this.inspector)
				history.replaceState(null, "", "#/requests");
		}
		this.list.later();
		this.list.element.focus();
	}
}
