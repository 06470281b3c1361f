// SPDX-License-Identifier: MIT
// Numbers and times as people read them: three digits, one unit.

const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

function digits(number) {
	return number >= 100 || Number.isInteger(number) ? String(Math.round(number)) :
		number.toFixed(number >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

export function count(number) {
	return number === null || number === undefined ? "–" : Math.round(number).toLocaleString("en-US");
}

export function rate(number) {
	return number === null || number === undefined ? "–" : number >= 1000 ? count(number) : digits(number);
}

export function size(bytes) {
	if (bytes === null || bytes === undefined)
		return "–";
	let unit = 0;
	while (bytes >= 1000 && unit < SIZES.length - 1) {
		bytes /= 1024;
		unit++;
	}
	return `${digits(bytes)} ${SIZES[unit]}`;
}

// Of a request: 420 µs, 41 ms, 1.2 s
export function duration(seconds) {
	if (seconds === null || seconds === undefined)
		return "–";
	if (seconds < 0.001)
		return `${Math.round(seconds * 1e6)} µs`;
	return seconds < 1 ? `${digits(seconds * 1000)} ms` : seconds < 100 ? `${digits(seconds)} s` : span(seconds);
}

// How long something is there: 4 s, 3 h, 12 d
export function span(seconds) {
	for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]])
		if (seconds >= length)
			return `${Math.floor(seconds / length)} ${unit}`;
	return `${Math.max(0, Math.floor(seconds))} s`;
}

export function since(time) {
	return span((Date.now() - Date.parse(time)) / 1000);
}

const CLOCK = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", second: "2-digit"});
const DAY = new Intl.DateTimeFormat("en-GB", {dateStyle: "medium", timeStyle: "medium"});

export function clock(time) {
	return CLOCK.format(new Date(time));
}

export function day(time) {
	return DAY.format(new Date(time));
}

export function plural(number, one, many = `${one}s`) {
	return `${count(number)} ${number === 1 ? one : many}`;
}
