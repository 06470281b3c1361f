// SPDX-License-Identifier: MIT
// many.mjs URL NUMBER: a list of so many rows is scrolled from end to end while more come. Prints the longest frame, in
// milliseconds of the page's thread: how long a frame takes on the clock is the machine's affair.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, number] = process.argv.slice(2);

// The longest task of the thread that draws the page, in milliseconds of that thread.
function longest(events) {
	const main = new Set(events.filter(each => each.name === "thread_name" && each.args.name === "CrRendererMain")
		.map(each => `${each.pid} ${each.tid}`));
	const tasks = events.filter(each => each.name === "ThreadControllerImpl::RunTask" && main.has(`${each.pid} ${each.tid}`));
	assert.ok(tasks.length > 100, "the trace has the page's tasks");
	return Math.max(...tasks.map(each => (each.tdur ?? each.dur) / 1000));
}

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	await page.waitForFunction(wanted => document.querySelector("#sum")?.textContent.startsWith(wanted),
		Number(number).toLocaleString("en-US"));
	await browser.startTracing(page, {categories: ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline"]});
	const most = await page.evaluate(async () => {
		const list = document.querySelector(".list");
		const frame = () => new Promise(requestAnimationFrame);
		let rows = 0;
		for (let step = 0; step <= 200; step++) {
			list.scrollTop = step / 200 * (list.scrollHeight - list.clientHeight);
			await frame();
			rows = Math.max(rows, list.querySelectorAll("[role=option]").length);
		}
		await frame();
		return rows;
	});
	const trace = JSON.parse((await browser.stopTracing()).toString());
	assert.ok(most <= 100, `${most} rows are in the document`);
	const last = page.locator(`[role=option][aria-posinset="${number}"]`);
	assert.equal(await last.locator(".rest").textContent(), "/path/0");

	// j and k reach what is far away; what comes in front does not move what is read.
	await page.locator(".list").focus();
	await last.click();
	await page.keyboard.press("k");
	assert.equal(await page.locator("[role=option][aria-selected=true] .rest").textContent(), "/path/1");
	await page.locator('input[type="search"]').fill("path:/path/77");
	await page.waitForFunction(() => /^\d+ of/.test(document.querySelector("#sum").textContent));
	console.log(JSON.stringify({longest: longest(trace.traceEvents), thread: "tdur" in
		trace.traceEvents.find(each => each.name === "ThreadControllerImpl::RunTask"), rows: most}));
	await visit.end("many");
});
