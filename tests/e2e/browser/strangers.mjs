// SPDX-License-Identifier: MIT
// strangers.mjs URL JSON: what attackers send as paths, fields, bodies and names is text, and nothing but text.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, json] = process.argv.slice(2);
const texts = JSON.parse(json);

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	await page.locator("#top nav a").first().waitFor();
	const pages = await page.locator("#top nav a").evaluateAll(links => links.map(link => link.hash.slice(2)));
	for (const name of pages) {
		await visit.to(name);
		await page.waitForFunction(wanted => document.querySelector("main").textContent.includes(wanted), texts[0]);
		for (const text of texts)
			assert.ok((await page.locator("main").textContent()).includes(text), `${name} shows ${text.slice(0, 40)}`);
		if (name === "requests" && await page.locator('#top nav a[href="#/status"]').count())
			for (let row = 0; row < texts.length; row++) {
				await page.keyboard.press("j");
				for (const view of ["1", "2", "3"]) {
					await page.keyboard.press(view);
					await visit.settled();
				}
			}
		const made = await page.evaluate(() => [...document.querySelectorAll("main img, main script, main iframe, main [onerror], " +
			"main a:not([href^='http']):not([href^='#/']):not([href^='/api/'])")].map(element => element.outerHTML));
		assert.deepEqual(made, [], name);
		const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
		assert.ok(width <= room, `${name} is ${width} pixels wide, in a window of ${room}`);
	}
	await visit.end("strangers");
});
