// SPDX-License-Identifier: MIT
// A list of the program: asked for as a whole, and in between as the feed tells what of it is another.

export class Told {
	constructor() {
		this.items = [];
	}

	asked(items) {
		this.items = items;
	}

	// The feed has the first page alone, so what it does not name stays until the list is asked for again.
	take({items, gone = []}) {
		const news = new Map(items.map(item => [item.id, item]));
		this.items = this.items.filter(({id}) => !gone.includes(id)).map(item => {
			const other = news.get(item.id) || item;
			news.delete(item.id);
			return other;
		});
		this.items.push(...news.values());
	}
}
