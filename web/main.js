// The first step of every page: what is behind "#" is the token, which becomes a cookie and leaves the address bar.
const headers = { "Content-Type": "application/json", "X-Tunnel-Panel": "1" };

async function login(token) {
	history.replaceState(null, "", location.pathname);
	const answer = await fetch("/api/v1/login", { method: "POST", headers, body: JSON.stringify({ token }) });
	return answer.ok;
}

async function main() {
	const state = document.getElementById("state");
	if (location.hash.length > 1 && !(await login(location.hash.slice(1)))) {
		state.textContent = "This is not the token. Open the address that the program printed at its start.";
		return;
	}
	const answer = await fetch("/api/v1/info");
	if (!answer.ok) {
		state.textContent = "Open the address that the program printed at its start: it has the token.";
		return;
	}
	const info = await answer.json();
	state.textContent = `${info.side} ${info.version} on ${info.hostname}`;
}

main();
