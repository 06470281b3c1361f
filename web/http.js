// SPDX-License-Identifier: MIT
// What the page asks the program: resources of /api/v1, and what changes them.

export class Problem extends Error {
	constructor(status, body) {
		super(body.detail || body.title || `The answer was ${status}.`);
		this.status = status;
		this.reason = body.reason;
	}
}

async function ask(method, path, options) {
	let answer;
	try {
		answer = await fetch(path, {method, credentials: "same-origin", ...options});
	} catch {
		throw new Problem(0, {detail: "There is no answer. Does the program still run?"});
	}
	if (!answer.ok) {
		const problem = new Problem(answer.status, await answer.json().catch(() => ({})));
		if (answer.status === 401 && path !== "/api/v1/login")
			window.dispatchEvent(new Event("signedout"));
		throw problem;
	}
	return answer;
}

export async function get(path) {
	return (await ask("GET", path)).json();
}

// No page of another origin can send these fields without being asked first.
export async function change(method, path, body) {
	const answer = await ask(method, path, {
		headers: {"Content-Type": "application/json", "X-Tunnel-Panel": "1"}, body: body && JSON.stringify(body)});
	const text = await answer.text();
	return text ? JSON.parse(text) : null;
}

export async function bytes(path) {
	return new Uint8Array(await (await ask("GET", path)).arrayBuffer());
}

export async function text(path) {
	return (await ask("GET", path)).text();
}

// All items of a list, at most so many.
export async function list(path, most = 2000) {
	const items = [];
	let after = null;
	do {
		const url = new URL(path, location.origin);
		url.searchParams.set("limit", "500");
		if (after)
			url.searchParams.set("after", after);
		const page = await get(url.pathname + url.search);
		items.push(...page.items);
		after = page.next;
	} while (after && items.length < most);
	return items;
}
