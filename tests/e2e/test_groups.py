# SPDX-License-Identifier: MIT
"""Origin groups: several clients, or several upstreams of one, behind a route, and which of them a request gets."""

import collections
import concurrent.futures
import signal

import pytest

from harness.admin import Connection
from harness.http2 import Http2Visitor
from harness.public import free_ports
from harness.wait import wait_until

HOST = "app.example.org"
FILE = """
groups:
  web:
    origins:
%s
routes:
  - host: %s
    to: web
"""


def front_text(*origins):
    return FILE % ("".join("      - {%s}\n" % o for o in origins), HOST)


class Groups:
    """`origins`: {name: options of its client}; each upstream answers its name."""

    def __init__(self, tunnel, origins, text, *options):
        self.tunnel = tunnel
        self.file = tunnel.path / "front.yaml"
        self.file.write_text(text)
        self.server = tunnel.server("--front=%s" % self.file, *options)
        self.upstreams = {name: tunnel.upstream(name) for name in origins}
        self.clients = {name: self.client(name, *options) for name, options in origins.items()}

    def client(self, name, *options):
        return self.tunnel.client(self.server, self.upstreams[name], "--group=web", "--origin=%s" % name, *options)

    def count(self, n, host=HOST):
        """Who answered, of n requests over kept connections, several at a time."""
        def some(n):
            with self.tunnel.visitor(self.server) as v:
                return [v.get(host=host).body.decode() for _ in range(n)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = [a for part in pool.map(some, [n // 4] * 4) for a in part]
        return collections.Counter(answers)


# ---- By weight ----

@pytest.mark.parametrize("workers", [1, 2])
def test_requests_are_divided_by_weight(tunnel, workers):
    """By the operator's file, and what it does not say by the client."""
    g = Groups(tunnel, {"blue": (), "green": (), "red": ["--weight=200"]},
               front_text("name: blue, weight: 700", "name: green, weight: 100"), "--workers=%d" % workers)
    seen = g.count(10000)
    for name, share in {"blue": 0.7, "green": 0.1, "red": 0.2}.items():
        assert abs(seen[name] / 10000 - share) < 0.02, seen


def test_a_newcomer_has_nothing_to_make_up_for(tunnel):
    g = Groups(tunnel, {"blue": ["--weight=100"], "green": ["--weight=100"]}, front_text("name: red"))
    assert abs(g.count(400)["green"] - 200) <= 4  # each worker counts for itself
    g.clients["green"].stop()
    wait_until(lambda: g.count(8) == {"blue": 8}, "green's end")
    g.count(400)
    g.clients["green"] = g.client("green", "--weight=100")
    assert abs(g.count(400)["green"] - 200) <= 4


def test_an_http2_connection_keeps_to_its_worker(tunnel):
    """Its requests in turn are divided; those at once are all served."""
    g = Groups(tunnel, {"blue": ["--weight=750"], "green": ["--weight=250"]}, front_text("name: red"), "--workers=2")
    with Http2Visitor(g.server) as v:
        seen = collections.Counter(v.get(authority=HOST).body for _ in range(400))
        assert abs(seen[b"blue"] - 300) <= 8, seen
        for _ in range(20):
            streams = [v.ask(authority=HOST) for _ in range(16)]
            assert {v.answer(s).status for s in streams} == {200}


# ---- By priority ----

def test_a_reserve_serves_when_the_others_are_gone(tunnel):
    g = Groups(tunnel, {"blue": (), "cloud": ["--priority=2"]}, front_text("name: red"), "--workers=2")
    assert g.count(40) == {"blue": 40}
    g.clients["blue"].stop()
    wait_until(lambda: g.count(4) == {"cloud": 4}, "the reserve")
    g.clients["blue"] = g.client("blue")
    assert g.count(40) == {"blue": 40}


def test_an_origin_that_is_disabled_gets_nothing_new(tunnel):
    g = Groups(tunnel, {"blue": ["--enabled=false"], "green": ()}, front_text("name: red"))
    assert g.count(40) == {"green": 40}


def test_the_operator_says_more_than_the_client(tunnel):
    g = Groups(tunnel, {"blue": ["--priority=1"], "green": ["--priority=2"]},
               front_text("name: blue, priority: 3"))
    assert g.count(20) == {"green": 20}
    g.file.write_text(front_text("name: green, priority: 4"))
    g.server.send_signal(signal.SIGHUP)
    g.server.log_contains("reloaded")
    assert g.count(20) == {"blue": 20}


# ---- Where it is ----

def test_two_upstreams_of_one_client(tunnel):
    file = tunnel.path / "front.yaml"
    file.write_text(front_text("name: b, priority: 2"))
    server = tunnel.server("--front=%s" % file)
    a, b = tunnel.upstream("a"), tunnel.upstream("b")
    tunnel.client(server, a, "--group=web", "--origin=a", "--upstream=%s" % b.url, "--group=web", "--origin=b",
                  services=2)
    with tunnel.visitor(server) as v:
        assert v.get(host=HOST).body == b"a"


def test_a_host_is_a_group_of_its_own(tunnel):
    server = tunnel.server()
    for name, options in {"blue": ["--weight=3"], "green": ["--weight=1"]}.items():
        tunnel.client(server, "%s=%s" % (HOST, tunnel.upstream(name).url), "--origin=%s" % name, *options)
    with tunnel.visitor(server) as v:
        seen = collections.Counter(v.get(host=HOST).body for _ in range(400))
    assert seen == {b"blue": 300, b"green": 100}


def test_only_rules_lead_to_a_group(tunnel):
    g = Groups(tunnel, {"blue": ()}, front_text("name: blue"))
    with g.tunnel.visitor(g.server) as v:
        assert v.get(host=HOST).body == b"blue"
        for host in ("web", "web.example.org", "group"):
            assert v.get(host=host).status == 503
        assert v.get(host="group:web").status == 400
    # And a host that happens to have its name is not in it.
    other = g.tunnel.client(g.server, "web=%s" % g.tunnel.upstream("other").url)
    with g.tunnel.visitor(g.server) as v:
        assert {v.get(host=HOST).body for _ in range(20)} == {b"blue"}
        assert v.get(host="web").status == 503
    other.stop()


def test_ports_have_weights_too(tunnel):
    port, = free_ports(1)
    server = tunnel.server("--workers=2")
    for name, weight in {"blue": 3, "green": 1}.items():
        tunnel.client(server, "%d=tcp://127.0.0.1:%d" % (port, tunnel.upstream(name).port), "--origin=%s" % name,
                      "--weight=%d" % weight)
    seen = collections.Counter()
    for _ in range(200):
        with tunnel.visitor("127.0.0.1:%d" % port) as v:
            seen[v.get(host=HOST).body] += 1
    assert abs(seen[b"blue"] - 150) <= 4, seen


# ---- What is said of it ----

def test_explain_says_which_origins_there_are(tunnel):
    g = Groups(tunnel, {"blue": (), "cloud": ()}, front_text("name: blue, weight: 900", "name: cloud, priority: 2"))
    admin = Connection(g.server)
    answer = admin.ok("POST", "/api/v1/routes/explain", {"method": "GET", "url": "http://%s/" % HOST})
    assert answer["to"] == "group:web"
    assert {o["origin"]: (o["priority"], o["weight"], o["state"]) for o in answer["origins"]} == {
        "blue": (1, 900, "used"), "cloud": (2, None, "reserve")}
    said = tunnel.run("routes", "--explain", "GET", "http://%s/" % HOST, "--admin-socket=%s" % g.server.admin_socket)[1]
    assert "blue used priority=1 weight=900" in said
    assert [r["host"] for r in admin.ok("GET", "/api/v1/routes")["items"]] == ["group:web"]
