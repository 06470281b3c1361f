// SPDX-License-Identifier: MIT
// What the program tells without being asked, over one WebSocket. A connection that is lost is made again, at most ten
// seconds later; who listens is told by "state" and asks for what it missed.

import {get} from "./http.js";

const SIGNED_OUT = 4401; // of a close frame
const LONGEST = 10000; // milliseconds between two tries

export class Live extends EventTarget {
	constructor() {
		super();
		this.topics = new Set();
		this.state = "connecting";
		this.wait = 500;
	}

	connect() {
		const scheme = location.protocol === "https:" ? "wss:" : "ws:";
		this.wanted = true;
		this.socket = new WebSocket(`${scheme}//${location.host}/api/v1/live`, "tunnel.panel.v1");
		this.socket.onopen = () => {
			this.wait = 500;
			this.subscribe();
			this.become("live");
		};
		this.socket.onmessage = event => {
			const message = JSON.parse(event.data);
			this.dispatchEvent(new CustomEvent(message.t, {detail: message}));
		};
		this.socket.onclose = event => {
			this.socket = null;
			if (!this.wanted)
				return;
			this.become("lost");
			// Asks for the token, unless there has been another login since.
			if (event.code === SIGNED_OUT)
				get("/api/v1/info").catch(() => {});
			this.timer = setTimeout(() => this.connect(), this.wait);
			this.wait = Math.min(this.wait * 2, LONGEST);
		};
	}

	close() {
		this.wanted = false;
		clearTimeout(this.timer);
		this.socket?.close();
	}

	become(state) {
		this.state = state;
		this.dispatchEvent(new Event("state"));
	}

	send(message) {
		if (this.socket?.readyState === WebSocket.OPEN)
			this.socket.send(JSON.stringify(message));
	}

	subscribe() {
		this.send({subscribe: [...this.topics]});
	}

	// Calls for each message of these topics until the signal is aborted.
	listen(handlers, signal) {
		const topics = Object.keys(handlers).filter(topic => topic !== "state" && topic !== "skipped");
		for (const [topic, handler] of Object.entries(handlers))
			this.addEventListener(topic, event => handler(event.detail), {signal});
		this.topics = new Set(["tick", ...topics]);
		this.subscribe();
	}
}
