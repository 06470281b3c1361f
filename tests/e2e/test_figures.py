# SPDX-License-Identifier: MIT
"""What a server tells of its services and sessions while somebody looks: rates, times, what is under way, round trips,
and why an upstream was not reached; at the admin socket, in the live feed, in the commands."""

import asyncio
import json
import threading
import time

import pytest

from harness.admin import ask
from harness.panel import Panel
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

EVERY = 0.6  # seconds: the server reads twice a second at most


def publications(server):
    answer = ask(server, "/api/v1/publications")
    assert answer.status == 200, answer.body
    return {each["place"]: each for each in answer.json["items"]}


def test_publications(tunnel):
    u = tunnel.upstream("x" * 1000)
    server = tunnel.server("--workers=2")
    tunnel.client(server, ["a.example.org=" + u.url, "dead.example.org=http://127.0.0.1:1", "0=tcp://" + u.address])
    tunnel.client(server, "b.example.org=" + u.url)
    every = publications(server)
    assert len(every) == 4
    assert {each["state"] for each in every.values()} == {"served"}
    assert all(each["rps"] == each["in"] == each["out"] == each["begun"] == each["open"] == 0 for each in every.values())
    begun = time.monotonic()
    for _ in range(20):
        assert tunnel.visitor(server).get("/", host="a.example.org").status == 200
    wait_until(lambda: time.monotonic() > begun + EVERY, "time for another reading")
    one = publications(server)["a.example.org"]
    took = time.monotonic() - begun
    assert one["begun"] == 20 and one["open"] == 0
    # The window began at most 0.6 s before the first request, when it was looked at.
    assert 20 / (took + 0.6) <= one["rps"] <= 20 / EVERY
    assert one["rps"] * 1000 < one["out"] < one["rps"] * 2000 and one["in"] > 0
    assert 0 < one["p50"] <= one["p95"] <= one["p99"] < PATIENCE
    other = publications(server)["b.example.org"]
    assert other["begun"] == 0 and other["p50"] is None and other["lastError"] is None
    wait_until(lambda: publications(server)["a.example.org"]["rps"] == 0, "the rate to fall")


def test_one_publication_and_pages(tunnel):
    u = tunnel.upstream("ok")
    server = tunnel.server()
    names = ["%s.example.org" % c for c in "abcdef"]
    for part in (names[:3], names[3:]):
        tunnel.client(server, [name + "=" + u.url for name in part])
    seen, after = [], ""
    while after is not None:
        page = ask(server, "/api/v1/publications?limit=2" + (after and "&after=" + after)).json
        seen += page["items"]
        after = page["next"]
    assert [each["id"] for each in seen] == sorted(each["id"] for each in seen)
    assert sorted(each["place"] for each in seen) == names
    assert ask(server, "/api/v1/publications/" + seen[0]["id"]).json["place"] == seen[0]["place"]
    for wrong in ("x", seen[0]["session"], seen[0]["session"] + "-99", seen[0]["id"] + "x"):
        assert ask(server, "/api/v1/publications/" + wrong).status == 404
    assert ask(server, "/api/v1/publications?after=" + "x" * 299).json["items"] == []


def test_last_error(tunnel):
    server = tunnel.server()
    tunnel.client(server, "dead.example.org=http://127.0.0.1:1")
    assert tunnel.visitor(server).get("/", host="dead.example.org").status == 502
    one = publications(server)["dead.example.org"]
    assert one["state"] == "failing" and one["lastError"]["what"] == "the upstream refused the connection"
    session, = ask(server, "/api/v1/sessions").json["items"]
    assert session["lastError"]["what"] == one["lastError"]["what"]
    for command in ("routes", "sessions"):
        status, out, err = tunnel.run(command, "--admin-socket=%s" % (server.state / "admin.sock"))
        assert status == 0 and one["lastError"]["what"] in out, err


def test_under_way_and_round_trip(tunnel):
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
        conn.send(response(b"done"))
    u = tunnel.upstream(slow)
    server = tunnel.server()
    tunnel.client(server, "a.example.org=" + u.url)
    visitor = tunnel.visitor(server)
    visitor.send(b"GET / HTTP/1.1\r\nHost: a.example.org\r\n\r\n")
    u.wait_received(b"GET /")
    assert publications(server)["a.example.org"]["open"] == 1

    def session():
        return ask(server, "/api/v1/sessions").json["items"][0]
    wait_until(lambda: session()["links"][0]["roundTripSeconds"], "the round trip to be known")
    found = session()
    link, = found["links"]
    assert 0 < found["roundTripSeconds"] == link["roundTripSeconds"] < PATIENCE and link["streams"] == 1
    gate.set()
    wait_until(lambda: publications(server)["a.example.org"]["open"] == 0, "its end")


@pytest.mark.parametrize("topic", ["services", "sessions"])
def test_live(tunnel, topic):
    u = tunnel.upstream("ok")
    server = tunnel.server("--panel=127.0.0.1:0")
    panel = Panel(server, server.state)
    tunnel.client(server, "a.example.org=" + u.url)

    async def watch():
        async with panel.live() as page:
            await page.send(json.dumps({"subscribe": [topic]}))

            async def news():
                while True:
                    message = json.loads(await asyncio.wait_for(page.recv(), PATIENCE))
                    if message["t"] == topic:
                        return message
            first = await news()
            assert first["whole"] and len(first["items"]) == 1
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, lambda: Visitor(server.address).get("/", host="a.example.org"))
            while not (await news())["items"][0]["rps"]:
                pass
    asyncio.run(watch())


def test_pages_of_a_session_with_many(tunnel):
    """Each once, in the order of their numbers, wherever a page ends; and each by its id."""
    server = tunnel.server()
    tunnel.client(server, ["a%d.example.org=%s" % (i, "http://127.0.0.1:1") for i in range(120)])
    tunnel.client(server, "other.example.org=http://127.0.0.1:1")
    found, after = [], ""
    while after is not None:
        page = ask(server, "/api/v1/publications?limit=50" + (after and "&after=" + after)).json
        assert len(page["items"]) <= 50
        found, after = found + page["items"], page["next"]
    of = {s: [row["number"] for row in found if row["session"] == s] for s in {row["session"] for row in found}}
    assert sorted(len(numbers) for numbers in of.values()) == [1, 120]
    assert all(numbers == sorted(set(numbers)) for numbers in of.values())
    for row in found[::40]:
        assert ask(server, "/api/v1/publications/" + row["id"]).json["place"] == row["place"]
    assert ask(server, "/api/v1/publications/%s-9999" % found[0]["session"]).status == 404
