// SPDX-License-Identifier: MIT
// decide_by_keys.mjs URL: the page Private without a mouse: an endpoint is approved with a description, a pair denied
// by one press and one confirmation, and another one by names.

import {Visit, withBrowser} from "./common.mjs";

const [url] = process.argv.slice(2);

// Tab until it has the focus: what cannot be reached so is not there for many.
async function reach(page, name) {
	const wanted = page.getByRole("button", {name, exact: true}).first();
	await wanted.waitFor();
	for (let presses = 0; presses < 80; presses++) {
		if (await wanted.evaluate(element => element === document.activeElement))
			return;
		await page.keyboard.press("Tab");
	}
	throw new Error(`80 times Tab do not lead to ${name}`);
}

await withBrowser(async browser => {
	const visit = await Visit.open(browser, url);
	const {page} = visit;
	await visit.to("private");
	const pending = page.getByRole("button", {name: /^Approve web/}).first();
	await pending.waitFor();
	await reach(page, await pending.getAttribute("aria-label"));
	await page.keyboard.press("Enter");
	await page.getByRole("dialog", {name: /^Approve web/}).waitFor();
	await visit.check("the question");
	await page.keyboard.type("ticket 4711");
	await page.keyboard.press("Enter");
	await page.getByRole("dialog").waitFor({state: "detached"});
	await page.getByRole("cell", {name: "ticket 4711"}).waitFor();

	await reach(page, "Deny billing to db");
	await page.keyboard.press("Enter");
	const question = page.getByRole("dialog", {name: "Deny billing to reach db?"});
	await question.waitFor();
	await reach(page, "Deny");
	await page.keyboard.press("Enter");
	await question.waitFor({state: "detached"});
	await page.getByRole("button", {name: "Allow billing to db"}).waitFor();

	await page.keyboard.press("d");
	await page.locator("#source").waitFor();
	await page.locator("#source").focus();
	await page.keyboard.type("lab");
	await page.keyboard.press("Tab");
	await page.keyboard.type("*");
	await page.keyboard.press("Enter");
	await page.getByRole("button", {name: "Allow lab to *"}).waitFor();
	await visit.end("by keys");
});
