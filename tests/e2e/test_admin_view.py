# SPDX-License-Identifier: MIT
"""What the admin socket shows of a server: status, sessions, routes; and the end of a session."""

import datetime
import socket
import threading
import time

import pytest

from harness import noise
from harness.admin import ask
from harness.programs import TOKEN
from harness.upstream import response
from harness.wait import PATIENCE, wait_until


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def items(server, target):
    answer = ask(server, target)
    assert answer.status == 200, answer.body
    return answer.json["items"]


def test_status(tunnel):
    begun = time.time()
    u = tunnel.upstream("ok")
    server = tunnel.server("--workers=2")
    empty = ask(server, "/api/v1/status").json
    assert (empty["sessions"], empty["clients"], empty["workers"]) == (0, [], 2)
    tunnel.client(server, ["a.example.org=" + u.url, "0=tcp://" + u.address], "--links=2", services=2)
    server.wait_links(2)
    status = ask(server, "/api/v1/status").json
    assert (status["sessions"], status["links"], status["services"], status["streams"]) == (1, 2, 2, 0)
    assert begun - 2 < moment(status["started"]) < time.time() + 2
    assert 0 <= status["uptimeSeconds"] < 60
    assert status["listeners"] == [{"port": server.port, "visitors": True, "clients": True}]
    client, = status["clients"]
    assert client["identity"] == "default" and client["remoteAddr"].startswith("127.0.0.1:")
    assert sorted(client["upstreams"]) == sorted([u.url, "tcp://" + u.address])
    assert any("a.example.org" in p for p in client["publishes"])
    # As inlets-pro says it.
    inlets = ask(server, "/status").json
    assert set(inlets["info"]) == {"version", "sha", "mode", "startTime", "hostname"}
    assert inlets["info"]["mode"] == "server" and inlets["info"]["hostname"] == socket.gethostname()
    assert inlets["info"]["version"] == status["version"]
    assert inlets["clients"][0]["clientID"] == client["session"]
    assert set(inlets["clients"][0]) == {"clientID", "remoteAddr", "since", "upstreams"}


def steady(session):
    """Without what may be another at the next look."""
    moving = ("links", "roundTripSeconds", "rps", "errors", "in", "out")
    return {name: value for name, value in session.items() if name not in moving}


def test_sessions(tunnel):
    u = tunnel.upstream("ok")
    server = tunnel.server()
    tunnel.client(server, "a.example.org=" + u.url)
    tunnel.client(server, "b.example.org=" + u.url)
    both = items(server, "/api/v1/sessions")
    assert [s["id"] for s in both] == sorted(s["id"] for s in both) and len(both) == 2
    one = next(s for s in both if s["services"][0]["place"] == "a.example.org")
    again = ask(server, "/api/v1/sessions/" + one["id"]).json
    assert steady(again) == steady(one) and again.keys() == one.keys()
    assert one["identity"] == "default" and len(one["keyId"]) == 16 and not one["ending"]
    assert len(one["links"]) == 1 and one["links"][0]["protection"] == "sealed"
    service, = one["services"]
    assert service["kind"] == "http" and service["upstream"] == u.url
    assert service["address"] == "http://a.example.org:%d/" % server.port
    # A page at a time, each once.
    page = ask(server, "/api/v1/sessions?limit=1").json
    assert [steady(s) for s in page["items"]] == [steady(both[0])] and page["next"]
    page = ask(server, "/api/v1/sessions?limit=1&after=" + page["next"]).json
    assert [steady(s) for s in page["items"]] == [steady(both[1])]
    for wrong in ("nobody", "../x", "%ff%fe"):
        assert ask(server, "/api/v1/sessions/" + wrong, "--path-as-is").status == 404
    assert ask(server, "/api/v1/sessions?colour=blue").status == 400
    answer = ask(server, "/api/v1/sessions", "-X", "POST", "-d", "{}")
    assert answer.status == 405 and answer.fields["allow"] == "GET"
    answer = ask(server, "/api/v1/sessions/" + one["id"], "-X", "OPTIONS")
    assert answer.status == 405 and answer.fields["allow"] == "GET, DELETE"


def test_end_a_session(tunnel):
    """At once: what is under way is cut. Its client may come back."""
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
    u = tunnel.upstream(slow)
    server = tunnel.server()
    client = tunnel.client(server, u)
    session, = items(server, "/api/v1/sessions")
    visitor = tunnel.visitor(server)
    visitor.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    u.wait_received(b"GET /")
    wait_until(lambda: ask(server, "/api/v1/sessions/" + session["id"]).json["streams"] == 1, "the stream")
    answer = ask(server, "/api/v1/sessions/" + session["id"], "-X", "DELETE")
    assert answer.status == 200 and answer.json == {"streamsCut": 1}
    client.log_contains("is going away")
    server.log_contains("uid 0 ended its session (admin socket)")
    gate.set()
    wait_until(lambda: [s["id"] for s in items(server, "/api/v1/sessions")] not in ([], [session["id"]]),
               "the client to be back")
    assert ask(server, "/api/v1/sessions/" + session["id"], "-X", "DELETE").status == 404


def test_end_a_session_when_it_is_idle(tunnel):
    """With a drain what is under way is finished, and nothing new begins."""
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
        conn.send(response(b"finished"))
    u = tunnel.upstream(slow)
    server = tunnel.server("--reconnect-grace=0s")
    client = tunnel.client(server, u)
    session, = items(server, "/api/v1/sessions")
    target = "/api/v1/sessions/%s" % session["id"]
    visitor = tunnel.visitor(server)
    visitor.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    u.wait_received(b"GET /")
    answers = []
    drain = threading.Thread(target=lambda: answers.append(
        ask(server, target + "?drain=%d" % PATIENCE, "-X", "DELETE", timeout=PATIENCE)))
    drain.start()
    wait_until(lambda: ask(server, target).json["ending"], "the drain")
    wait_until(lambda: tunnel.visitor(server).get().status == 503, "no new request gets there")
    assert ask(server, target + "?drain=1", "-X", "DELETE").status == 409
    assert drain.is_alive()
    gate.set()
    drain.join(PATIENCE)
    assert answers[0].status == 200 and answers[0].json == {"streamsCut": 0}
    assert visitor.read_response().body == b"finished"
    client.log_contains("is going away")


def test_many_drains_leave_room(tunnel):
    """They wait at the admin socket, which has places for others: a token can be revoked."""
    server = tunnel.server()
    for i in range(40):
        link = tunnel.stage.add(noise.Link(server.address)).up(TOKEN)
        link.publish(host="s%d.example" % i)
        tunnel.visitor(server).send(b"GET / HTTP/1.1\r\nHost: s%d.example\r\n\r\n" % i)
        link.read_kind(noise.OPEN)
    waiting = []
    for session in items(server, "/api/v1/sessions?limit=100"):
        s = tunnel.stage.add(socket.socket(socket.AF_UNIX))
        s.connect(str(server.admin_socket))
        s.sendall(b"DELETE /api/v1/sessions/%s?drain=600 HTTP/1.1\r\n\r\n" % session["id"].encode())
        s.settimeout(PATIENCE)
        waiting.append(s)
    for s in waiting[16:]:
        assert s.recv(4096).startswith(b"HTTP/1.1 503 ")
    assert ask(server, "/api/v1/store").status == 200
    assert ask(server, "/api/v1/identities/default/revoke", "-X", "POST").json["sessionsEnded"] == 40
    # With their sessions the drains end.
    for s in waiting[:16]:
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("drain", ["-1", "x", "3601", ""])
def test_drain_is_a_number(tunnel, drain):
    server = tunnel.server()
    assert ask(server, "/api/v1/sessions/x?drain=" + drain, "-X", "DELETE").status == 400


def test_drain_ends_with_the_server(tunnel):
    """Whoever waits for the end of a session is answered, or the connection ends; nothing hangs."""
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
    u = tunnel.upstream(slow)
    server = tunnel.server("--grace=100ms")
    tunnel.client(server, u)
    session, = items(server, "/api/v1/sessions")
    visitor = tunnel.visitor(server)
    visitor.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    u.wait_received(b"GET /")
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(server.admin_socket))
    s.sendall(b"DELETE /api/v1/sessions/%s?drain=60 HTTP/1.1\r\n\r\n" % session["id"].encode())
    wait_until(lambda: ask(server, "/api/v1/sessions/" + session["id"]).json["ending"], "the drain")
    server.stop()
    s.settimeout(PATIENCE)
    assert s.recv(4096)[:12] in (b"", b"HTTP/1.1 503", b"HTTP/1.1 200")
    gate.set()


def test_routes(tunnel):
    u = tunnel.upstream("ok")
    server = tunnel.server("--workers=2")
    tunnel.client(server, ["a.example.org=" + u.url, "*.example.org=" + u.url, "0=tcp://" + u.address],
                  services=3)
    tunnel.client(server, "a.example.org=" + u.url)
    routes = {r["host"]: r for r in items(server, "/api/v1/routes")}
    port, = (h for h in routes if h.startswith("tcp:"))
    assert sorted(routes) == sorted(["a.example.org", "*.example.org", port])
    assert len(routes["a.example.org"]["sessions"]) == 2
    assert len(routes["*.example.org"]["sessions"]) == 1
    assert routes[port]["kind"] == "tcp" and routes["a.example.org"]["kind"] == "http"
    assert {r["identity"] for r in routes.values()} == {"default"}

    def why(query):
        answer = ask(server, "/api/v1/routes?" + query)
        assert answer.status == 200, answer.body
        return answer.json
    exact = why("host=A.example.org.")
    assert exact["host"] == exact["matched"] == "a.example.org"
    assert "is published by this name" in exact["why"] and len(exact["sessions"]) == 2
    wild = why("host=x.y.example.org&path=/deep?q")
    assert wild["matched"] == "*.example.org" and "longest wildcard" in wild["why"]
    assert u.url in wild["why"]
    none = why("host=other.example")
    assert none["matched"] is None and none["sessions"] == []
    assert "nothing that is published covers other.example" in none["why"]
    assert why("host=a.example.org&path=%ff%01x")["matched"] == "a.example.org"
    for wrong in ("host=", "host=a..b", "path=/x", "host=%ff"):
        assert ask(server, "/api/v1/routes?" + wrong).status == 400


def test_route_of_a_lost_client(tunnel):
    u = tunnel.upstream("ok")
    server = tunnel.server("--reconnect-grace=60s")
    client = tunnel.client(server, "a.example.org=" + u.url)
    client.kill()
    wait_until(lambda: not ask(server, "/api/v1/status").json["sessions"], "the loss")
    answer = ask(server, "/api/v1/routes?host=a.example.org").json
    assert answer["matched"] == "a.example.org" and answer["sessions"] == []
    assert "no client serves it now" in answer["why"] and "60 s" in answer["why"]


def test_info_hides_secrets(tunnel):
    server = tunnel.server("--grace=7s")
    answer = ask(server, "/api/v1/info")
    assert answer.json["options"]["grace"] == "7s" and answer.json["side"] == "server"
    assert answer.json["pid"] == server.pid
    assert tunnel.TOKEN.encode() not in answer.body and answer.json["options"]["token"] == "(set)"


def test_health(tunnel):
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
        conn.send(response(b"ok"))
    u = tunnel.upstream(slow)
    server = tunnel.server()
    tunnel.client(server, u)
    for target in ("/healthz", "/readyz"):
        answer = ask(server, target)
        assert (answer.status, answer.body) == (200, b"ok\n")
    visitor = tunnel.visitor(server)
    visitor.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    u.wait_received(b"GET /")
    server.process.terminate()
    server.log_contains("shutting down")
    assert ask(server, "/healthz").status == 200
    answer = ask(server, "/readyz")
    assert answer.status == 503 and "shutting down" in answer.json["detail"]
    gate.set()
