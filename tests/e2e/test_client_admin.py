# SPDX-License-Identifier: MIT
"""The client's admin socket: where it is, what it costs, and each request of docs/openapi-client.yaml."""

import asyncio
import contextlib
import json
import os
import pathlib
import stat
import threading

from harness.admin import ask
from harness.metrics import Metrics, promtool_check
from harness.openapi import CLIENT, check_answer
from harness.panel import Panel
from harness.public import port_of
from harness.wait import PATIENCE, wait_until


def socket_of(tunnel, client):
    return pathlib.Path(tunnel.env["XDG_RUNTIME_DIR"]) / "tunnel" / ("client-%d.sock" % client.pid)


def get(socket, target, status=200):
    answer = ask(socket, target)
    assert answer.status == status, (target, answer.status, answer.body)
    check_answer("GET", target, answer, CLIENT)
    return answer.json if "json" in answer.fields["content-type"] else answer.body


def threads(client):
    folder = pathlib.Path("/proc/%d/task" % client.pid)
    return {(t / "comm").read_text().strip() for t in folder.iterdir()}


def test_every_request(tunnel):
    server = tunnel.server()
    up = tunnel.upstream("hello")
    client = tunnel.client(server, "app.example.org=" + up.url)
    socket = socket_of(tunnel, client)
    assert stat.S_IMODE(os.stat(socket).st_mode) == 0o600
    # Nobody asked so far.
    assert "panel" not in threads(client)
    assert get(socket, "/healthz") == b"ok\n" and get(socket, "/readyz") == b"ok\n"
    assert "panel" in threads(client)
    text = get(socket, "/metrics")
    assert promtool_check(text) == "" and Metrics(text.decode()).of("tunnel_link_up") == 1
    assert get(socket, "/api/v1/log") == {"level": "info", "rooms": {}}
    info = get(socket, "/api/v1/info")
    assert info["pid"] == client.pid and info["side"] == "client" and info["options"]["token"] in ("", "(set)")
    session, = get(socket, "/api/v1/sessions")["items"]
    assert session["state"] == "open" and session["linksUp"] == 1 and session["granted"] == 1
    assert session["id"] in [s["id"] for s in ask(server, "/api/v1/sessions").json["items"]]
    assert get(socket, "/api/v1/sessions/" + session["id"]) == session
    service, = get(socket, "/api/v1/publications?limit=1")["items"]
    assert service["place"] == "app.example.org" and service["state"] == "granted"
    assert service["address"].startswith("http://app.example.org")
    assert get(socket, "/api/v1/publications/%d" % service["number"]) == service
    overview = get(socket, "/api/v1/overview")
    assert (overview["linksUp"], overview["services"], overview["granted"], overview["open"]) == (1, 1, 1, 0)
    assert overview["rps"] is None  # it has no inspector
    limits = {row["name"]: row for row in get(socket, "/api/v1/limits")["items"]}
    assert limits["max-dials"]["limit"] == 256 and limits["memory-budget"]["use"] == 0
    assert (limits["max-dials"]["peak"], limits["max-dials"]["reached"], limits["max-dials"]["reachedAt"]) == (0, 0, None)
    for nothing in ("/api/v1/sessions/0000000000000000", "/api/v1/publications/77"):
        assert get(socket, nothing, 404)["reason"] == "not_found"


def test_limit_that_was_reached(tunnel):
    """Three visitors of an upstream that takes one at a time: two wait, which is counted."""
    gate = threading.Event()

    def slow(conn):
        gate.wait(PATIENCE)
        conn.send(b"ok")
    up = tunnel.upstream(slow)
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://" + up.address, "--max-connections=1")
    socket = socket_of(tunnel, client)

    def limit():
        rows = get(socket, "/api/v1/limits")["items"]
        return next((row for row in rows if row["name"].startswith("max-connections of ")), None)
    visitors = [tunnel.visitor("127.0.0.1:%d" % port_of(client)) for _ in range(3)]
    wait_until(lambda: limit() and limit()["reached"] == 2, "two to wait")
    assert (limit()["limit"], limit()["use"], limit()["peak"]) == (1, 1, 1) and limit()["reachedAt"]
    gate.set()
    for visitor in visitors:
        assert visitor.read(2) == b"ok"
        visitor.close()


def test_peaks(tunnel):
    """What there was at a time at most, when it is over: streams on both links, and bytes that waited."""
    gate = threading.Event()

    def slow(conn):
        gate.wait(PATIENCE)
        conn.read_to_end()
    up = tunnel.upstream(slow)
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://" + up.address, "--links=2")
    socket = socket_of(tunnel, client)

    def limits():
        return {row["name"]: row for row in get(socket, "/api/v1/limits")["items"]}
    visitors = [tunnel.visitor("127.0.0.1:%d" % port_of(client)) for _ in range(3)]
    for visitor in visitors:
        visitor.sock.setblocking(False)
    wait_until(lambda: limits()["max-streams"]["use"] == 3, "three streams")

    def push():
        with contextlib.suppress(BlockingIOError):
            visitors[0].send(b"x" * 65536)
        return limits()["memory-budget"]["use"]
    wait_until(push, "bytes that wait for the upstream")
    gate.set()
    for visitor in visitors:
        visitor.close()
    wait_until(lambda: limits()["max-streams"]["use"] == limits()["memory-budget"]["use"] == 0, "all to be over")
    assert limits()["max-streams"]["peak"] == 3 and limits()["memory-budget"]["peak"] > 0


def test_live(tunnel):
    """The client's feed ticks, and tells of what it publishes."""
    server = tunnel.server()
    state = tunnel.path / "client-state"
    client = tunnel.client(server, "app.example.org=" + tunnel.upstream("hello").url, "--panel=127.0.0.1:0",
                           "--state-dir=%s" % state)
    panel = Panel(client, state)

    async def watch():
        async with panel.live() as page:
            await page.send(json.dumps({"subscribe": ["tick", "services", "sessions"]}))
            seen = {}
            while not {"tick", "services", "sessions"} <= seen.keys():
                message = json.loads(await asyncio.wait_for(page.recv(), PATIENCE))
                seen[message["t"]] = message
            assert seen["tick"]["linksUp"] == 1 and seen["services"]["items"][0]["place"] == "app.example.org"
            assert seen["sessions"]["items"][0]["state"] == "open"
    asyncio.run(watch())


def test_not_ready(tunnel):
    """No session; then a service that is refused."""
    server = tunnel.server()
    up = tunnel.upstream("hello")
    client = tunnel.client(server, up, "--admin-socket=%s" % (tunnel.path / "c.sock"))
    assert not socket_of(tunnel, client).exists()
    assert get(tunnel.path / "c.sock", "/readyz") == b"ok\n"
    server.stop()

    def is_down():
        return ask(tunnel.path / "c.sock", "/readyz").status == 503
    wait_until(is_down, "the client to notice")
    assert "no session" in get(tunnel.path / "c.sock", "/readyz", 503)["detail"]
    session, = get(tunnel.path / "c.sock", "/api/v1/sessions")["items"]
    assert session["state"] == "down" and session["since"] is None


def test_refused(tunnel):
    server = tunnel.server()
    up = tunnel.upstream("hello")
    tunnel.client(server, up, "--exclusive")
    second = tunnel.client(server, up, wait=False)
    second.log_contains("does not publish")
    socket = socket_of(tunnel, second)
    assert "grants 0 of 1" in get(socket, "/readyz", 503)["detail"]
    service, = get(socket, "/api/v1/publications")["items"]
    assert service["state"] == "refused" and service["why"] and not service["address"]


def test_what_was_killed_leaves_nothing(tunnel):
    server = tunnel.server()
    up = tunnel.upstream("hello")
    first = tunnel.client(server, up)
    left = socket_of(tunnel, first)
    first.kill()
    assert left.exists()
    second = tunnel.client(server, up)
    assert sorted(p.name for p in left.parent.iterdir()) == [
        "client-%d.sock" % second.pid, "client-%d.sock.lock" % second.pid]
    second.stop()
    assert not list(left.parent.iterdir())


def test_attention(tunnel):
    """What is refused, and what to do about it; nothing where all is well."""
    server = tunnel.server()
    up = tunnel.upstream("hello")
    first = tunnel.client(server, up, "--exclusive")
    assert get(socket_of(tunnel, first), "/api/v1/attention")["items"] == []
    second = tunnel.client(server, up, wait=False)
    second.log_contains("does not publish")
    item, = get(socket_of(tunnel, second), "/api/v1/attention")["items"]
    assert item["about"] == "service" and item["severity"] == "bad" and "is not published" in item["what"]
    assert "another name" in item["todo"]


def test_status(tunnel):
    """The command finds clients by itself, says what is wrong, and ends with 7 or 5."""
    server = tunnel.server()
    up = tunnel.upstream("hello")
    client = tunnel.client(server, "a.test=" + up.url)
    code, out, _ = tunnel.run("status")
    assert code == 0 and "session open, 1 of 1 link up" in out and "a.test" in out
    assert tunnel.run("status", "-q")[1].startswith("http://a.test")
    whole = json.loads(tunnel.run("status", "--json", "--admin-socket=%s" % socket_of(tunnel, client))[1])
    assert whole["session"]["state"] == "open" and whole["publications"][0]["place"] == "a.test"
    server.stop()
    wait_until(lambda: tunnel.run("status")[0] == 7, "the client to notice")
    code, out, err = tunnel.run("status")
    assert code == 7 and "0 of 1 links" in out and "no session" in err
    client.stop()
    assert tunnel.run("status")[0] == 5


def test_status_of_several(tunnel):
    server = tunnel.server()
    up = tunnel.upstream("hello")
    for host in ("a.test", "b.test"):
        tunnel.client(server, "%s=%s" % (host, up.url))
    shown = tunnel.run("status")[1]
    assert shown.count("client of ") == 2 and "a.test" in shown and "b.test" in shown
    here = tunnel.run("status", "--state-dir=%s" % server.admin_socket.parent)[1]
    assert "2 clients" in here and "client of " not in here


def test_none(tunnel):
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream("hello"), "--admin-socket=none")
    assert not socket_of(tunnel, client).exists()
