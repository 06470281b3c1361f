// SPDX-License-Identifier: MIT
// Which lines two texts share: the longest common subsequence of what is left between equal beginnings and ends.

const MOST = 4e6; // cells of its table: about 2,000 lines against 2,000, some 20 ms

// Rows [kind, left, right]: "same", "changed", "less" (only left) or "more" (only right).
export function compare(left, right) {
	const a = left.split("\n");
	const b = right.split("\n");
	let head = 0;
	while (head < a.length && head < b.length && a[head] === b[head])
		head++;
	let tail = 0;
	while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail])
		tail++;
	const same = lines => lines.map(line => ["same", line, line]);
	return [...same(a.slice(0, head)),
		...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
		...same(a.slice(a.length - tail))];
}

function middle(a, b) {
	if (a.length * b.length > MOST)
		return paired(a, b);
	const width = b.length + 1;
	const table = new Uint32Array((a.length + 1) * width);
	for (let i = a.length - 1; i >= 0; i--)
		for (let j = b.length - 1; j >= 0; j--)
			table[i * width + j] = a[i] === b[j] ? table[(i + 1) * width + j + 1] + 1 :
				Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
	const rows = [];
	let less = [];
	let more = [];
	let i = 0;
	let j = 0;
	while (i < a.length || j < b.length) {
		if (i < a.length && j < b.length && a[i] === b[j]) {
			rows.push(...paired(less, more), ["same", a[i++], b[j++]]);
			less = [];
			more = [];
		} else if (j >= b.length || (i < a.length && table[(i + 1) * width + j] >= table[i * width + j + 1])) {
			less.push(a[i++]);
		} else {
			more.push(b[j++]);
		}
	}
	return [...rows, ...paired(less, more)];
}

// Lines that went beside lines that came.
function paired(less, more) {
	return Array.from({length: Math.max(less.length, more.length)}, (_, n) =>
		n >= more.length ? ["less", less[n], null] : n >= less.length ? ["more", null, more[n]] :
			["changed", less[n], more[n]]);
}
