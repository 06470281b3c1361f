// SPDX-License-Identifier: MIT
// pictures.mjs FOLDER SERVER-URL CLIENT-URL: dashboard.png and inspector.png, as README.md shows them.

import {Visit, withBrowser} from "./common.mjs";

const [folder, server, client] = process.argv.slice(2);
const viewport = {width: 1280, height: 620};

await withBrowser(async browser => {
	const dashboard = await Visit.open(browser, server, {viewport});
	await dashboard.to("private");
	await dashboard.page.getByRole("button", {name: /^Approve/}).first().waitFor();
	await dashboard.keep(`${folder}/dashboard.png`);

	const inspector = await Visit.open(browser, client, {viewport});
	await inspector.page.locator("#row0").click();
	await inspector.page.getByRole("button", {name: "Replay", exact: true}).click();
	await inspector.page.locator("table.diff").first().waitFor();
	await inspector.page.mouse.move(0, 0);
	await inspector.keep(`${folder}/inspector.png`);
});
