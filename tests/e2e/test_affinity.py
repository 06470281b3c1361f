# SPDX-License-Identifier: MIT
"""Affinity: a visitor comes back to the origin that it had, by a cookie that nobody behind the exit node sees."""

import collections
import re
import signal

import pytest

from harness.tls import TlsVisitor
from harness.upstream import fields_of, response
from harness.wait import wait_until

HOST = "app.example.org"
FRONT = """
groups:
  web:
    affinity: %s
routes:
  - host: %s
    to: web
"""


class Sticky:
    """Upstreams that say their names, and what Cookie they got."""

    def __init__(self, tunnel, *options, affinity="{for: 1h}", front=None, place=("--group=web",), names="ab",
                 more=""):
        self.tunnel = tunnel
        self.more = more
        self.file = tunnel.path / "front.yaml"
        self.file.write_text(front or FRONT % (affinity, HOST))
        self.server = tunnel.server("--front=%s" % self.file, *options)
        self.fields = []
        self.clients = {n: self.client(n, place) for n in names}

    def client(self, name, place):
        upstream = self.tunnel.upstream(lambda conn: self.script(conn, name))
        config = self.tunnel.path / (name + ".yaml")
        self.configure(name, upstream.url, place, "true")
        c = self.tunnel.client(self.server, [], "--config=%s" % config, services=1)
        c.upstream, c.place = upstream.url, place
        return c

    def configure(self, name, url, place, enabled):
        group = "group: web, " if place == ("--group=web",) else ""
        key = "" if group else HOST + "="
        (self.tunnel.path / (name + ".yaml")).write_text(
            "services:\n  - {upstream: '%s%s', %sorigin: %s, enabled: %s%s}\n" % (key, url, group, name, enabled, self.more))

    def drain(self, name):
        c = self.clients[name]
        self.configure(name, c.upstream, c.place, "false")
        c.send_signal(signal.SIGHUP)
        c.log_contains("reloaded")

    def script(self, conn, name):
        while (request := conn.read_request()) is not None:
            lines = request[0].decode("latin-1").split("\r\n")
            cookies = [v for n, v in fields_of(lines) if n == "cookie"]
            conn.send(response("%s %s" % (name, ",".join(cookies)), fields=self.fields))

    def get(self, cookie=None, visitor=None):
        """(origin, Cookie that it saw, Set-Cookie)"""
        fields = ["Cookie: " + cookie] if cookie else []
        with visitor() if visitor else self.tunnel.visitor(self.server) as v:
            r = v.get(host=HOST, fields=fields)
        assert r.status == 200
        name, seen = r.text().split(" ", 1)
        return name, seen, r.get("Set-Cookie")

    def new(self):
        name, _, cookie = self.get()
        return name, cookie.split(";")[0]


@pytest.mark.parametrize("place", [("--group=web",), ()], ids=["group", "host"])
def test_beside_rules_of_the_client(tunnel, place):
    """Its rules see no cookie of ours, and what they change goes along with it."""
    rules = tunnel.path / "rules.yaml"
    rules.write_text("""
- {when: {header.Cookie: "*tunnel-origin*"}, deny: 403}
- {when: {path: /no}, deny: 403}
- request: {add: {Cookie: x=y}}
- response: {set: {X-Rules: yes}}
""")
    front = None if place else "groups:\n  %s:\n    affinity: session\n" % HOST
    s = Sticky(tunnel, place=place, front=front, more=", rules: %s" % rules)
    name, cookie = s.new()
    for _ in range(10):
        assert s.get(cookie) == (name, "x=y", None)
    assert s.get("a=b; " + cookie)[1] == "a=b,x=y"
    with tunnel.visitor(s.server) as v:
        assert v.get("/no", host=HOST, fields=["Cookie: " + cookie]).status == 403
        assert v.get(host=HOST).get("X-Rules") == "yes"


def test_a_visitor_comes_back(tunnel):
    s = Sticky(tunnel, "--workers=2")
    name, _, cookie = s.get()
    assert re.fullmatch(r"tunnel-origin=[A-Za-z0-9_-]{22}; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax", cookie)
    ours = cookie.split(";")[0]
    for _ in range(20):
        assert s.get(ours) == (name, "", None)
    assert s.get("a=b; %s; c=d" % ours) == (name, "a=b; c=d", None)
    assert s.get("a=b; __Host-" + ours)[1] == "a=b"
    # Without it visitors are divided as ever; and each origin has a cookie of its own.
    seen = collections.defaultdict(set)
    for _ in range(20):
        name, cookie = s.new()
        seen[name].add(cookie)
    assert {n: len(c) for n, c in seen.items()} == {"a": 1, "b": 1} and seen["a"] != seen["b"]


def test_what_is_not_ours_means_nothing(tunnel):
    s = Sticky(tunnel)
    for bad in ("tunnel-origin=x", "tunnel-origin=" + "A" * 22, "tunnel-origin="):
        name, _, cookie = s.get(bad)
        assert cookie.startswith("tunnel-origin=")


def test_the_cookie_is_a_wish(tunnel):
    """Where its origin is gone another serves, and says so; it outlives a restart of the exit node."""
    s = Sticky(tunnel)
    name, ours = s.new()
    s.server.stop()
    s.server.start()
    wait_until(lambda: s.server.log().count("publishes group:web") == 4, "both are back")
    assert s.get(ours) == (name, "", None)
    s.clients[name].stop()
    wait_until(lambda: s.get(ours)[0] != name, "the other serves")
    other, _, cookie = s.get(ours)
    assert s.get(cookie.split(";")[0]) == (other, "", None)


def test_draining_keeps_those_who_are_there(tunnel):
    s = Sticky(tunnel, "--workers=2")
    cookies = dict(s.new() for _ in range(20))
    assert set(cookies) == {"a", "b"}
    s.drain("a")
    wait_until(lambda: {s.new()[0] for _ in range(10)} == {"b"}, "a gets nobody new")
    for _ in range(10):
        assert s.get(cookies["a"]) == ("a", "", None)
        assert s.get(cookies["b"]) == ("b", "", None)


def test_a_host_of_its_own_over_tls(tunnel, ca):
    """A host without a route is a group, and over TLS the cookie is one that no other host can set."""
    cert = ca.issue(HOST)
    s = Sticky(tunnel, *cert.options(), front="groups:\n  %s: {affinity: {same-site: none}}\n" % HOST, place=())

    def visitor():
        return TlsVisitor(s.server.address, ca.context(), HOST)
    name, _, cookie = s.get(visitor=visitor)
    assert re.fullmatch(r"__Host-tunnel-origin=[\w-]{22}; Path=/; HttpOnly; SameSite=None; Secure", cookie)
    ours = cookie.split(";")[0]
    for _ in range(10):
        assert s.get(ours, visitor) == (name, "", None)


def test_what_many_share_says_nothing_to_one(tunnel):
    s = Sticky(tunnel, affinity="session", names="a")
    for fields, sets in ((["Cache-Control: public, max-age=60"], False), (["Cache-Control: max-age=60"], False),
                         (["Expires: Thu, 01 Jan 2037 00:00:00 GMT"], False),
                         (["Cache-Control: private, max-age=60"], True), (["Cache-Control: no-store"], True)):
        s.fields = fields
        assert bool(s.get()[2]) is sets, fields
