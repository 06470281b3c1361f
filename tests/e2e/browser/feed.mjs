// SPDX-License-Identifier: MIT
// feed.mjs URL: a page follows what happens, says when it cannot, and catches up. Its lines on standard output are what
// is to happen next; a line on standard input says that it did.

import assert from "node:assert/strict";
import {createInterface} from "node:readline";
import {Visit, withBrowser} from "./common.mjs";

const [url] = process.argv.slice(2);
const lines = createInterface({input: process.stdin})[Symbol.asyncIterator]();

async function next(what) {
	console.log(what);
	await lines.next();
}

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url, {expected: /WebSocket connection to/});
	const {page} = visit;
	const row = path => page.locator("[role=option]:not([hidden])", {hasText: path});
	await page.getByText("No request yet").waitFor();
	await page.locator(".state.live").waitFor();
	await next("request /first");
	await row("/first").waitFor();

	await page.getByRole("button", {name: "Pause"}).click();
	await next("request /while-paused");
	await page.getByText("paused").waitFor();
	assert.equal(await row("/while-paused").count(), 0);
	await page.getByRole("button", {name: "Go on"}).click();
	await row("/while-paused").waitFor();

	await next("drop");
	await page.locator(".state.live").waitFor();
	await row("/while-away").waitFor();

	await page.getByRole("button", {name: "Clear"}).click();
	await page.getByRole("button", {name: "Forget them"}).click();
	await page.getByText("No request yet").waitFor();
	await visit.end("the feed");
});
process.stdin.destroy();
