// SPDX-License-Identifier: MIT
// The requests that the page knows, oldest first, and those of them that pass the filter.

export const MOST = 20000; // rows; about 10 MB of the browser's memory

export class Rows {
	constructor() {
		this.clear();
		this.passes = null;
	}

	clear() {
		this.all = [];
		this.byId = new Map();
		this.shown = [];
	}

	filter(passes) {
		this.passes = passes;
		this.shown = passes ? this.all.filter(passes) : this.all.slice();
	}

	// Takes what is new or has changed; how many of it are in front of what is shown.
	add(rows) {
		const newest = this.all.at(-1)?.at ?? -Infinity;
		let newer = 0;
		let sort = false;
		let again = false;
		for (const row of rows) {
			const known = this.byId.get(row.id);
			if (known) {
				again ||= this.passes && this.passes(known) !== this.passes(row);
				Object.assign(known, row, {version: known.version + 1});
				continue;
			}
			row.version = 0;
			this.byId.set(row.id, row);
			sort ||= row.at < (this.all.at(-1)?.at ?? -Infinity);
			this.all.push(row);
			if (this.passes && !this.passes(row))
				continue;
			this.shown.push(row);
			newer += row.at >= newest ? 1 : 0;
		}
		if (sort) {
			this.all.sort((a, b) => a.at - b.at);
			again = true;
		}
		if (this.all.length > MOST) {
			for (const row of this.all.splice(0, this.all.length - MOST))
				this.byId.delete(row.id);
			again = true;
		}
		if (again)
			this.filter(this.passes);
		return newer;
	}
}
