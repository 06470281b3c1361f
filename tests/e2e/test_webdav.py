# SPDX-License-Identifier: MIT
"""WebDAV by way of the exit node: what Destination and If name is the upstream's, whatever it is
called."""

import re

import pytest

from harness.place import Place

INNER = "inner.example:8080"


@pytest.fixture(params=["http", "https"])
def place(request, tunnel):
    return Place(tunnel, request.param)


def status(place, path, *options):
    return int(place.curl(path, "-o", "/dev/null", "-w", "%{http_code}", *options))


def transfer(place, method, path, destination, *options):
    return status(place, path, "-X", method, "-H", "Destination: " + destination, *options)


def test_what_apache_wants(tunnel):
    """What all of this is about, without a tunnel: Destination has to have its own scheme."""
    apache = tunnel.apache()
    (apache.root / "a").write_text("text")
    for scheme, answer in (("https", "502"), ("http", "201")):
        there = apache.url.replace("http", scheme, 1) + "/b"
        assert tunnel.curl(apache.url + "/a", "-X", "COPY", "-H", "Destination: " + there,
                           "-o", "/dev/null", "-w", "%{http_code}").decode() == answer


@pytest.mark.parametrize("options", [[], ["--upstream-host=" + INNER],
                                     ["--upstream-host=" + INNER, "--upstream-host-only"]],
                         ids=["host as it came", "host rewritten", "host only"])
def test_apache(tunnel, place, options):
    apache = tunnel.apache()
    tunnel.client(place.server, apache, *options)
    (apache.root / "a").write_text("text")
    assert transfer(place, "COPY", "/a", place.origin + "/b") == 201
    assert transfer(place, "MOVE", "/b", place.origin + "/c%20d") == 201
    assert transfer(place, "MOVE", "/a", place.origin + "/e") == 201
    assert transfer(place, "MOVE", "/e", place.origin + "/c%20d", "-H", "Overwrite: F") == 412
    assert sorted(p.name for p in apache.root.iterdir() if p.is_file()) == ["c d", "e"]
    # A lock is shown by the name of the resource that it is on.
    answer = place.curl("/e", "-i", "-X", "LOCK", "-d", """<?xml version="1.0"?>
        <D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
        <D:locktype><D:write/></D:locktype></D:lockinfo>""")
    token = re.search(r"(?i)lock-token: (<[^>]+>)", answer).group(1)
    assert status(place, "/e", "-X", "PUT", "-d", "new") == 423
    shown = "If: <%s/e> (%s)" % (place.origin, token)
    assert status(place, "/e", "-X", "PUT", "-d", "new", "-H", shown) == 204
    assert (apache.root / "e").read_text() == "new"
    assert transfer(place, "MOVE", "/e", place.origin + "/f", "-H", shown) == 201


def test_https_upstream(tunnel, place):
    apache = tunnel.apache(place.ca.issue("127.0.0.1"))
    tunnel.client(place.server, apache, "--upstream-ca=" + place.ca.cert)
    (apache.root / "a").write_text("text")
    assert transfer(place, "COPY", "/a", place.origin + "/b") == 201
    assert transfer(place, "MOVE", "/b", place.origin + "/c") == 201


def test_another_place_stays_another(tunnel, place):
    """As Apache would have it directly: by the scheme alone."""
    upstream = tunnel.upstream()
    tunnel.client(place.server, upstream, "--upstream-host=" + INNER)
    other = "https://other.example/b"
    assert transfer(place, "COPY", "/a", other) == 200
    # In lower case by HTTP/2.
    assert b"\r\ndestination: %s\r\n" % other.encode() in upstream.received().replace(b"Destination", b"destination")


def test_nginx(tunnel, place):
    """It compares Destination with Host, as most servers do."""
    for options in [], ["--upstream-host=" + INNER]:
        nginx = tunnel.nginx("dav_methods PUT DELETE COPY MOVE; create_full_put_path on;")
        nginx.root.chmod(0o777)
        (nginx.root / "a").write_text("text")
        client = tunnel.client(place.server, nginx, *options)
        assert transfer(place, "COPY", "/a", place.origin + "/b") == 204
        assert (nginx.root / "b").read_text() == "text"
        client.stop()


def test_path_is_a_fence(tunnel, place):
    """Nothing is written outside of the upstream's path."""
    apache = tunnel.apache()
    for name in ("public", "private"):
        (apache.root / name).mkdir()
        (apache.root / name).chmod(0o777)
    (apache.root / "public" / "a").write_text("text")
    tunnel.client(place.server, apache.url + "/public")
    assert transfer(place, "COPY", "/a", place.origin + "/b") == 201
    for there in (apache.url + "/private/x", "http://other.example/private/x", "//x/private/x",
                  place.origin + "/../private/x", "/%2e%2e/private/x", "private/x"):
        assert transfer(place, "COPY", "/a", there) == 502
    # There is no /public/private.
    assert transfer(place, "COPY", "/a", place.origin + "/private/x") == 409
    assert sorted(p.name for p in (apache.root / "public").iterdir() if p.is_file()) == [
        "a", "b"]
    assert not list((apache.root / "private").iterdir())
