// SPDX-License-Identifier: MIT
// What a page shows is asked for when it opens, when the program tells of a change, and every few seconds besides.

export const EVERY = 5000; // milliseconds
const SOON = 300; // milliseconds: several changes are one question

export class Poll {
	constructor(ask) {
		this.ask = ask;
	}

	start() {
		this.run();
	}

	async run() {
		clearTimeout(this.timer);
		if (!document.hidden) {
			try {
				await this.ask();
			} catch (error) {
				if (error.status === 401)
					return;
			}
		}
		if (!this.stopped)
			this.timer = setTimeout(() => this.run(), EVERY);
	}

	soon() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.run(), SOON);
	}

	stop() {
		this.stopped = true;
		clearTimeout(this.timer);
	}
}
