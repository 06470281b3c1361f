// SPDX-License-Identifier: MIT
// sign_in.mjs URL TOKEN: who has no token is asked for it, a wrong one is refused, the right one stays in no address.

import assert from "node:assert/strict";
import {Visit, withBrowser} from "./common.mjs";

const [url, token] = process.argv.slice(2);
const REFUSED = /401/;

await withBrowser(async browser => {
	const stranger = await Visit.open(browser, url, {expected: REFUSED});
	await stranger.page.getByLabel("Token").fill("not the token");
	await stranger.page.keyboard.press("Enter");
	await stranger.page.getByText("This is not the token.").waitFor();
	await stranger.check("signing in");
	await stranger.page.getByLabel("Token").fill(token);
	await stranger.page.getByRole("button", {name: "Sign in"}).click();
	await stranger.page.locator("#top nav a").first().waitFor();
	await stranger.end("a stranger");

	const old = await Visit.open(browser, `${url}#an-old-token`, {expected: REFUSED});
	await old.page.getByText("is not good any more").waitFor();
	await old.end("an old address");

	const known = await Visit.open(browser, `${url}#${token}`);
	await known.page.locator("#top nav a").first().waitFor();
	assert.ok(!known.page.url().includes(token), "the token is not in the address any more");
	assert.ok(!known.urls.some(each => new URL(each).pathname.includes(token)), "nor was it in one that was asked for");
	await known.page.reload();
	await known.page.locator("#top nav a").first().waitFor();
	await known.end("who has the token");
});
