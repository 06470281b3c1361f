# SPDX-License-Identifier: MIT
"""What an exit node carries, how near its limits it is, and what somebody should do something about."""

import json

from harness.admin import ask
from harness.openapi import check_answer
from harness.wait import wait_until


def get(server, what):
    answer = ask(server, "/api/v1/" + what)
    assert answer.status == 200, answer.body
    return answer.json


def abouts(server):
    return [item["about"] for item in get(server, "attention")["items"]]


def test_overview(tunnel):
    server = tunnel.server()
    tunnel.client(server, tunnel.upstream("hello"))
    tunnel.curl("http://127.0.0.1:%d/" % server.port)
    first = get(server, "overview")
    # Since the start.
    assert first["rps"] > 0 and first["out"] > 0 and 0 < first["p50"] <= first["p99"]
    assert first["sessions"] == first["links"] == first["services"] == 1

    def is_quiet():
        return get(server, "overview")["rps"] == 0
    wait_until(is_quiet, "a sample in which nothing came")


def test_limit_is_reached(tunnel):
    server = tunnel.server("--max-sessions=1")
    up = tunnel.upstream("hello")
    tunnel.client(server, up)
    limits = {row["name"]: row for row in get(server, "limits")["items"]}
    assert limits["max-sessions"]["use"] == limits["max-sessions"]["peak"] == limits["max-sessions"]["limit"] == 1
    assert limits["max-sessions"]["reachedAt"] is None and abouts(server) == []
    tunnel.client(server, up, wait=False)
    wait_until(lambda: abouts(server) == ["limit"], "the limit to be reached")
    item, = get(server, "attention")["items"]
    assert "--max-sessions (1)" in item["what"] and "Raise --max-sessions" in item["todo"]
    limits = {row["name"]: row for row in get(server, "limits")["items"]}
    assert limits["max-sessions"]["reached"] >= 1 and limits["max-sessions"]["reachedAt"]


def test_certificate_ends_soon(tunnel):
    server = tunnel.server(*tunnel.ca().issue("soon.example", days=3).options())
    item, = get(server, "attention")["items"]
    assert item["about"] == "certificate" and item["severity"] == "warn"
    assert "soon.example ends in" in item["what"] and "Renew it" in item["todo"]


def test_pending_endpoint(tunnel):
    server = tunnel.server()

    def post(path, value):
        return ask(server, "/api/v1/" + path, "-X", "POST", "--data-binary", json.dumps(value))
    assert post("identities", {"name": "web"}).status == 201
    assert post("services", {"name": "redis", "visibility": ["*"]}).status == 201
    alias = ask(server, "/api/v1/services/redis").json["properties"]["alias"]
    made = post("endpoints", {"service": alias, "consumer": "web"})
    assert made.status == 201, made.body
    item, = get(server, "attention")["items"]
    assert item["about"] == "endpoint" and "web waits for approval" in item["what"]
    code, out, _ = tunnel.run("status", "--admin-socket=%s" % server.admin_socket)
    what, todo = out.splitlines()[-2:]
    assert code == 0 and "web waits for approval" in what and todo.startswith("   Approve or reject it")
    assert post("endpoints/%s/approve" % made.json["name"], {}).status == 200
    assert abouts(server) == []


def test_lost_client(tunnel):
    """Whose it was, and how many wait for it, whichever worker has them; until it is back."""
    server = tunnel.server("--workers=3", "--reconnect-grace=50s")
    up = tunnel.upstream("hello")
    client = tunnel.client(server, "app.example.org=" + up.url)
    tunnel.client(server, "quiet.example.org=" + up.url)
    socket = "--admin-socket=%s" % server.admin_socket
    assert get(server, "status")["lost"] == []
    client.kill()
    visitors = [tunnel.visitor(server) for _ in range(5)]
    for visitor in visitors:
        visitor.request("/", host="app.example.org")

    def waiting():
        answer = ask(server, "/api/v1/status")
        check_answer("GET", "/api/v1/status", answer)
        return {row["place"]: row["waiting"] for row in answer.json["lost"]}
    wait_until(lambda: waiting() == {"app.example.org": 5}, "all to be told of")
    status, out, _ = tunnel.run("status", socket)
    row = next(line.split() for line in out.splitlines() if line.startswith("default") and "app.example.org" in line)
    assert status == 0 and row[0] == "default" and row[-2:] == ["app.example.org", "5"]
    assert "LOST CLIENT OF" in out and "quiet.example.org" not in out[out.index("LOST CLIENT OF"):]
    status, out, _ = tunnel.run("status", socket, "-o", "tsv")
    assert "LOST" not in out and len(out.splitlines()) == 1
    client.start()
    for visitor in visitors:
        assert visitor.read_response().body == b"hello"
    assert waiting() == {} and "LOST" not in tunnel.run("status", socket)[1]


def test_where_a_request_would_go(tunnel):
    """HOST/PATH in one word, as it is copied from a browser, and apart."""
    server = tunnel.server()
    tunnel.client(server, "app.example.org=" + tunnel.upstream("hello").url)
    socket = "--admin-socket=%s" % server.admin_socket
    words = [json.loads(tunnel.run("routes", *how, socket, "--json")[1])
             for how in (["app.example.org/login?x=1"], ["app.example.org", "--path=/login?x=1"])]
    assert words[0] == words[1] and words[0]["host"] == "app.example.org" and words[0]["sessions"]
    status, _, err = tunnel.run("routes", "app.example.org/a", "--path=/b", socket)
    assert status == 2 and "leave --path out" in err
