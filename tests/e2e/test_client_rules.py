# SPDX-License-Identifier: MIT
"""Rules that a client gives for its own service (--rules): what visitors get, and what the exit node takes."""

import base64
import concurrent.futures
import json
import threading
import time

import pytest

from harness.admin import ask
from harness.client_rules import HOST, ClientRules
from harness.exit_node import ExitNode
from harness.metrics import scrape
from harness.noise import Link
from harness.programs import TOKEN, TUNNEL
from harness.rules import BCRYPT
from harness.stage import memory_of
from harness.upstream import always, echo, fields_of, response
from harness.wait import SANITIZED, wait_until

VERSIONS = pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
DENY = '{name: no-admins, when: {path: "/admin*"}, deny: 403}'


def seen(upstream, name):
    """The values of a field in the last head that came."""
    heads = [c.received.split(b"\r\n\r\n")[-2] for c in upstream.connections if c.received]
    lines = heads[-1].decode("latin-1").split("\r\n")
    return [v for n, v in fields_of(lines) if n == name.lower()]


def login(user, password):
    return "Authorization: Basic " + base64.b64encode(b"%s:%s" % (user.encode(), password.encode())).decode()


# ---- What they do ----

@VERSIONS
def test_verbs(tunnel, version):
    up = tunnel.upstream(always(response(b"ok", fields=["Server: x", "X-Stays: z"])))
    r = ClientRules(tunnel, [DENY,
                             '{when: {path: "/old/*"}, redirect: {path: "/new/$1", status: 301}}',
                             "{when: {path: /teapot}, answer: {status: 418, body: short}}",
                             '{when: {path: "/in*"}, basic: {users: ["bob:%s"]}}' % BCRYPT,
                             '{when: {path: "/in/v1/*"}, rewrite: {path: "/$1"}}',
                             '{when: {path: "~^/count[0-9]$"}, rate: {by: address, allow: 2, every: 1h}}',
                             "{request: {set: {X-From: '${address}'}, remove: [X-Gone]}}",
                             "{response: {set: {X-New: '${method}'}, remove: [Server]}}",
                             "{limit: {body: 1KiB}}"], upstream=up)

    def ask(path, *options, status=200):
        out = tunnel.curl("http://127.0.0.1:%d%s" % (r.server.port, path), version, "-i", "--path-as-is",
                          "-H", "Host: " + HOST, *options).decode()
        head, _, body = out.partition("\r\n\r\n")
        assert " %d" % status in head.split("\r\n")[0], out
        return {n.lower(): v for n, _, v in (line.partition(": ") for line in head.split("\r\n")[1:])}, body
    ask("/%61dmin", status=403)
    ask("/x/../admin", status=400)
    assert ask("/old/a", status=301)[0]["location"] == "http://%s/new/a" % HOST
    assert ask("/teapot", status=418)[1] == "short"
    fields, body = ask("/x", "-H", "X-Gone: 1")
    assert body == "ok" and fields["x-new"] == "GET" and fields["x-stays"] == "z" and "server" not in fields
    assert b"X-From: 127.0.0.1" in up.received() and b"gone" not in up.received().lower()
    assert 'realm="' in ask("/in", status=401)[0]["www-authenticate"]
    ask("/in", "-u", "bob:wrong", status=401)
    for _ in range(2):
        ask("/in/v1/y?q=1", "-u", "bob:secret")
    assert b"GET /y?q=1 HTTP/1.1" in up.received() and b"authorization" not in up.received().lower()
    ask("/count1")
    ask("/count2")
    assert int(ask("/count3", status=429)[0]["retry-after"]) > 1000
    ask("/x", "-d", "x" * 1024)
    tunnel.curl("http://127.0.0.1:%d/x" % r.server.port, version, "-H", "Host: " + HOST, "-d", "x" * 1025, check=False)
    wait_until(lambda: r.server.log().count("status=413 ") == 1, "a 413")
    r.server.log_contains(" rule=client:no-admins why=denied")
    r.server.log_contains(" rule=client:line:3 why=answered")


def test_other_services_have_none_of_them(tunnel):
    r = ClientRules(tunnel, ["{deny: 403}"])
    other = tunnel.client(r.server, "other.example.org=" + tunnel.upstream("other").url)
    assert r.get().status == 403
    assert r.get(host="other.example.org").body == b"other"
    r.client.stop()
    other.stop()


# ---- With the operator's ----

def test_the_operators_come_first(tunnel):
    r = ClientRules(tunnel, ['{when: {path: "/b*"}, deny: 404}', '{when: {path: "/c/secret"}, deny: 410}',
                             "{when: {header.X-Role: admin}, deny: 405}", "{request: {set: {X-Seen: '${header.X-Role}'}}}"],
                    front="""
routes:
- host: %s
  rules:
  - {when: {path: "/b"}, deny: 402}
  - {when: {path: "/open/*"}, rewrite: {path: "/c/$1"}}
  - {request: {set: {X-Role: user}, remove: [Cookie]}}
- host: www.example.org
  to: %s
""" % (HOST, HOST))
    # Who decides first, and what the first has made of a request is what the second sees.
    assert [r.get(p).status for p in ("/b", "/bb", "/c/secret", "/open/secret", "/open/x")] == [402, 404, 410, 410, 200]
    for fields in ([], ["X-Role: admin"], ["X_Role: admin"]):
        assert r.get("/", fields=fields).status == 200
        assert seen(r.upstream, "X-Role") == seen(r.upstream, "X-Seen") == ["user"]
        assert seen(r.upstream, "X_Role") == []
    # An absolute target names the host, and both lists leave it that.
    assert r.get("http://%s/open/y" % HOST).status == 200
    assert seen(r.upstream, "Host") == [HOST] and b"GET /c/y HTTP/1.1" in r.upstream.received()
    # Where the operator's rules lead, the rules of what is there hold.
    assert [r.get(p, host="www.example.org").status for p in ("/b", "/bb", "/x")] == [404, 404, 200]


def test_a_password_of_the_operators_is_not_the_clients_to_see(tunnel):
    basic = '{basic: {users: ["bob:%s"]}}' % BCRYPT
    r = ClientRules(tunnel, ["{request: {set: {X-Copy: 'a${header.Authorization}'}}}"],
                    front="routes:\n- host: %s\n  rules:\n  - %s\n" % (HOST, basic))
    assert r.get().status == 401
    for _ in range(2):
        assert r.get(fields=[login("bob", "secret")]).status == 200
        assert seen(r.upstream, "X-Copy") == ["a"] and seen(r.upstream, "Authorization") == []
    # Both ask for one: the operator's may let it through to the client's.
    r.change([basic])
    assert r.get(fields=[login("bob", "secret")]).status == 401
    r.reload_front("routes:\n- host: %s\n  rules:\n  - %s\n" % (HOST, basic.replace("]}", "], pass: true}")))
    assert r.get(fields=[login("bob", "secret")]).status == 200
    assert seen(r.upstream, "Authorization") == []


def test_body_behind_both(tunnel):
    """A head that was made anew has the request's body behind it."""
    r = ClientRules(tunnel, ["{request: {set: {X-B: b}}}", "{rewrite: {path: /there}}"],
                    front="routes:\n- host: %s\n  rules:\n  - {request: {set: {X-A: a}}}\n" % HOST)
    for body in (b"x" * 10, b"y" * 300000):
        answer = r.get("/post", method="POST", body=body)
        assert answer.status == 200 and body in r.upstream.received()
        assert seen(r.upstream, "X-A") == ["a"] or b"X-A: a\r\n" in r.upstream.received()
    assert b"POST /there HTTP/1.1" in r.upstream.received()


# ---- What is refused ----

@pytest.mark.parametrize("text, sentence", [
    ("- {to: web}\n", "rules.yaml:1: a client's rules have no to, which would lead to what others publish"),
    ("rules:\n- {when: {path: x}, deny: 403}\n", "rules.yaml:2: path \"x\" matches nothing"),
    ("- {basic: {users: /etc/passwd}}\n", "rules.yaml:1: users of a client's rules are a list"),
    ("- deny: 403\n- deny: 200\n", "rules.yaml:2: deny takes a number from 400 to 599"),
    ("[]\n", "rules.yaml:1: there are no rules"),
    ("paths: as-is\n", "rules.yaml:1: there are no rules"),
    ("hosts: []\n", 'rules.yaml:1: this has no member "hosts": rules, paths'),
    ("- &a {deny: 403}\n", "rules.yaml:1: "),
    ("[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]\n", "rules.yaml:1: nested too deeply"),
    pytest.param("#" * 17000, "is larger than the 16384 bytes", id="long"),
])
def test_mistakes(tunnel, text, sentence):
    file = tunnel.path / "rules.yaml"
    file.write_text(text)
    argv = ["client", "--remote=127.0.0.1:1", "--token=" + TOKEN, "--upstream=http://127.0.0.1:1", "--rules=%s" % file]
    for status, out, err in (tunnel.run("check-config", *argv), tunnel.run(*argv)):
        assert status == 2 and not out and sentence in err and len(err.strip().splitlines()) <= 2


def test_for_http_alone(tunnel):
    (tunnel.path / "r").write_text("- {deny: 403}\n")
    status, _, err = tunnel.run("check-config", "client", "--remote=127.0.0.1:1", "--token=" + TOKEN,
                                "--upstream=22=tcp://127.0.0.1:1", "--rules=%s" % (tunnel.path / "r"))
    assert status == 2 and "--rules is for HTTP" in err


def test_the_operator_decides_about_verbs(tunnel):
    r = ClientRules(tunnel, [DENY, "{answer: {body: x}}"], front="client-rules: [deny, redirect]\n", start=False)
    client = r.client = r.start(wait=False)
    client.log_contains("rules:2: the exit node's operator lets clients' rules have no answer")
    client.log_contains("can allow it; asking again meanwhile")
    assert r.get().status == 503
    r.change([DENY])
    assert [r.get(p).status for p in ("/x", "/admin")] == [200, 403]
    # What the operator takes away is withdrawn at once, and comes back when it is given again.
    r.reload_front("client-rules: []\n")
    client.log_contains("lets clients' rules have no deny any more")
    assert r.get().status == 503
    r.reload_front("client-rules: [deny]\n")
    wait_until(lambda: r.get().status == 200, "the service to be back", 15)
    assert r.get("/admin").status == 403


def test_an_older_exit_node(tunnel):
    """It would publish the service without its rules: it never hears of it."""
    (tunnel.path / "r").write_text("- {deny: 403}\n")
    older = tunnel.stage.add(ExitNode())
    client = tunnel.stage.daemon("client", [TUNNEL, "client", "--token=" + TOKEN, "--remote=" + older.address,
                                            "--upstream=a.example.org=http://127.0.0.1:9",
                                            "--rules=%s" % (tunnel.path / "r"),
                                            "--upstream=b.example.org=http://127.0.0.1:9"])
    client.expected_status |= {1}
    older.accept()
    client.log_contains("does not publish a.example.org (http://127.0.0.1:9): it is an older version, which would "
                        "publish it without its rules (--rules); asking again meanwhile")
    assert [m["host"] for m in older.heard() if m["type"] == "publish"] == ["b.example.org"]


# ---- As they come and go ----

def test_reload_leaves_no_gap(tunnel):
    """While the rules change, visitors never come by the upstream's own word."""
    r = ClientRules(tunnel, ["{deny: 403}"])
    stop, got = threading.Event(), set()

    def visit():
        while not stop.is_set():
            got.add(r.get().status)
    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for v in visitors:
        v.start()
    for i in range(8):
        r.change(["{deny: %d}" % (404 + i % 2)])
    stop.set()
    for v in visitors:
        v.join()
    assert got <= {403, 404, 405} and len(got) >= 2
    # A mistake changes nothing.
    r.change(["{deny: 1}"], said="nothing was reloaded")
    assert r.get().status == 405
    r.change(["{when: {path: /a}, deny: 403}"])
    wait_until(lambda: r.get().status == 200, "the rules before to be gone")


@pytest.mark.parametrize("who", ["server", "client"])
def test_restart(tunnel, who):
    """Visitors who come meanwhile wait, and then the rules hold for them as well."""
    r = ClientRules(tunnel, [DENY, "{request: {set: {X-From: '${address}'}}}"], "--workers=2",
                    front="routes:\n- host: [www.example.org, %s]\n  to: %s\n  rules:\n  - {request: {set: {X-A: a}}}\n"
                    % (HOST, HOST))
    part = r.server if who == "server" else r.client
    before = r.client.log().count("is published at")
    if who == "server":
        r.client.stop()
    part.stop()
    if who == "server":
        r.server.start()
    answers = {}

    def visit(path, host):
        answers[path, host] = r.get(path, host=host, method="POST", body=b"body").status
    visitors = [threading.Thread(target=visit, args=(p, h)) for p in ("/admin", "/x") for h in (HOST, "www.example.org")]
    for v in visitors:
        v.start()
    r.client.start()
    for v in visitors:
        v.join()
    assert answers == {(p, h): 403 if p == "/admin" else 200 for p in ("/admin", "/x")
                       for h in (HOST, "www.example.org")}
    assert seen(r.upstream, "X-From") == ["127.0.0.1"] and b"/admin" not in r.upstream.received()
    wait_until(lambda: r.client.log().count("is published at") > before, "the client to be told")


def test_other_rules_than_those_it_has_passed(tunnel):
    """Who waits for a client that was lost has passed its old rules, and not those that the next one brings."""
    r = ClientRules(tunnel, ["{response: {set: {X-Old: one}}}"])
    r.client.kill()
    answers = []
    visitor = threading.Thread(target=lambda: answers.append(r.get("/x")))
    visitor.start()
    wait_until(lambda: scrape(r.server).of("tunnel_http_waiting") == 1, "a request that waits")
    r.write(["{deny: 403}"])
    r.start()
    visitor.join()
    assert answers[0].status == 503 and "rules for this host" in answers[0].text()
    assert not r.upstream.received() and r.get("/x").status == 403


def test_rules_come_behind_a_first_try(tunnel):
    """What was asked for once has a head made for its upstream: rules that come then are not for it."""
    came, over = threading.Event(), threading.Event()

    def silent(conn):
        conn.read_request()
        came.set()
        over.wait(30)
    first, second = tunnel.upstream(silent), tunnel.upstream(echo)
    rules = tunnel.path / "rules.yaml"
    rules.write_text('- rewrite: {path: "/newpath"}\n- request: {remove: [x-drop]}\n')
    server = tunnel.server()
    answers = []

    def visit():
        with tunnel.visitor(server) as v:
            answers.append(v.get("/foo?x=1", host=HOST, fields=["Origin: http://" + HOST, "X-Drop: 1"]))
    visitor = threading.Thread(target=visit)
    visitor.start()
    wait_until(lambda: scrape(server).of("tunnel_http_waiting") == 1, "a request that waits")
    lost = tunnel.client(server, "%s=%s/app" % (HOST, first.url), "--upstream-host=up.example")
    assert came.wait(10)
    tunnel.client(server, "%s=%s" % (HOST, second.url), "--rules=%s" % rules)
    lost.kill()
    visitor.join()
    over.set()
    assert answers[0].status == 503 and not second.received()
    with tunnel.visitor(server) as v:
        assert v.get("/foo", host=HOST).status == 200


@VERSIONS
def test_what_waits_keeps_its_body(tunnel, version):
    """The head is made anew by rules that came later than the request, and its body follows it."""
    r = ClientRules(tunnel, [DENY, "{request: {set: {X-From: '${address}'}}}"], start=False)
    body = tunnel.path / "body"
    body.write_bytes(b"0123456789" * 20000)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = [pool.submit(tunnel.curl, "http://127.0.0.1:%d%s" % (r.server.port, path), version, "-o", "/dev/null",
                             "-w", "%{http_code}", "-H", "Host: " + HOST, *options)
                 for path, *options in (("/x", "--data-binary", "@%s" % body), ("/admin",),
                                        ("/y", "--data-binary", "@%s" % body))]
        wait_until(lambda: scrape(r.server).of("tunnel_http_waiting") == 3, "three to wait")
        r.client = r.start()
        assert [a.result() for a in asked] == [b"200", b"403", b"200"]
    whole = r.upstream.received()
    assert whole.count(body.read_bytes()) == 2 and whole.count(b"X-From: 127.0.0.1\r\n") == 2


def test_two_clients_of_one_service(tunnel):
    r = ClientRules(tunnel, ["{when: {path: /a}, deny: 403}"])
    other = tunnel.path / "other.yaml"
    other.write_text("- {when: {path: /b}, deny: 403}\n")
    second = tunnel.client(r.server, "%s=%s" % (HOST, r.upstream.url), "--rules=%s" % other)
    for client in (r.client, second):
        client.log_contains("as well, with other rules (--rules): those of the last one to come hold for both")
    r.server.log_contains("their rules (--rules) differ, and those of the last one hold for both")
    assert {(r.get("/a").status, r.get("/b").status) for _ in range(8)} == {(200, 403)}
    # One without rules does not open what the other closes.
    third = tunnel.client(r.server, "%s=%s" % (HOST, r.upstream.url))
    assert {r.get("/b").status for _ in range(8)} == {403}
    second.stop()
    wait_until(lambda: r.get("/b").status == 200, "the second's rules to go with it")
    assert {r.get("/a").status for _ in range(8)} == {403}
    third.stop()


def test_no_file_of_countries(tunnel):
    """Rules that ask for what the exit node cannot say are refused, not passed over."""
    r = ClientRules(tunnel, ["{when: {country: DE}, deny: 403}"], start=False)
    client = r.start(wait=False)
    client.expected_status |= {1}
    client.log_contains("rules:1: country needs a file that knows them")
    assert client.wait() == 1 and r.get().status == 503


# ---- What is said of them ----

def test_admin(tunnel):
    r = ClientRules(tunnel, [DENY, "{rate: {allow: 5, every: 1h}}"], front="routes:\n- host: [www.example.org, %s]\n  to: %s\n"
                    "  rules:\n  - {request: {set: {X-A: a}}}\n" % (HOST, HOST))
    for host in (HOST, "www.example.org"):
        _, out, _ = tunnel.run("routes", "--admin-socket=%s" % r.server.admin_socket, "--explain", "--json",
                               "GET", "http://%s/admin" % host)
        said = json.loads(out)
        assert said["rules"][-1] == {"rule": "client:no-admins", "line": 1, "verb": "deny"}
        assert said["status"] == 403 and said["why"] == "rule client:no-admins denies it with 403"
    assert [p["rules"] for p in ask(r.server, "/api/v1/publications").json["items"]] == [2]
    assert r.get("/admin").status == 403
    assert scrape(r.server).of("tunnel_http_rule_ended_total", route=HOST, rule="client:no-admins") == 1


# ---- Whoever means no good ----

def test_a_hostile_client(tunnel):
    """All the rules that a client may give, in as many services as it may have: the memory has a bound, and whoever else is
    there is served meanwhile."""
    server = tunnel.server()
    tunnel.client(server, "other.example.org=" + tunnel.upstream("other").url)
    before = memory_of(server.pid)
    heavy = "- {when: {path: [%s]}, deny: 403}\n" % ",".join("/aaa%04d" % i for i in range(1500))
    dear = "".join("- {when: {header.x%d: '~(a+)+(b+)+$'}, deny: 403}\n" % i for i in range(32))
    answers = {"granted": 0, "refused": 0}
    with Link(server.address) as link:
        link.up(TOKEN)
        for number in range(1, 257):
            told = link.publish("h%d.example.org" % number, number,
                                rules=dear if number % 8 == 0 else heavy)
            answers[told["type"]] += 1
            if number % 32 == 0:
                assert served(tunnel, server) < 2
        assert answers["granted"] > 32 and answers["refused"] > 0
        # Sanitizers keep what was freed.
        assert SANITIZED or memory_of(server.pid) - before < 64 << 20
        # Any text at all is refused with a sentence, and harms nobody.
        for i, text in enumerate(["[" * 16384, "{a: " * 4096, "&a [*a]", "!!python/object:os.system x", "- " * 8192,
                                  "- {when: {path: '~%s'}, deny: 403}" % "(abcdefghijklmnopqrst){300}", "\ud7ff" * 4000]):
            told = link.publish("x%d.example.org" % i, 1000 + i, rules=text)
            assert told["type"] == "refused" and told["sentence"], text[:20]
        assert served(tunnel, server) < 2


def served(tunnel, server):
    began = time.monotonic()
    with tunnel.visitor(server) as v:
        assert v.get(host="other.example.org").body == b"other"
    return time.monotonic() - began
