# SPDX-License-Identifier: MIT
"""The HTTP front as a visitor and an upstream see it: connections, fields, routing (RFC 9112)."""

import threading

import pytest

from harness.upstream import always, echo, fields_of, head_of, one, response
from harness.visitor import Visitor

# Connections


def test_keep_alive(tunnel):
    server, _, upstream = tunnel.through()
    v = tunnel.visitor(server)
    for i in range(10):
        assert v.get("/%d" % i).status == 200
    assert len(upstream.connections) == 1


def test_connection_close_is_honoured(tunnel):
    server, _, _ = tunnel.through()
    v = tunnel.visitor(server)
    r = v.get("/", fields=["Connection: close"])
    assert r.status == 200 and r.get("Connection").lower() == "close"
    assert v.ended()


def test_pipelining_is_answered_in_order(tunnel):
    server, _, _ = tunnel.through(echo)
    v = tunnel.visitor(server)
    v.send(b"".join(b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d" % (i, i)
                    for i in range(50)))
    for i in range(50):
        assert v.read_response().body == b"%03d" % i


def test_pipelined_request_after_close_is_not_served(tunnel):
    server, _, upstream = tunnel.through()
    v = tunnel.visitor(server)
    v.send("GET /first HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
           "GET /second HTTP/1.1\r\nHost: a\r\n\r\n")
    assert v.read_response().status == 200
    assert v.ended()
    assert b"/second" not in upstream.received()


def test_empty_lines_before_a_request(tunnel):
    server, _, _ = tunnel.through()
    v = tunnel.visitor(server)
    assert v.get().status == 200
    v.send(b"\r\n")
    assert v.get().status == 200


@pytest.mark.parametrize("fields,kept", [([], False), (["Connection: keep-alive"], True)])
def test_http_1_0_visitor(tunnel, fields, kept):
    server, _, upstream = tunnel.through()
    v = tunnel.visitor(server)
    r = v.get("/", version="1.0", host="a", fields=fields)
    assert r.status == 200 and r.body == b"ok\n"
    if kept and r.get("Connection", "").lower() == "keep-alive":
        assert v.get("/", version="1.0", host="a", fields=fields).body == b"ok\n"
    else:
        assert v.ended()
    # Rule 40: toward the upstream it is always HTTP/1.1.
    assert head_of(upstream)[0].endswith(" HTTP/1.1")


def test_http_1_0_without_host_goes_to_the_catch_all(tunnel):
    server, _, _ = tunnel.through()
    v = tunnel.visitor(server)
    assert v.get("/", version="1.0", host=None).status == 200


def test_http_1_0_gets_a_chunked_answer_unchunked(tunnel):
    server, _, _ = tunnel.through(always(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"))
    v = tunnel.visitor(server)
    r = v.get("/", version="1.0", host="a")
    assert r.body == b"hello world" and r.end == "close"
    assert not r.all("Transfer-Encoding")


# Fields


def test_nothing_else_is_rewritten(tunnel):
    server, _, upstream = tunnel.through(always(
        b"HTTP/1.1 200 Fine, Thanks\r\nX-CaSe: Kept\r\nContent-Length: 0\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nLocation: http://127.0.0.1/x\r\n"
        b"Access-Control-Allow-Origin: *\r\nServer: s\r\n\r\n"))
    v = tunnel.visitor(server)
    r = v.get("/a%2Fb/../c?x=1&y=%00", host="ExAmPle.com:1234",
              fields=["X-One: 1", "x-TWO:  2 ", "Cookie: c", "Accept-Encoding: gzip", "X-One: 3"])
    head = head_of(upstream)
    assert head[0] == "GET /a%2Fb/../c?x=1&y=%00 HTTP/1.1"
    assert "Host: ExAmPle.com:1234" in head
    names = [line.split(":")[0] for line in head[1:]]
    assert names[:6] == ["Host", "X-One", "x-TWO", "Cookie", "Accept-Encoding", "X-One"]
    assert r.reason == "Fine, Thanks"
    assert b"X-CaSe: Kept" in r.raw_head
    assert r.all("Set-Cookie") == ["a=1", "b=2"]
    assert r.get("Location") == "http://127.0.0.1/x"
    assert r.get("Access-Control-Allow-Origin") == "*"


def test_forwarding_fields_of_an_untrusted_visitor(tunnel):
    server, _, upstream = tunnel.through()
    v = tunnel.visitor(server)
    v.get("/", host="shop.example", fields=[
        "X-Forwarded-For: 6.6.6.6", "X_Forwarded_For: 6.6.6.6", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil", "X-Forwarded-Prefix: /evil", "Forwarded: for=6.6.6.6",
        "X-Real-IP: 6.6.6.6", "X-Request-Id: mine"])
    head = head_of(upstream)
    assert one(head, "x-forwarded-for") == "127.0.0.1"
    assert one(head, "x-forwarded-proto") == "http"
    assert one(head, "x-forwarded-host") == "shop.example"
    assert one(head, "x-request-id") not in ("", "mine")
    text = "\n".join(head)
    assert "6.6.6.6" not in text and "evil" not in text


def test_forwarding_fields_of_a_trusted_proxy(tunnel):
    server, _, upstream = tunnel.through(server_options=["--trusted-proxies=127.0.0.0/8"])
    v = tunnel.visitor(server)
    v.get("/", fields=["X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https",
                       "X-Request-Id: kept-as-it-is"])
    head = head_of(upstream)
    assert one(head, "x-forwarded-for").replace(" ", "") == "203.0.113.9,127.0.0.1"
    assert one(head, "x-forwarded-proto") == "https"
    assert one(head, "x-request-id") == "kept-as-it-is"


def test_request_ids_differ(tunnel):
    server, _, upstream = tunnel.through()
    v = tunnel.visitor(server)
    for _ in range(3):
        v.get()
    heads = upstream.received().decode().split("\r\n\r\n")[:3]
    ids = {line for h in heads for line in h.split("\r\n") if line.lower().startswith("x-request-id")}
    assert len(ids) == 3


def test_hop_by_hop_fields_are_removed(tunnel):
    server, _, upstream = tunnel.through(always(
        b"HTTP/1.1 200 OK\r\nConnection: X-Secret-Back\r\nX-Secret-Back: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: keep-alive\r\nContent-Length: 0\r\n\r\n"))
    v = tunnel.visitor(server)
    r = v.get("/", fields=["Connection: keep-alive, X-Secret", "X-Secret: 1", "Keep-Alive: 5",
                           "Proxy-Connection: keep-alive", "TE: trailers, gzip;q=1",
                           "Upgrade: h2c", "X-Stays: 1"])
    names = [n for n, _ in fields_of(head_of(upstream))]
    for name in ("x-secret", "keep-alive", "proxy-connection", "upgrade"):
        assert name not in names
    assert "x-stays" in names
    assert one(head_of(upstream), "te") == "trailers"
    for name in ("X-Secret-Back", "Keep-Alive", "Proxy-Connection"):
        assert not r.all(name)


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding"])
def test_connection_may_not_name_what_frames_the_message(tunnel, name):
    server, _, upstream = tunnel.through()
    assert tunnel.visitor(server).get(fields=["Connection: " + name]).status == 400
    assert not upstream.connections


def test_absolute_form_goes_on_as_origin_form(tunnel):
    server, _, upstream = tunnel.through()
    r = tunnel.visitor(server).get("http://Example.com/x?y", host="example.com")
    assert r.status == 200
    assert head_of(upstream)[0] == "GET /x?y HTTP/1.1"


def test_asterisk_form_only_with_options(tunnel):
    server, _, upstream = tunnel.through()
    assert tunnel.visitor(server).get("*", method="OPTIONS").status == 200
    assert head_of(upstream)[0] == "OPTIONS * HTTP/1.1"
    assert tunnel.visitor(server).get("*").status == 400


def test_path_of_the_upstream_url_goes_in_front(tunnel):
    upstream = tunnel.upstream()
    server = tunnel.server()
    tunnel.client(server, upstream.url + "/base/")
    tunnel.visitor(server).get("/x")
    assert head_of(upstream)[0] == "GET /base/x HTTP/1.1"


# Routing


def test_routing_exact_wildcard_catch_all(tunnel):
    server = tunnel.server()
    names = {}
    for name in ("exact", "wild", "longer", "all"):
        names[name] = tunnel.upstream(name)
    tunnel.client(server, ["www.example.com=" + names["exact"].url,
                           "*.example.com=%s,*.deep.example.com=%s"
                           % (names["wild"].url, names["longer"].url),
                           names["all"].url])

    def ask(host):
        return tunnel.visitor(server).get(host=host).text()

    assert ask("www.example.com") == "exact"
    assert ask("WWW.Example.COM") == "exact"
    assert ask("www.example.com:8080") == "exact"
    assert ask("www.example.com.") == "exact"
    assert ask("www.example.com.:80") == "exact"
    assert ask("other.example.com") == "wild"
    assert ask("a.b.example.com") == "wild"
    assert ask("a.deep.example.com") == "longer"
    assert ask("a.b.deep.example.com") == "longer"
    assert ask("deep.example.com") == "wild"
    assert ask("example.com") == "all"
    assert ask("example.org") == "all"
    assert ask("127.0.0.1") == "all"
    assert ask("[::1]:80") == "all"


def test_requests_of_one_connection_are_routed_each(tunnel):
    server = tunnel.server()
    a, b = tunnel.upstream("a"), tunnel.upstream("b")
    tunnel.client(server, ["a.test=" + a.url, "b.test=" + b.url])
    v = tunnel.visitor(server)
    for host in "abab":
        assert v.get(host=host + ".test").text() == host


def test_sessions_share_a_host(tunnel):
    """Least outstanding requests: what is held up at one goes to the other."""
    hold = threading.Event()

    def script(conn):
        while conn.read_request() is not None:
            hold.wait(20)
            conn.send(response("ok"))

    server = tunnel.server("--workers=1")
    a, b = tunnel.upstream(script), tunnel.upstream(script)
    tunnel.client(server, a)
    second = tunnel.client(server, b)
    visitors = [tunnel.visitor(server).request() for _ in range(20)]
    a.wait_connections(10)
    b.wait_connections(10)
    hold.set()
    for v in visitors:
        assert v.read_response().status == 200
    second.kill()
    for _ in range(10):
        assert tunnel.visitor(server).get().status == 200


def test_equals_take_turns(tunnel):
    """One request after another: no session is busier than the other, so each has its share."""
    server = tunnel.server("--workers=1")
    upstreams = [tunnel.upstream("a"), tunnel.upstream("b")]
    for upstream in upstreams:
        tunnel.client(server, upstream)
    answers = [tunnel.visitor(server).get().text() for _ in range(10)]
    assert sorted(answers) == ["a"] * 5 + ["b"] * 5


def test_upstream_url_with_a_query_string(tunnel):
    """Split on the first = only; the query is dropped with a warning."""
    upstream = tunnel.upstream("q")
    server = tunnel.server()
    client = tunnel.client(server, "q.test=%s/?a=b&c=d" % upstream.url)
    assert tunnel.visitor(server).get(host="q.test").text() == "q"
    client.log_contains("query")


@pytest.mark.regression
def test_prefix_and_the_whole_server(tunnel):
    """"*" has no path to put anything before, in none of its spellings."""
    server = tunnel.server()
    up = tunnel.upstream("fine")
    tunnel.client(server, up.url + "/base/")
    with Visitor(server.address) as v:
        v.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
        assert v.read_response().status == 200
        v.send("OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n")
        assert v.read_response().status == 200
    assert up.received().count(b"OPTIONS * HTTP/1.1\r\n") == 2

DOTS = ["/../admin", "/%2e%2e/admin", "/..%2fadmin", "/.%2E%2Fadmin", "/..;x/admin", "/a/..",
        "/./admin", "/..%5cadmin", "/%252e%252e/admin", "http://x/../admin", "/a/../..?q"]

NO_DOTS = ["/.../..a", "/a?/../b", "/.well-known/%2ex;.."]


@pytest.mark.regression
@pytest.mark.parametrize("path, status", [("", 200), ("/", 200), ("/public/", 400)])
def test_prefix_is_a_fence(tunnel, path, status):
    """Rule 41: where an upstream has a path, no spelling of a dot segment leads out of it; where
    none is set, paths are the upstream's business."""
    server = tunnel.server()
    up = tunnel.upstream("fine")
    tunnel.client(server, up.url + path)
    with Visitor(server.address) as v:
        assert [v.get(t, host="x").status for t in DOTS] == [status] * len(DOTS)
        assert [v.get(t, host="x").status for t in NO_DOTS] == [200] * len(NO_DOTS)
    came = [line.split(b" ")[1] for line in up.received().split(b"\r\n") if b" HTTP/1.1" in line]
    assert [t.decode() for t in came[-3:]] == [path.rstrip("/") + t for t in NO_DOTS]
    assert len(came) == len(NO_DOTS) + len(DOTS) * (status == 200)
