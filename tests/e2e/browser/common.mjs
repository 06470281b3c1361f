// SPDX-License-Identifier: MIT
// Chromium, and what every page is held to: nothing in its console, no request to anybody else, no barrier that axe
// finds. The modules are where scripts/packages.sh put them.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {createRequire} from "node:module";

const require = createRequire(`${process.env.BROWSER_MODULES}/`);
const {chromium} = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const PHONE = {width: 390, height: 844};
export const DESK = {width: 1280, height: 800};
const PATIENCE = 20000; // milliseconds; both cores may be busy

export async function withBrowser(work) {
	const browser = await chromium.launch({executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"]});
	try {
		await work(browser);
	} finally {
		await browser.close();
	}
}

export class Visit {
	// expected: what may be in the console, as a page that is refused is
	static async open(browser, url, {viewport = DESK, colorScheme = "light", expected = /^$/} = {}) {
		const context = await browser.newContext({viewport, colorScheme, reducedMotion: "reduce"});
		context.setDefaultTimeout(PATIENCE);
		await context.grantPermissions(["clipboard-read", "clipboard-write"]);
		const visit = new Visit();
		Object.assign(visit, {context, page: await context.newPage(), origin: new URL(url).origin, urls: [], said: []});
		visit.page.on("request", request => visit.urls.push(request.url()));
		visit.page.on("websocket", socket => visit.urls.push(socket.url().replace(/^ws/, "http")));
		visit.page.on("console", message => ["error", "warning"].includes(message.type()) && !expected.test(message.text()) &&
			visit.said.push(`${message.text()} ${message.location().url}`));
		visit.page.on("pageerror", error => visit.said.push(error.stack));
		visit.page.on("dialog", dialog => {
			visit.said.push(`the page asked: ${dialog.message()}`);
			dialog.dismiss();
		});
		await visit.page.goto(url);
		return visit;
	}

	async to(name) {
		await this.page.evaluate(to => {
			location.hash = `#/${to}`;
		}, name);
		await this.page.locator(`#top nav a[href="#/${name.split("/")[0]}"][aria-current]`).waitFor();
	}

	// Until nothing of the page is on its way any more.
	async settled() {
		await this.page.waitForFunction(() => !document.querySelector("[aria-busy]") &&
			!document.querySelector("main")?.textContent.includes("Comparing…"));
		await this.page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
	}

	async keep(file) {
		await this.settled();
		await this.page.screenshot({path: file});
	}

	async check(what) {
		await this.settled();
		await this.page.evaluate(axe);
		const {violations} = await this.page.evaluate(() => window.axe.run());
		assert.deepEqual(violations.map(each => `${each.id}: ${each.nodes.map(node => node.target.join(" ")).slice(0, 3)}`), [], what);
	}

	async end(what) {
		assert.deepEqual(this.said, [], `${what}: the console`);
		assert.deepEqual(this.urls.filter(url => new URL(url).origin !== this.origin), [], `${what}: requests to others`);
		await this.context.close();
	}
}
