// SPDX-License-Identifier: MIT
// rounds.mjs URL WORDS...: every page of a program, light on a desk and dark on a telephone; the first page says these words.

import {DESK, PHONE, Visit, withBrowser} from "./common.mjs";

const [url, ...words] = process.argv.slice(2);

await withBrowser(async browser => {
	for (const [viewport, colorScheme] of [[DESK, "light"], [PHONE, "dark"]]) {
		const visit = await Visit.open(browser, url, {viewport, colorScheme});
		const {page} = visit;
		await page.locator(".state.live").waitFor();
		for (const each of words)
			await page.getByText(each).first().waitFor();
		const names = await page.locator("#top nav a").evaluateAll(links => links.map(link => link.hash.slice(2)));
		for (const name of names) {
			await visit.to(name);
			await page.waitForLoadState("networkidle");
			await visit.check(name);
		}
		await visit.end(colorScheme);
	}
});
