# SPDX-License-Identifier: MIT
"""Rules hold for HTTP/2 as they do for HTTP/1: curl asks over either."""

import base64
import concurrent.futures

import pytest

from harness.http2 import Http2Visitor
from harness.rules import BCRYPT, front
from harness.upstream import always, response
from harness.wait import wait_until

VERSIONS = pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])


@VERSIONS
def test_rules(tunnel, version):
    up = tunnel.upstream(always(response(b"ok", fields=["Server: x", "X-Stays: z"])))
    f = front(tunnel, ['{when: {path: "/admin*"}, deny: 404}',
                       '{when: {path: "/old/*"}, redirect: {path: "/new/$1", status: 301}}',
                       '{when: {path: "/in*"}, basic: {users: ["bob:%s"]}}' % BCRYPT,
                       '{when: {path: "/in/v1/*"}, rewrite: {path: "/$1"}}',
                       "{request: {set: {X-From: '${address}'}, remove: [X-Gone]}}",
                       "{response: {set: {X-New: '${method}'}, remove: [Server]}}",
                       "{limit: {body: 1KiB}}"], upstream=up)

    long = tunnel.path / "long"
    long.write_bytes(b"x" * 4000)

    def ask(path, *options, status=200):
        out = tunnel.curl("http://127.0.0.1:%d%s" % (f.server.port, path), version, "-i", "--path-as-is",
                          "-H", "Host: " + f.host, *options).decode()
        head, _, body = out.partition("\r\n\r\n")
        assert " %d" % status in head.split("\r\n")[0], out
        return {n.lower(): v for n, _, v in (line.partition(": ") for line in head.split("\r\n")[1:])}, body
    ask("/%61dmin", status=404)
    ask("/x/../admin", status=400)
    assert ask("/old/a", status=301)[0]["location"] == "http://%s/new/a" % f.host
    fields, body = ask("/x", "-H", "X-Gone: 1")
    assert body == "ok" and fields["x-new"] == "GET" and fields["x-stays"] == "z" and "server" not in fields
    assert b"X-From: 127.0.0.1" in up.received() and b"gone" not in up.received().lower()
    assert 'realm="' in ask("/in", status=401)[0]["www-authenticate"]
    ask("/in", "-u", "bob:wrong", status=401)
    for _ in range(2):
        ask("/in/v1/y?q=1", "-u", "bob:secret")
    assert b"GET /y?q=1 HTTP/1.1" in up.received() and b"authorization" not in up.received().lower()
    ask("/x", "-d", "x" * 1024)

    def too_long(n, *options):
        """Over HTTP/2 curl may be told to stop while it sends, and then shows no answer."""
        tunnel.curl("http://127.0.0.1:%d/x" % f.server.port, version, "-H", "Host: " + f.host, *options, check=False)
        wait_until(lambda: f.server.log().count("status=413 ") == n, "a 413")
    too_long(1, "-d", "x" * 1025)
    too_long(2, "-H", "Transfer-Encoding: chunked", "-T", str(long))


@VERSIONS
def test_passwords_on_many_connections(tunnel, version):
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % BCRYPT], "--workers=4")

    def ask(i):
        return tunnel.curl("http://127.0.0.1:%d/%d" % (f.server.port, i), version, "-Z", "-o", "/dev/null", "-w", "%{http_code} ",
                           "-H", "Host: " + f.host, "-u", "bob:secret" if i % 2 else "bob:x%d" % i,
                           "--interface", "127.0.1.%d" % (i + 1)).decode().split()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(ask, range(24)))
    assert got == [["200"] if i % 2 else ["401"] for i in range(24)]
    assert f.server.alive()


def ask_at_once(v, f, passwords):
    """A request with each of these passwords, all under way together: their streams."""
    return [v.ask(path="/%d" % i, authority=f.host, more=[(
        "authorization", "Basic " + base64.b64encode(b"bob:" + p).decode())]) for i, p in enumerate(passwords)]


def test_a_password_that_comes_many_times_at_once_is_checked_once(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % BCRYPT])
    with Http2Visitor(f.server) as v:
        streams = ask_at_once(v, f, [b"secret"] * 20)
        assert [v.answer(s).status for s in streams] == [200] * 20


def test_a_wrong_password_that_comes_many_times_at_once_counts_once(tunnel):
    slow = "$2y$11$" + BCRYPT[7:]  # so that all come while the first is checked
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % slow])
    with Http2Visitor(f.server) as v:
        streams = ask_at_once(v, f, [b"wrong"] * 20)
        assert [v.answer(s).status for s in streams] == [401] * 20
        streams = ask_at_once(v, f, [b"wrong%d" % i for i in range(20)])
        statuses = [v.answer(s).status for s in streams]
        assert statuses.count(401) in (7, 8, 9, 10) and statuses.count(401) + statuses.count(429) == 20


def test_a_visitor_that_leaves_ends_no_other_s_check(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % BCRYPT])
    with Http2Visitor(f.server) as v:
        for _ in range(12):
            streams = ask_at_once(v, f, [b"secret"])
            v.h2.reset_stream(streams[0])
        streams = ask_at_once(v, f, [b"secret"] * 12)
        for s in streams[:3]:
            v.h2.reset_stream(s)
        v.flush()
        assert [v.answer(s).status for s in streams[3:]] == [200] * 9
    assert f.server.alive()
