# SPDX-License-Identifier: MIT
"""The client's inspector: what it captures, what it hides, and what it sends again."""

import gzip
import json
import subprocess

import pytest
from harness.admin import ask
from harness.metrics import scrape
from harness.openapi import CLIENT, check_answer
from harness.public import free_port
from harness.upstream import fields_of, response
from harness.wait import wait_until

SECRET = "sEcReT-0123456789"
BODY = bytes(range(256)) * 20
REPLAY = ("-X", "POST", "-H", "Content-Type: application/json")


class Inspector:
    """At the admin socket of a client; every JSON answer is held against docs/openapi-client.yaml."""

    def __init__(self, tunnel, upstream, *options, server=None):
        self.socket = tunnel.path / "c.sock"
        self.server = server or tunnel.server()
        self.client = tunnel.client(self.server, upstream, "--admin-socket=%s" % self.socket,
                                    "--panel=127.0.0.1:0", *options)

    def ask(self, target, *options, status=200, method="GET"):
        answer = ask(self.socket, target, *options)
        assert answer.status == status, (target, answer.status, answer.body)
        check_answer(method, target, answer, CLIENT)
        return answer

    def list(self, query=""):
        return self.ask("/api/v1/requests" + query).json["items"]

    def newest(self):
        """The newest one, when it is over."""
        wait_until(lambda: self.list() and self.list()[0]["state"] != "open", "the end of a request")
        return self.entry(self.list()[0]["id"])

    def entry(self, ident, query=""):
        return self.ask("/api/v1/requests/%s%s" % (ident, query)).json

    def replay(self, ident, status=201, **changes):
        return self.ask("/api/v1/requests/%s/replay" % ident, *REPLAY, "-d", json.dumps(changes),
                        status=status, method="POST").json


def echo(conn):
    while (request := conn.read_request()) and request[1] is not None:
        conn.send(response(request[1]))


def fields(part):
    return {name.lower(): value for name, value in part["fields"]}


def test_an_upstream_that_is_not_there(tunnel):
    """What the visitor got a 502 for is seen, with the reason, and can be sent again when the upstream is there."""
    port = free_port()
    inspector = Inspector(tunnel, "http://127.0.0.1:%d" % port)
    assert tunnel.visitor(inspector.server).get("/x?token=" + SECRET).status == 502
    entry = inspector.newest()
    assert (entry["state"], entry["status"]) == ("failed", None) and "refused" in entry["why"]
    assert entry["request"]["line"].startswith("GET /x?token=**** ") and entry["response"] is None
    assert entry["not_replayable"] is None and entry["client"] == "127.0.0.1"
    tunnel.upstream(echo, port=port)
    again = inspector.entry(inspector.replay(entry["id"])["id"])
    assert again["status"] == 200


def test_captured(tunnel):
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream)
    visitor = tunnel.visitor(inspector.server)
    for i in range(3):
        visitor.get("/get/%d" % i)
    answer = visitor.get("/post?a=b", method="POST", body=BODY, fields=["Content-Type: application/x-bytes"])
    assert answer.body == BODY
    entry = inspector.newest()
    rows = inspector.list()
    assert scrape(inspector.socket).of("tunnel_inspected_requests_total") == 4
    assert [row["path"] for row in rows] == ["/post?a=b", "/get/2", "/get/1", "/get/0"]
    assert rows[0]["method"] == "POST" and rows[0]["status"] == 200 and rows[0]["host"] == "example.com"
    assert rows[0]["bytes_in"] == rows[0]["bytes_out"] == len(BODY) and rows[0]["duration"] >= 0
    assert entry["request"]["line"] == "POST /post?a=b HTTP/1.1"
    assert entry["response"]["line"] == "HTTP/1.1 200 OK"
    assert fields(entry["request"])["content-type"] == "application/x-bytes"
    assert entry["request"]["body"] == {"bytes": len(BODY), "kept": len(BODY)}
    assert entry["upstream"] == upstream.url and entry["client"] == "127.0.0.1"
    # As the visitor of a kept connection found it, nothing was dialled.
    first = inspector.entry(rows[-1]["id"])
    assert first["timing"]["opened"] == 0 and entry["timing"]["opened"] is None
    for which in ("request.body", "response.body"):
        assert inspector.ask("/api/v1/requests/%s/%s" % (entry["id"], which)).body == BODY
    # Pages, filters, and what is not there.
    page = inspector.ask("/api/v1/requests?limit=3").json
    assert [row["path"] for row in inspector.list("?before=" + page["next"])] == ["/get/0"]
    assert [row["path"] for row in inspector.list("?after=" + rows[1]["id"])] == ["/post?a=b"]
    assert len(inspector.list("?method=POST")) == len(inspector.list("?q=/post")) == 1
    assert not inspector.list("?status=5xx") and len(inspector.list("?status=200&host=example.com")) == 4
    inspector.ask("/api/v1/requests/77", status=404)
    inspector.ask("/api/v1/requests?status=x", status=400)


def test_pinned_stay(tunnel):
    inspector = Inspector(tunnel, tunnel.upstream(echo))
    tunnel.visitor(inspector.server).get("/keep")
    kept = inspector.newest()["id"]
    tunnel.visitor(inspector.server).get("/go")
    inspector.newest()
    row = inspector.ask("/api/v1/requests/%s/pin" % kept, *REPLAY, "-d", '{"pinned": true}', method="POST").json
    assert row["pinned"] is True
    assert inspector.ask("/api/v1/requests", "-X", "DELETE", method="DELETE").json == {"kept": 1}
    assert [row["id"] for row in inspector.list()] == [kept]


def test_replay(tunnel):
    """The upstream sees the second one, byte for byte, but for what is made anew."""
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream)
    tunnel.visitor(inspector.server).get("/order?token=" + SECRET, method="POST", body=BODY,
                                         fields=["Authorization: Bearer " + SECRET, "X-Two: 1", "X-Two: 2"])
    entry = inspector.newest()
    again = inspector.replay(entry["id"])
    assert again["left_out"] == []
    second = inspector.entry(again["id"])
    assert second["replay_of"] == entry["id"] and second["status"] == 200 and second["state"] == "done"
    upstream.wait_connections(2)
    (head, body), (other, same) = (c.received.split(b"\r\n\r\n", 1) for c in upstream.connections[:2])
    assert same == body == BODY
    anew = {"x-request-id", "x-tunnel-replay", "connection", "content-length"}

    def kept(text):
        lines = text.decode().split("\r\n")
        return lines[:1] + [(n, v) for n, v in fields_of(lines) if n.lower() not in anew]
    assert kept(other) == kept(head)
    assert b"\r\nX-Tunnel-Replay: 1\r\n" in other
    assert inspector.ask("/api/v1/requests/%s/response.body" % again["id"]).body == BODY
    assert "sends a captured request again" in inspector.client.log()


def test_replay_edited(tunnel):
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream)
    tunnel.visitor(inspector.server).get("/a?key=%s&x=1" % SECRET, method="POST", body=b"one", fields=[
        "Authorization: Bearer " + SECRET])
    entry = inspector.newest()
    # A page has the hidden values alone, and gives them back.
    edited = [pair for pair in entry["request"]["fields"] if pair[0].lower() != "content-length"]
    assert SECRET not in json.dumps(entry)
    again = inspector.replay(entry["id"], method="PUT", target=entry["target"].replace("/a", "/b"),
                             fields=edited + [["X-New", "yes"]], body="two")
    assert inspector.entry(again["id"])["status"] == 200
    upstream.wait_connections(2)
    head, body = upstream.connections[1].received.split(b"\r\n\r\n", 1)
    assert body == b"two"
    assert head.startswith(("PUT /b?key=%s&x=1 HTTP/1.1\r\n" % SECRET).encode())
    assert ("Authorization: Bearer " + SECRET).encode() in head and b"\r\nX-New: yes\r\n" in head
    for wrong in ({"method": "G T"}, {"target": "/a b"}, {"fields": [["X", "a\r\nY: b"]]}, {"body_base64": "?"}):
        inspector.replay(entry["id"], status=400, **wrong)
    assert len(upstream.connections) == 2


def test_replay_when_the_upstream_is_gone(tunnel):
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream)
    tunnel.visitor(inspector.server).get("/")
    entry = inspector.newest()
    upstream.stop()
    gone = inspector.entry(inspector.replay(entry["id"])["id"])
    assert gone["state"] == "failed" and "refused" in gone["why"] and gone["response"] is None


def test_replay_of_what_was_cut(tunnel):
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream, "--inspect-body=100")
    tunnel.visitor(inspector.server).get("/", method="POST", body=BODY)
    entry = inspector.newest()
    assert entry["request"]["body"] == {"bytes": len(BODY), "kept": 100}
    assert "--inspect-body" in entry["not_replayable"]
    assert "--inspect-body" in inspector.replay(entry["id"], status=409)["detail"]
    assert len(upstream.connections) == 1
    again = inspector.replay(entry["id"], body="whole")
    assert inspector.entry(again["id"])["status"] == 200


SECRETS = [
    "Authorization: Bearer " + SECRET, "Proxy-Authorization: Basic " + SECRET, "X-Api-Key: " + SECRET,
    "X-Auth-Token: " + SECRET, "X-CSRF-Token: " + SECRET, "Cookie: a=%s; b=%s" % (SECRET, SECRET),
    "X-Mine: " + SECRET, "Referer: http://example.com/?token=" + SECRET]
QUERY = "&".join("%s=%s" % (name, SECRET) for name in (
    "token", "access_token", "id_token", "code", "key", "api_key", "password", "secret", "signature", "mine", "%74oken"))


def secret(conn):
    while conn.read_request():
        conn.send(response("ok", "302 Found", [
            "Set-Cookie: id=%s; Path=/" % SECRET, "Location: /cb?code=%s#access_token=%s" % (SECRET, SECRET)]))


def outputs(inspector, ident, query=""):
    """Everything that leaves."""
    path = "/api/v1/requests/%s" % ident
    targets = ["/api/v1/requests" + query.replace("reveal=1", "limit=10"), path + query, path + "/curl" + query,
               path + "/request.body" + query, path + "/response.body" + query, "/api/v1/requests.har" + query]
    return {target: inspector.ask(target).body.decode() for target in targets}


@pytest.mark.parametrize("forget", [False, True])
def test_no_secret_leaves(tunnel, forget):
    upstream = tunnel.upstream(secret)
    options = ["--inspect-mask=x-mine,mine", "--log-level=debug"] + (["--inspect-forget"] if forget else [])
    inspector = Inspector(tunnel, upstream, *options)
    tunnel.visitor(inspector.server).get("/?" + QUERY, fields=SECRETS)
    assert upstream.received().count(SECRET.encode()) >= 18
    entry = inspector.newest()
    for target, text in outputs(inspector, entry["id"]).items():
        assert SECRET not in text, target
    assert not inspector.list("?q=" + SECRET)
    assert fields(entry["request"])["authorization"].startswith("••••")
    assert fields(entry["response"])["set-cookie"].endswith("; Path=/")
    again = inspector.replay(entry["id"])
    replayed = inspector.entry(again["id"])
    upstream.wait_connections(2)
    for target, text in outputs(inspector, replayed["id"]).items():
        assert SECRET not in text, target
    assert SECRET not in inspector.client.log()
    revealed = "".join(outputs(inspector, entry["id"], "?reveal=1").values())
    if forget:
        assert SECRET not in revealed
        assert "Authorization" in again["left_out"]
        assert SECRET.encode() not in upstream.connections[1].received
    else:
        assert revealed.count(SECRET) > 30
        assert upstream.connections[1].received.count(SECRET.encode()) >= 17
    assert "with their secrets" in inspector.client.log()


def test_curl_and_har(tunnel):
    """The line is typed into a shell, and asks the same again."""
    upstream = tunnel.upstream(echo)
    inspector = Inspector(tunnel, upstream)
    visitor = tunnel.visitor(inspector.server)
    visitor.get("/it's/../x?a=$(id)", method="POST", body=b"it's \"quoted\" $HOME\n", host=inspector.server.address,
                fields=["X-A: `id` 'q'", "X-Empty:"])
    entry = inspector.newest()
    line = inspector.ask("/api/v1/requests/%s/curl" % entry["id"]).body.decode()
    assert line.startswith("curl -g --path-as-is -X 'POST' 'http://")
    done = subprocess.run(["sh", "-c", line], capture_output=True, env=tunnel.env, timeout=60)
    assert done.stdout == b"it's \"quoted\" $HOME\n", done.stderr
    second = inspector.newest()
    assert second["id"] != entry["id"] and second["target"] == entry["target"]
    assert fields(second["request"])["x-a"] == "`id` 'q'" and fields(second["request"])["x-empty"] == ""
    log = inspector.ask("/api/v1/requests.har").json["log"]
    assert log["version"] == "1.2" and len(log["entries"]) == 2
    har = log["entries"][0]
    assert har["request"]["method"] == "POST" and har["request"]["postData"]["text"] == "it's \"quoted\" $HOME\n"
    assert har["response"]["status"] == 200 and har["time"] >= 0
    one = inspector.ask("/api/v1/requests.har?ids=" + second["id"]).json["log"]["entries"]
    assert [e["connection"] for e in one] == [second["id"]]


def test_encoded_answer(tunnel):
    def script(conn):
        while conn.read_request():
            conn.send(response(gzip.compress(b"plain text"), "200 OK", ["Content-Encoding: gzip"]))
    inspector = Inspector(tunnel, tunnel.upstream(script))
    tunnel.visitor(inspector.server).get("/")
    path = "/api/v1/requests/%s/response.body" % inspector.newest()["id"]
    assert gzip.decompress(inspector.ask(path).body) == b"plain text"
    assert inspector.ask(path + "?decode=1").body == b"plain text"


def test_what_is_no_http(tunnel):
    def script(conn):
        conn.read_request()
        conn.send(b"SSH-2.0-OpenSSH_9.2\r\n" + SECRET.encode())
    inspector = Inspector(tunnel, tunnel.upstream(script))
    assert tunnel.visitor(inspector.server).get("/").status == 502
    entry = inspector.newest()
    assert entry["state"] == "raw" and entry["why"]
    inspector.ask("/api/v1/requests/%s/response.body" % entry["id"], status=403)
    body = inspector.ask("/api/v1/requests/%s/response.body?reveal=1" % entry["id"]).body
    assert body.startswith(b"SSH-2.0")
    inspector.replay(entry["id"], status=409)


def test_websocket(tunnel):
    """It is counted, not kept, and nothing of it is another than without the inspector."""
    def script(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
        conn.send(conn.read(1000) + b"end")
        conn.finish()
    inspector = Inspector(tunnel, tunnel.upstream(script))
    visitor = tunnel.visitor(inspector.server)
    visitor.request("/ws", fields=["Connection: Upgrade", "Upgrade: x"])
    visitor.read_until(b"\r\n\r\n")
    row, = inspector.list()
    assert row["state"] == "open" and row["status"] == 101 and row["websocket"] is True
    visitor.send(b"x" * 1000)
    assert visitor.read(1003) == b"x" * 1000 + b"end"
    visitor.close()
    entry = inspector.newest()
    assert entry["state"] == "done" and entry["request"]["body"] == {"bytes": 1000, "kept": 0}
    assert entry["response"]["body"] == {"bytes": 1003, "kept": 0}
    inspector.replay(entry["id"], status=409)


def test_folder_and_tls(tunnel):
    """What is captured is plain text, whatever the upstream is."""
    (tunnel.path / "site").mkdir()
    (tunnel.path / "site" / "index.html").write_text("<h1>site</h1>")
    ca = tunnel.ca()
    server = tunnel.server()
    upstream = tunnel.upstream(echo, tls=ca.issue("localhost").server_context())
    inspector = Inspector(tunnel, ["folder.test=%s" % (tunnel.path / "site"), "tls.test=" + upstream.url],
                          "--upstream-insecure", server=server)
    assert b"site" in tunnel.visitor(server).get("/", host="folder.test").body
    entry = inspector.newest()
    assert inspector.ask("/api/v1/requests/%s/response.body" % entry["id"]).body == b"<h1>site</h1>"
    assert inspector.entry(inspector.replay(entry["id"])["id"])["status"] == 200
    assert tunnel.visitor(server).get("/", host="tls.test", method="POST", body=b"hi").body == b"hi"
    entry = inspector.newest()
    assert inspector.ask("/api/v1/requests/%s/request.body" % entry["id"]).body == b"hi"
    assert inspector.entry(inspector.replay(entry["id"])["id"])["status"] == 200


def test_real_program(tunnel):
    """nginx answers HEAD, conditions, ranges and chunks in its own way, on kept connections."""
    nginx = tunnel.nginx("")
    (nginx.root / "file.txt").write_text("0123456789")
    inspector = Inspector(tunnel, nginx)
    url = "http://%s/file.txt" % inspector.server.address
    head = tunnel.curl(url, "-I").decode()
    etag = next(line for line in head.split("\r\n") if line.lower().startswith("etag: ")).split(": ")[1]
    asked = [(), ("-r", "2-4"), ("-H", "If-None-Match: " + etag)]
    for options in asked:
        tunnel.curl(url, *options)
    wait_until(lambda: len(inspector.list()) == 4, "the requests")
    assert [row["status"] for row in reversed(inspector.list())] == [200, 200, 206, 304]
    assert all(row["state"] == "done" for row in inspector.list())
    assert [row["bytes_out"] for row in reversed(inspector.list())] == [0, 10, 3, 0]


def test_off(tunnel):
    inspector = Inspector(tunnel, tunnel.upstream(echo), "--inspect=0")
    tunnel.visitor(inspector.server).get("/")
    assert "--inspect" in inspector.ask("/api/v1/requests", status=404).json["detail"]
