// SPDX-License-Identifier: MIT
// "status:5xx path:/api method:POST host:app -path:/health word": all of them must hold. A word alone is looked for in
// host and path; "-" in front turns a part around; quotes keep spaces; a comma separates what a name may be.

const NAMES = ["status", "path", "method", "host", "slower", "is"];

function statusHolds(status, wanted) {
	if (wanted === "none")
		return !status;
	return /^[1-5]xx$/i.test(wanted) ? Math.floor((status || 0) / 100) === Number(wanted[0]) : String(status) === wanted;
}

const HOLDS = {
	status: (row, value) => statusHolds(row.status, value),
	path: (row, value) => row.path.toLowerCase().includes(value.toLowerCase()),
	method: (row, value) => row.method.toLowerCase() === value.toLowerCase(),
	host: (row, value) => (row.host || "").toLowerCase().includes(value.toLowerCase()),
	slower: (row, value) => row.seconds > Number.parseFloat(value) * (/[^m]s$/.test(value) ? 1 : 0.001),
	is: (row, value) => Boolean({replay: row.replayOf, websocket: row.websocket, open: row.open, pinned: row.pinned}[value]),
};

function part(text) {
	const not = text.length > 1 && text.startsWith("-");
	const words = not ? text.slice(1) : text;
	const colon = words.indexOf(":");
	const name = words.slice(0, colon).toLowerCase();
	if (colon < 1 || !NAMES.includes(name)) {
		const word = words.replaceAll('"', "").toLowerCase();
		return {not, holds: row => `${row.host || ""}${row.path}`.toLowerCase().includes(word)};
	}
	const values = words.slice(colon + 1).replaceAll('"', "").split(",").filter(Boolean);
	return {not, holds: row => !values.length || values.some(value => HOLDS[name](row, value))};
}

// A function of a row; null where everything passes.
export function compile(text) {
	const parts = (text.match(/(?:[^\s"]|"[^"]*"?)+/g) || []).map(part);
	return parts.length ? row => parts.every(({not, holds}) => holds(row) !== not) : null;
}
