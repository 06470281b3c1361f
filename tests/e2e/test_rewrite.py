# SPDX-License-Identifier: MIT
"""Where Host is rewritten: the fields that name the visitor's host follow it, and the answer's lead
back."""

import pytest
from websockets.utils import accept_key

from harness.place import OUTER, Place
from harness.upstream import fields_of, head_of, one, response

INNER = "inner.example:8080"


def next_fields(conn):
    """{name: value} of the next request, whose body is read as well; None at the end."""
    request = conn.read_request()
    return request and dict(fields_of(request[0].decode().split("\r\n")))


def strict(conn):
    """What Tornado, gorilla and Streamlit do: an Origin has to be the Host that they were asked
    for."""
    while True:
        asked = next_fields(conn)
        if asked is None:
            return
        origin = asked.get("origin")
        if origin is not None and origin.split("://")[-1] != asked["host"]:
            conn.send(response("cross-origin", "403 Forbidden"))
        elif "upgrade" in asked:
            key = accept_key(asked["sec-websocket-key"])
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      b"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n"
                      b"\x81\x02hi\x88\x00" % key.encode())  # a message, and a close
            return
        else:
            conn.send(response(asked.get("referer", ""), "200 OK",
                               ["Access-Control-Allow-Origin: %s" % origin]))


@pytest.fixture(params=["http", "https"])
def scheme(request):
    return request.param


@pytest.fixture
def place(tunnel, scheme):
    return Place(tunnel, scheme)


def test_origin_follows_host(tunnel, place):
    upstream = tunnel.upstream(strict)
    tunnel.client(place.server, upstream, "--upstream-host=" + INNER)
    assert place.websocket() == "hi"
    answer = place.get(method="POST", body=b"x", fields=[
        "Origin: " + place.origin, "Referer: %s/form?x=y" % place.origin])
    assert answer.status == 200
    assert answer.text() == "http://%s/form?x=y" % INNER
    # What the upstream allows is what the visitor's browser compares with its own.
    assert answer.get("access-control-allow-origin") == place.origin
    assert ("X-Forwarded-Host: %s\r\n" % place.authority).encode() in upstream.received()


def test_origin_of_another_site_stays(tunnel, place):
    tunnel.client(place.server, tunnel.upstream(strict), "--upstream-host=" + INNER)
    for origin in ("%s://evil.example" % place.scheme, "null",
                   "%s://%s:1" % (place.scheme, OUTER)):
        assert place.get(fields=["Origin: " + origin]).status == 403
    referer = place.get(fields=["Referer: https://evil.example/"])
    assert referer.text() == "https://evil.example/"
    if place.scheme == "https":
        http = place.origin.replace("https", "http")
        assert place.get(fields=["Origin: " + http]).status == 403


def test_host_only(tunnel, place):
    def script(conn):
        while conn.read_head() is not None:
            conn.send(response("", "302 Found", ["Location: http://%s/x" % INNER,
                                                 "Set-Cookie: a=b; Domain=inner.example"]))
    upstream = tunnel.upstream(script)
    tunnel.client(place.server, upstream, "--upstream-host=" + INNER, "--upstream-host-only")
    answer = place.get(fields=["Origin: " + place.origin])
    assert one(head_of(upstream), "host") == INNER
    assert one(head_of(upstream), "origin") == place.origin
    assert answer.get("location") == "http://%s/x" % INNER
    assert answer.get("set-cookie") == "a=b; Domain=inner.example"


def test_redirect_and_cookie_lead_back(tunnel, place):
    """A login as a browser does it: nginx makes an absolute URL of its Host, the cookie has a
    Domain."""
    nginx = tunnel.nginx("""
        location = /login {
            add_header Set-Cookie "seen=yes; Domain=inner.example; Path=/" always;
            add_header Set-Cookie "own=yes" always;
            return 302 $scheme://$http_host/in;
        }
        location = /in { return 200 "$http_cookie from $http_referer"; }
        location = /early { add_header Refresh "0; url=http://$http_host/x"; return 204; }
    """)
    tunnel.client(place.server, nginx, "--upstream-host=" + INNER)
    body = place.curl("/login", "--location", "--cookie", "", "--referer",
                      place.origin + "/;auto")
    cookies, referer = body.split(" from ")
    assert sorted(cookies.split("; ")) == ["own=yes", "seen=yes"]
    assert referer == "http://%s/login" % INNER
    answer = place.get("/login")
    assert answer.get("location") == place.origin + "/in"
    assert answer.all("set-cookie") == ["seen=yes; Domain=%s; Path=/" % OUTER, "own=yes"]
    assert place.get("/early").get("refresh") == "0; url=%s/x" % place.origin


def test_https_upstream(tunnel, place):
    """Its Host is its URL's, and it calls itself https."""
    inner = place.ca.issue("127.0.0.1")
    nginx = tunnel.nginx("location / { return 301 $scheme://$http_host$uri/; }", listen="ssl",
                         http="ssl_certificate %s; ssl_certificate_key %s;" % (inner.cert,
                                                                              inner.key))
    tunnel.client(place.server, nginx, "--upstream-ca=" + place.ca.cert)
    assert place.get("/x").get("location") == place.origin + "/x/"


def test_path_of_the_upstream(tunnel, place):
    def script(conn):
        while True:
            asked = next_fields(conn)
            if asked is None:
                return
            conn.send(response(asked["referer"], "201 Created", [
                "Location: http://%s/app/made" % INNER, "Content-Location: /app/made.en",
                "Set-Cookie: a=b; Path=/app"]))
    upstream = tunnel.upstream(script)
    tunnel.client(place.server, upstream.url + "/app", "--upstream-host=" + INNER)
    answer = place.get("/x", fields=["Referer: %s/form" % place.origin])
    assert upstream.received().startswith(b"GET /app/x HTTP/1.1\r\n")
    assert answer.text() == "http://%s/app/form" % INNER
    assert answer.get("location") == place.origin + "/made"
    assert answer.get("content-location") == "/made.en"
    assert answer.get("set-cookie") == "a=b; Path=/"


def test_visitor_of_a_proxy(tunnel):
    """TLS ends in front of the exit node: the visitor's place is the one that the proxy tells."""
    upstream = tunnel.upstream(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                               b"Location: http://inner.example:8080/x\r\n\r\n")
    fields = ["X-Forwarded-Host: pub.example", "X-Forwarded-Proto: https",
              "X-Forwarded-Port: 8443", "Origin: https://pub.example:8443"]
    for options, origin, location in (
            (["--trusted-proxies=127.0.0.1"], "http://" + INNER, "https://pub.example:8443/x"),
            ([], "https://pub.example:8443", "http://a.example/x")):
        server = tunnel.server(*options)
        tunnel.client(server, upstream, "--upstream-host=" + INNER)
        with tunnel.visitor(server) as v:
            assert v.get(host="a.example", fields=fields).get("location") == location
        assert one(head_of(upstream, len(upstream.connections) - 1), "origin") == origin


def test_too_many_locks(tunnel):
    """A head does not grow without end by what somebody repeats in it."""
    upstream = tunnel.upstream()
    server = tunnel.server()
    tunnel.client(server, upstream.url + "/" + "p" * 1000)
    with tunnel.visitor(server) as v:
        assert v.get(fields=["If:" + " </x> (<a:b>)" * 100]).status == 431
    assert b"GET" not in upstream.received()


def test_answer_that_grows_too_much(tunnel):
    """A few KiB of an upstream's do not become megabytes that wait for a visitor who reads
    nothing."""
    host = ".".join(["h" * 60] * 4)
    link = ["Link: " + ",".join(["<//i>"] * 2000)]
    early = (b"HTTP/1.1 103 Early Hints\r\n%s\r\n\r\n" % link[0].encode()
             + response("ok"))
    switch = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n%s\r\n\r\n"
    server = tunnel.server()
    for answer, fields in ((response("ok", fields=link), []), (early, []),
                           (switch % link[0].encode(), ["Connection: Upgrade", "Upgrade: x"])):
        client = tunnel.client(server, tunnel.upstream(answer), "--upstream-host=i")
        with tunnel.visitor(server) as v:
            assert v.get(host=host, fields=fields).status == 502
        client.log_contains("that was refused: the head is too large")
        with tunnel.visitor(server) as v:
            assert v.get(host="a.test", fields=fields).status != 502
        client.stop()


def test_largest_head(tunnel):
    """Many cookies, each of which becomes longer, behind a name as long as there are."""
    host = ".".join(["h" * 60] * 4)
    cookies = ["Set-Cookie: c%d=%s; Domain=i" % (i, "v" * 200) for i in range(200)]
    server = tunnel.server()
    tunnel.client(server, tunnel.upstream(response("ok", fields=cookies)), "--upstream-host=i")
    with tunnel.visitor(server) as v:
        answer = v.get(host=host)
    assert answer.all("set-cookie") == ["c%d=%s; Domain=%s" % (i, "v" * 200, host)
                                        for i in range(200)]
