# SPDX-License-Identifier: MIT
"""The requests that an exit node tells of while somebody looks: summaries, of all workers, and nothing of what is secret."""

import asyncio
import json
import threading

import pytest

from harness.admin import ask
from harness.browser import browse
from harness.panel import Panel
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

KEPT = 1000  # SEEN_REQUESTS_MAX
NOTED = 200  # REQUEST_NOTES_MAX, of a worker at a time


def look(server, query=""):
    answer = ask(server, "/api/v1/requests" + query)
    assert answer.status == 200, answer.body
    return answer.json


def test_summaries(tunnel):
    u = tunnel.upstream("hello")
    server = tunnel.server("--workers=2")
    tunnel.client(server, ["a.example.org=" + u.url, "dead.example.org=http://127.0.0.1:1"])
    visitor = tunnel.visitor(server)
    assert visitor.get("/before", host="a.example.org").status == 200
    assert look(server) == {"items": [], "next": None, "missed": 0, "kept": 0}
    asked = (("/one?token=s3cret", "a.example.org"), ("/two", "dead.example.org"), ("/three", "nobody.example.org"))
    got = [tunnel.visitor(server).get(path, host=host).status for path, host in asked]
    page = look(server)
    assert [(r["method"], r["host"], r["path"], r["status"]) for r in page["items"]] == [
        ("GET", "nobody.example.org", "/three", got[2]), ("GET", "dead.example.org", "/two", 502), ("GET", "a.example.org", "/one", 200)]
    assert [r["why"] for r in page["items"][1:]] == ["refused", None] and page["items"][0]["why"]
    assert page["kept"] == 3 and "s3cret" not in json.dumps(page)
    last = page["items"][2]
    assert " connection=%d " % last["connection"] in server.log()
    assert last["client"] == "127.0.0.1" and last["duration"] > 0 and min(last["bytes_out"], last["bytes_in"]) > 20
    session, = ask(server, "/api/v1/sessions").json["items"]
    assert last["session"] == session["id"]
    # The same parameters as on a client.
    for query, paths in (("?status=502", ["/two"]), ("?status=2xx", ["/one"]), ("?host=A.example.org", ["/one"]), ("?q=TH", ["/three"]),
                         ("?method=post", []), ("?after=" + last["id"], ["/three", "/two"]), ("?limit=2", ["/three", "/two"])):
        assert [r["path"] for r in look(server, query)["items"]] == paths
    rest = look(server, "?before=" + look(server, "?limit=2")["next"])
    assert [r["path"] for r in rest["items"]] == ["/one"] and rest["next"] is None
    for wrong in ("status=6xx", "limit=501", "after=x", "colour=blue"):
        assert ask(server, "/api/v1/requests?" + wrong).status == 400


def test_nobody_looks_any_more(tunnel):
    server, _, _ = tunnel.through("hello")
    look(server)
    tunnel.visitor(server).get("/seen")
    first, = look(server)["items"]
    # Nobody looks for ten seconds; who asks then begins anew, and ids go on.
    quiet = threading.Event()
    quiet.wait(11)
    tunnel.visitor(server).get("/unseen")
    assert look(server)["items"] == []
    tunnel.visitor(server).get("/again")
    again, = look(server, "?after=" + first["id"])["items"]
    assert again["path"] == "/again"


def test_so_many(tunnel):
    server, _, _ = tunnel.through("hello", server_options=["--workers=1"])
    look(server)
    visitor = tunnel.visitor(server)
    for n in range(NOTED + 50):
        assert visitor.get("/%d" % n).status == 200
    page = look(server, "?limit=500")
    assert len(page["items"]) == NOTED and page["missed"] == 50 and page["items"][0]["path"] == "/%d" % (NOTED - 1)
    for _ in range(KEPT // NOTED):
        for _ in range(NOTED):
            assert visitor.get("/more").status == 200
        look(server)
    assert look(server)["kept"] == KEPT and look(server, "?after=%s" % page["items"][-1]["id"])["kept"] == KEPT


def test_strange_paths(tunnel):
    server, _, _ = tunnel.through("hello")
    look(server)
    for path in (b"/\xff\xfe", b"/" + b"x" * 3000, b"/<b>"):
        visitor = tunnel.visitor(server)
        visitor.send(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        visitor.read_response()
    assert all(len(r["path"]) < 400 for r in look(server)["items"])


@pytest.mark.parametrize("filter_", [None, {"host": "a.example.org", "status": "2xx"}])
def test_live(tunnel, filter_):
    u = tunnel.upstream("ok")
    server = tunnel.server("--panel=127.0.0.1:0")
    panel = Panel(server, server.state)
    tunnel.client(server, "a.example.org=" + u.url)

    async def watch():
        async with panel.live() as page:
            await page.send(json.dumps({"subscribe": ["requests"], **({"filter": filter_} if filter_ else {})}))
            loop = asyncio.get_running_loop()
            seen = []

            async def hear():
                while "/last" not in seen:
                    message = json.loads(await asyncio.wait_for(page.recv(), PATIENCE))
                    seen.extend(r["path"] for r in reversed(message.get("items", [])))
            # What was there before it looked is not told: it looks when the server keeps something.
            def first():
                Visitor(server.address).get("/first", host="a.example.org")
                return panel.json("/api/v1/requests")["kept"]
            await loop.run_in_executor(None, lambda: wait_until(first, "the server to look"))
            for path, host in (("/one", "a.example.org"), ("/other", "b.example.org"), ("/last", "a.example.org")):
                await loop.run_in_executor(None, lambda p=path, h=host: Visitor(server.address).get(p, host=h))
            await asyncio.wait_for(hear(), PATIENCE)
            assert [p for p in seen if p != "/first"] == (["/one", "/last"] if filter_ else ["/one", "/other", "/last"])
    asyncio.run(watch())


def test_page(tunnel, tmp_path):
    """A browser sees what ends while it looks, with its summary."""
    server, _, upstream = tunnel.through("fine", server_options=["--panel=127.0.0.1:0"])
    panel = Panel(server, server.state)
    over = threading.Event()

    def visit():
        while not over.wait(0.1):
            Visitor(server.address).get("/seen/by/a/browser?q=1", host="app.example.org")
    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        browse(tmp_path, "summaries.mjs", "%s/#%s" % (panel.origin, panel.token), "/seen/by/a/browser", "app.example.org")
    finally:
        over.set()
        visitor.join()
    assert upstream


def test_those_that_found_no_place(tunnel):
    """A request that is refused because as many wait as may is seen as any other, when it ends; who waits, when that ends."""
    server = tunnel.server("--max-waiting=1", "--reconnect-grace=2s")
    client = tunnel.client(server, "a.example.org=" + tunnel.upstream("ok").url)
    look(server)
    client.kill()
    waiting = tunnel.visitor(server)
    waiting.request("/waits", host="a.example.org")
    wait_until(lambda: ask(server, "/api/v1/overview").json["waiting"] == 1, "one to wait")
    assert tunnel.visitor(server).get("/crowd", host="a.example.org").status == 503
    assert [(r["path"], r["status"], r["why"]) for r in look(server)["items"]] == [("/crowd", 503, "crowded")]
    assert waiting.read_response().status == 503
    assert [(r["path"], r["why"]) for r in look(server)["items"]][0] == ("/waits", "waited")
