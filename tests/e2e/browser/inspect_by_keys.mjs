// SPDX-License-Identifier: MIT
// inspect_by_keys.mjs URL PATH: the inspector without a mouse: filter, list, entry, replay, an edited replay, curl, help.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, path] = process.argv.slice(2);

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	const {keyboard} = page;
	await page.getByRole("option").first().waitFor();

	await keyboard.press("/");
	await keyboard.type(`method:POST path:${path} status:5xx`);
	await page.waitForFunction(wanted => [...document.querySelectorAll("[role=option]:not([hidden]) .rest")].every(each =>
		each.textContent.startsWith(wanted)), path);
	await keyboard.press("Enter");
	await page.locator("[role=option][aria-selected=true]").waitFor();
	await keyboard.press("j");
	await keyboard.press("k");
	await keyboard.press("Enter");
	await page.getByRole("tab", {name: "Request", selected: true}).waitFor();
	await keyboard.press("2");
	await page.getByRole("tab", {name: "Answer", selected: true}).waitFor();

	await keyboard.press("c");
	await page.getByText("Copied.").waitFor();
	const curl = await page.evaluate(() => navigator.clipboard.readText());
	assert.match(curl, /^curl .*/s);
	assert.ok(curl.includes(path), curl);

	const first = page.url();
	await keyboard.press("r");
	await page.getByRole("tab", {name: "Compare", selected: true}).waitFor();
	await page.locator("table.diff").first().waitFor();
	const replayed = page.url();
	assert.notEqual(replayed, first, "the replay has an entry of its own");

	await keyboard.press("e");
	await page.locator("#edit-method:focus").waitFor();
	await page.locator("#edit-body:enabled").waitFor();
	await keyboard.press("Tab");
	await keyboard.press("End");
	await keyboard.type("?edited=1");
	await keyboard.press("Tab");
	await keyboard.press("Tab");
	await keyboard.press("Control+A");
	await keyboard.type("edited body");
	await keyboard.press("Control+Enter");
	await page.waitForURL(address => address.href !== replayed);
	await page.locator("table.diff tr.changed, table.diff tr.less, table.diff tr.more").first().waitFor();
	await visit.check("both answers");

	await keyboard.press("?");
	await page.getByRole("dialog", {name: "Keys"}).waitFor();
	await visit.check("help");
	await keyboard.press("Escape");
	await page.getByRole("dialog").waitFor({state: "detached"});
	await keyboard.press("Escape");
	await page.getByText("Choose a request").waitFor();
	assert.equal(await page.evaluate(() => document.activeElement.getAttribute("role")), "listbox");
	await visit.end("by keys");
});
