// SPDX-License-Identifier: MIT
// summaries.mjs URL PATH HOST: the exit node's requests as they end, one of which is opened by keys.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, path, host] = process.argv.slice(2);

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	await page.locator(".state.live").waitFor();
	await visit.to("requests");
	await page.getByRole("option", {name: path}).first().waitFor();
	const number = async () => Number((await page.locator("#sum").textContent()).match(/[\d,]+/)[0].replace(",", ""));
	const before = await number();
	await page.waitForFunction(was => Number(document.querySelector("#sum").textContent.match(/[\d,]+/)[0]) > was, before);
	await page.keyboard.press("j");
	await page.keyboard.press("Enter");
	const summary = page.locator(".summary");
	await summary.waitFor();
	for (const words of [path, host, "127.0.0.1", "200"])
		assert.ok((await summary.textContent()).includes(words), words);
	assert.ok(!(await page.locator("main").textContent()).includes("q=1"));
	await visit.check("summary");
	await visit.end("summaries");
});
