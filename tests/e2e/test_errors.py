# SPDX-License-Identifier: MIT
"""What visitors read when it does not work, and the limits that end a request."""

import contextlib
import re
import threading
import time

import pytest

from harness.upstream import always, refused_port


def page(tunnel, server, accept=None, **kwargs):
    fields = ["Accept: " + accept] if accept else []
    return tunnel.visitor(server).get(fields=fields, **kwargs)


def check_page(r, status, host):
    assert r.status == status, r.raw_head
    assert r.get("Content-Type").startswith("text/plain")
    assert host in r.text()
    assert r.get("Cache-Control", "no-store") == "no-store"


def test_503_names_the_host_and_the_request(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    r = page(tunnel, server, host="nobody.example")
    check_page(r, 503, "nobody.example")
    request_id = r.get("X-Request-Id")
    if request_id:
        assert request_id in r.text()
    server.log_contains("nobody.example")
    ids = [w for w in r.text().replace(":", " ").split() if len(w) >= 8 and w in server.log()]
    assert ids, "no request id of %r is in the log" % r.text()


def test_html_for_browsers(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    r = page(tunnel, server, "text/html,application/xhtml+xml,*/*;q=0.8", host="nobody.example")
    assert r.status == 503 and r.get("Content-Type").startswith("text/html")
    assert "<html" in r.text().lower() and "nobody.example" in r.text()
    assert page(tunnel, server, "*/*").get("Content-Type").startswith("text/plain")


def test_the_page_escapes_what_it_was_asked(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    r = page(tunnel, server, "text/html", target="/<script>alert(1)</script>", host="a&b<i>.example")
    assert "<script>" not in r.text() and "<i>" not in r.text()


def test_503_for_a_head_request_has_no_body(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    v = tunnel.visitor(server)
    assert v.get(method="HEAD").status == 503
    assert v.get().status == 503


def test_502_when_the_upstream_refuses(tunnel):
    server = tunnel.server()
    sock, port = refused_port()
    client = tunnel.client(server, ["bad.example=http://127.0.0.1:%d" % port,
                                    tunnel.upstream("fine\n").url])
    check_page(page(tunnel, server, host="bad.example"), 502, "bad.example")
    # The session lives on, and so does the visitor's connection.
    v = tunnel.visitor(server)
    assert v.get(host="good.example").text() == "fine\n"
    assert v.get(host="bad.example").status == 502
    assert v.get(host="good.example").text() == "fine\n"
    assert client.alive()
    sock.close()


def test_502_when_the_name_does_not_resolve(tunnel):
    server = tunnel.server()
    tunnel.client(server, "http://no-such-host.invalid:80")
    check_page(page(tunnel, server, host="x.example"), 502, "x.example")


def test_502_when_the_upstream_dies_before_its_head(tunnel):
    server, _, _ = tunnel.through(lambda conn: conn.read_request())
    check_page(page(tunnel, server, host="x.example", method="POST", body=b"x"), 502, "x.example")


def test_504_when_no_head_comes_in_time(tunnel):
    server, _, _ = tunnel.through(lambda conn: conn.read_to_end(),
                                  server_options=["--response-head-timeout=300ms"])
    began = time.monotonic()
    check_page(page(tunnel, server, host="x.example"), 504, "x.example")
    assert 0.2 < time.monotonic() - began < 3


def test_408_for_a_slow_head(tunnel):
    server, _, upstream = tunnel.through(server_options=["--request-head-timeout=300ms"])
    v = tunnel.visitor(server)
    v.send("GET / HTTP/1.1\r\nHost: a\r\n")
    assert v.read_response().status == 408
    assert v.ended()
    assert not upstream.connections


def test_408_is_not_put_off_by_single_bytes(tunnel):
    server = tunnel.server("--request-head-timeout=500ms")
    v = tunnel.visitor(server)

    def drip():
        with contextlib.suppress(OSError):
            v.trickle(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 100, every=0.05)

    began = time.monotonic()
    threading.Thread(target=drip, daemon=True).start()
    assert v.read_response().status == 408
    assert time.monotonic() - began < 3


def test_idle_connection_is_closed_without_a_word(tunnel):
    server, _, _ = tunnel.through(server_options=["--visitor-idle=1s"])
    v = tunnel.visitor(server)
    assert v.get().status == 200
    assert v.read_to_end() == b""


def test_431_and_the_limit_is_an_option(tunnel):
    server, _, _ = tunnel.through(server_options=["--request-head-limit=4KiB"])
    assert tunnel.visitor(server).get(fields=["X: " + "a" * 3000]).status == 200
    assert tunnel.visitor(server).get(fields=["X: " + "a" * 5000]).status == 431


def with_fields(n):
    """An answer with so many fields; Content-Length is the last."""
    return (b"HTTP/1.1 200 OK\r\n" + b"".join(b"Set-Cookie: c%d=1\r\n" % i for i in range(n - 1))
            + b"Content-Length: 2\r\n\r\nok")


@pytest.mark.parametrize("options, limit", [([], 256), (["--head-fields-limit=1000"], 1000)])
def test_many_fields(tunnel, options, limit):
    answer = [b""]

    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer[0])

    server, _, _ = tunnel.through(script, server_options=options)
    answer[0] = with_fields(limit)
    r = tunnel.visitor(server).get()
    assert r.status == 200 and len(r.all("Set-Cookie")) == limit - 1 and r.body == b"ok"
    assert tunnel.visitor(server).get(fields=["X: y"] * (limit - 1)).status == 200  # and Host
    assert tunnel.visitor(server).get(fields=["X: y"] * limit).status == 431
    server.log_contains("why=FIELDS")
    answer[0] = with_fields(limit + 1)
    assert tunnel.visitor(server).get().status == 502
    server.log_contains("why=upstream-fields")


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    # why: (the answer, the name of the field that is blamed)
    "upstream-start-line": (b"220 mail.example ESMTP\r\n", ""),
    "upstream-version": (b"HTTP/2.0 200 OK\r\n\r\n", ""),
    "upstream-line-end": (OK + b"X-Bare: a\rb\r\n\r\n", "X-Bare"),
    "upstream-control": (OK + b"X-Bell: \a\r\n\r\n", "X-Bell"),
    "upstream-fold": (OK + b"X-Long: a\r\n b\r\n\r\n", "X-Long"),
    "upstream-name": (OK + b"X-Space : a\r\n\r\n", "X-Space"),
    "upstream-too-large": (OK + b"X: " + b"a" * 70_000 + b"\r\n\r\n", ""),
    "upstream-length": (OK + b"content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "content-Length"),
    "upstream-coding": (OK + b"Transfer-Encoding: gzip\r\n\r\n", "Transfer-Encoding"),
    "upstream-both-lengths": (OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                              "Transfer-Encoding"),
    "upstream-coding-in-1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                               "Transfer-Encoding"),
    "upstream-connection": (OK + b"Connection: a b\r\n\r\n", "Connection"),
    "upstream-connection-names": (OK + b"Connection: Content-Length\r\n\r\n", "Connection"),
    "upstream-chunk-size": (CHUNKED + b"zz\r\n", ""),
    "upstream-chunk-extension": (CHUNKED + b"1;\x01\r\n", ""),
    "upstream-chunk-end": (CHUNKED + b"1\r\nok\r\n", ""),
    "upstream-trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", "Content-Length"),
    "upstream-trailers-too-large": (CHUNKED + b"0\r\nX: " + b"a" * 10_000 + b"\r\n\r\n", ""),
    "upstream-switch": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", ""),
    "upstream-interim": (b"HTTP/1.1 103 Early Hints\r\n\r\n" * 17, ""),
}


def test_a_refused_answer_is_told_from_another(tunnel):
    """Which rule was broken is in the access log, the field at debug, and neither on the page."""
    def script(conn):
        target = conn.read_request()[0].split(b" ")[1].decode()
        conn.send(BROKEN[target[1:]][0])
        conn.read_to_end()

    server, _, _ = tunnel.through(script, server_options=["--log-level=debug"])
    pages = set()
    for why, (_, field) in BROKEN.items():
        r = tunnel.visitor(server).get("/" + why, method="POST", body=b"x")
        assert r.status == 502, why
        request_id = r.get("X-Request-Id")
        pages.add(r.text().replace(request_id, ""))
        server.log_contains("request_id=%s protocol=HTTP/1.1 why=%s\n" % (request_id, why))
        line = re.search("refused response to request %s: (.*) connection=[0-9]+" % request_id, server.log())[1]
        assert line.split(": ", 1)[1:] == ([field] if field else []), line
    assert len(pages) == 1


def test_one_slow_visitor_does_not_hold_another(tunnel):
    server, _, _ = tunnel.through(always("ok\n"))
    slow = [tunnel.visitor(server).send("GET / HT") for _ in range(50)]
    assert tunnel.visitor(server).get().status == 200
    assert len(slow) == 50


@pytest.mark.parametrize("limit", ["--max-visitors-per-address", "--max-visitors"])
def test_too_many_connections(tunnel, limit):
    server, _, _ = tunnel.through(server_options=[limit + "=10"])
    visitors = [tunnel.visitor(server) for _ in range(15)]
    served = 0
    for v in visitors:
        with contextlib.suppress(Exception):
            served += v.get().status == 200
    # The client's own link may count or not, it comes from the same address here.
    assert 8 <= served <= 10
    if limit == "--max-visitors":
        server.log_contains("refusing new connections: --max-visitors")
