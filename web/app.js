// SPDX-License-Identifier: MIT
// The page's frame: it asks the program which side it is, lets in who has its token, and shows one page at a time. The
// token comes behind "#", which no browser sends; what stands there else is the page, as "#/requests".

import {h, put, say} from "./dom.js";
import {get, change} from "./http.js";
import {span} from "./format.js";
import {Live} from "./live.js";
import {pageKeys} from "./keys.js";
import {Overview} from "./pages/overview.js";
import {Private} from "./pages/private.js";
import {Requests} from "./pages/requests.js";
import {Services} from "./pages/services.js";
import {Status} from "./pages/status.js";

const PAGES = {
	server: {overview: ["Overview", Overview], services: ["Services", Services], requests: ["Requests", Requests], private: ["Private", Private]},
	client: {requests: ["Requests", Requests], status: ["Status", Status]},
};
const STATES = {live: ["●", "live"], connecting: ["○", "connecting"], lost: ["▲", "no connection, trying again"]};

const top = document.getElementById("top");
const place = document.getElementById("page");
const live = new Live();
let info = null;
let page = null;

function route() {
	const [, name = "", id = ""] = location.hash.match(/^#\/(\w+)(?:\/(.+))?$/) || [];
	const pages = PAGES[info.side];
	return {name: name in pages ? name : Object.keys(pages)[0], id: decodeURIComponent(id)};
}

function showPage() {
	const {name, id} = route();
	page?.stop();
	pageKeys({});
	const [words, Page] = PAGES[info.side][name];
	page = new Page({info, live, go: to => history.replaceState(null, "", `#/${to}`), noRequest, mark});
	put(place, h("h1", {class: "unseen"}, words), page.element);
	place.className = name;
	document.title = `${words} · ${title()}`;
	for (const tab of top.querySelectorAll("nav a")) {
		if (tab.hash === `#/${name}`)
			tab.setAttribute("aria-current", "page");
		else
			tab.removeAttribute("aria-current");
	}
	page.start(id);
}

function title() {
	return info.side === "client" ? `${info.hostname} → ${info.exitNode}` : info.hostname;
}

// Instead of an empty list: what to do.
function noRequest(url) {
	return [h("h2", null, "No request yet"),
		url ? h("p", null, "Open ", h("a", {href: url, target: "_blank", rel: "noopener noreferrer"}, url),
			", and it is here at once.") : h("p", null, info.side === "client" ?
			"As soon as somebody opens what this client publishes, the request is here." :
			"Requests are shown from now on, while this page is open.")];
}

function buildTop() {
	const state = h("span", {class: "state"});
	const tellState = () => {
		const [sign, words] = STATES[live.state];
		state.className = `state ${live.state}`;
		put(state, h("span", {"aria-hidden": "true"}, sign), ` ${words}`);
		if (live.state === "lost")
			say(words);
	};
	live.addEventListener("state", tellState);
	tellState();
	const up = h("span", {class: "up"});
	const tellUp = () => {
		const started = Date.parse(info.started);
		up.textContent = Number.isNaN(started) ? "" : `up ${span((Date.now() - started) / 1000)}`;
	};
	tellUp();
	setInterval(tellUp, 10000);
	put(top,
		h("div", {class: "brand"}, h("img", {src: "/icon.svg", alt: "", width: 22, height: 22}), h("b", null, "tunnel"),
			h("span", {class: "where"}, title())),
		h("nav", {"aria-label": "Pages"}, Object.entries(PAGES[info.side]).map(([name, [words]]) =>
			h("a", {href: `#/${name}`}, words, h("span", {class: "waiting", hidden: true})))),
		h("div", {class: "facts"}, up, h("span", {class: "version"}, info.version), state));
}

// Beside a page's name: how many things there wait for somebody.
function mark(name, number, words) {
	const element = top.querySelector(`nav a[href="#/${name}"] .waiting`);
	if (!element)
		return;
	element.hidden = !number;
	element.textContent = number;
	element.setAttribute("aria-label", words);
}

async function begin() {
	info = await get("/api/v1/info");
	buildTop();
	live.connect();
	showPage();
	window.addEventListener("hashchange", showPage);
}

async function signIn(token) {
	await change("POST", "/api/v1/login", {token});
}

function askToken(words = "") {
	page?.stop();
	page = null;
	live.close();
	top.replaceChildren();
	const trouble = h("p", {class: "trouble", role: "alert"}, words);
	const token = h("input", {id: "token", type: "password", autocomplete: "current-password", required: true, autofocus: true});
	const form = h("form", {class: "login", onsubmit: async event => {
		event.preventDefault();
		try {
			await signIn(token.value.trim());
			location.reload();
		} catch (error) {
			trouble.textContent = error.status === 401 ? "This is not the token." : error.message;
			token.select();
		}
	}}, h("img", {src: "/icon.svg", alt: "", width: 48, height: 48}), h("h1", null, "tunnel"),
	h("p", null, "Open the address that the program printed when it started: the token is in it. Or type the token here."),
	h("label", {for: "token"}, "Token"), token, h("button", {class: "main"}, "Sign in"), trouble);
	place.className = "login";
	put(place, form);
	document.title = "Sign in · tunnel";
	token.focus();
}

async function start() {
	const fragment = location.hash.slice(1);
	if (fragment && !fragment.startsWith("/")) {
		history.replaceState(null, "", location.pathname);
		try {
			await signIn(decodeURIComponent(fragment.replace(/^token=/, "")));
		} catch (error) {
			askToken(error.status === 401 ? "The token of this address is not good any more." : error.message);
			return;
		}
	}
	try {
		await begin();
	} catch (error) {
		if (error.status !== 401)
			put(place, h("div", {class: "empty"}, h("h2", null, "The program does not answer"), h("p", null, error.message)));
	}
}

window.addEventListener("signedout", () => askToken());
start();
