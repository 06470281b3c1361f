# SPDX-License-Identifier: MIT
"""Rules hold for HTTP/2 as they do for HTTP/1: curl asks over either."""

import concurrent.futures

import pytest

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
