// SPDX-License-Identifier: MIT
// looks.mjs FOLDER URL light|dark desk|phone PAGE...: how these pages look. "entry" is a request of the inspector.

import {DESK, PHONE, Visit, withBrowser} from "./common.mjs";

const [folder, url, colorScheme, kind, ...pages] = process.argv.slice(2);

// What is there when a page is.
const THERE = {
	overview: page => page.getByRole("button", {name: "home"}).waitFor(),
	services: page => page.getByRole("cell", {name: "http://127.0.0.1:3000"}).first().waitFor(),
	requests: page => page.getByRole("option").first().waitFor(),
	private: page => page.getByRole("button", {name: /^Approve/}).first().waitFor(),
	status: page => page.getByRole("heading", {name: "Provides"}).waitFor(),
};

// Of the exit node, where a chosen request is a summary.
async function summary(visit, look) {
	await visit.page.locator("#row0").click();
	await visit.page.locator(".summary h2").waitFor();
	await look("summary");
}

async function entry(visit, look) {
	const {page} = visit;
	await page.locator("#row0").click();
	await page.getByRole("tab", {name: "Request"}).waitFor();
	await look("entry");
	await page.getByRole("tab", {name: "Answer"}).click();
	await look("answer");
	await page.getByRole("button", {name: "Edit and replay"}).click();
	await look("edit");
	await page.getByRole("button", {name: "Send"}).click();
	await page.getByRole("tab", {name: "Compare", selected: true}).waitFor();
	await page.locator("table.diff").first().waitFor();
	await look("compare");
}

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url, {colorScheme, viewport: kind === "phone" ? PHONE : DESK});
	await visit.page.locator("#top nav a").first().waitFor();
	const server = await visit.page.locator('#top nav a[href="#/overview"]').count();
	const side = server ? "server" : "client";
	const look = async name => {
		const what = `${side}-${name}-${colorScheme}-${kind}`;
		await visit.keep(`${folder}/${what}.png`);
		await visit.check(what);
	};
	for (const name of pages) {
		const more = {entry, summary}[name];
		await visit.to(more ? "requests" : name);
		await THERE[more ? "requests" : name](visit.page);
		await (more ? more(visit, look) : look(name));
	}
	await visit.end(`${side} ${colorScheme} ${kind}`);
});
