// SPDX-License-Identifier: MIT
// first_minute.mjs URL PUBLIC-URL: who opens the page before any request is told what to open, and sees it when it comes.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, address] = process.argv.slice(2);

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	await page.getByText("No request yet").waitFor();
	const link = page.locator(".empty a");
	await link.waitFor();
	assert.equal(await link.getAttribute("href"), address);
	await visit.check("no request yet");
	assert.equal((await fetch(`${address}hello?token=secret`)).status, 200);
	await page.locator("[role=option]", {hasText: "/hello"}).click();
	await page.getByRole("tab", {name: "Answer"}).click();
	await page.getByText("welcome").waitFor();
	assert.ok(!(await page.content()).includes("secret"), "the token of the address is hidden");
	await page.getByRole("button", {name: "Replay", exact: true}).click();
	await page.getByText("no difference").first().waitFor();
	await visit.check("a replay");
	await visit.end("the first minute");
});
