# SPDX-License-Identifier: MIT
"""Routes and their rules (--front): what visitors get, and what upstreams see of it."""

import base64
import functools
import json
import threading

import pytest

from harness.admin import ask
from harness.rules import BCRYPT, Front, front, one_route
from harness.upstream import always, fields_of, head_of, response
from harness.wait import wait_until


def seen(upstream, name):
    """The values of a field in the last head that came."""
    heads = [c.received.split(b"\r\n\r\n")[-2] for c in upstream.connections if c.received]
    lines = heads[-1].decode("latin-1").split("\r\n")
    return [v for n, v in fields_of(lines) if n == name.lower()]


def login(user, password):
    return "Authorization: Basic " + base64.b64encode(b"%s:%s" % (
        user.encode(), password.encode())).decode()


# ---- Where requests go ----

def test_paths_lead_to_services(tunnel):
    f = Front(tunnel, one_route(['{when: {path: "/api/*"}, to: api}']), {"web": None, "api": None})
    assert f.get("/").body == b"web"
    assert f.get("/api/x").body == b"api"
    # Another spelling of the same path, and the same one in other forms of a request.
    assert f.get("/%61pi/x").body == b"api"
    assert f.get("http://app.example.org/api/x").body == b"api"
    assert f.get("/api/x", host="APP.example.org.:8080").body == b"api"
    # Who asks for the service by its own name would pass by the rules.
    r = f.get("/", host="web")
    assert r.status == 503 and "no client publishes this host" in r.text()


def test_hosts_without_a_route_are_as_before(tunnel):
    f = Front(tunnel, one_route(["{deny: 403}"]), {"web": None, "other.example.org": None})
    assert f.get("/").status == 403
    assert f.get("/", host="other.example.org").body == b"other.example.org"
    assert f.get("/", host="none.example.org").status == 503


# ---- What ends a request ----

def test_deny_is_logged_with_its_rule(tunnel):
    f = front(tunnel, ['{name: no-admins, when: {path: "/admin*"}, deny: 404}', "{when: {method: PUT}, deny: 405}"])
    r = f.get("/admin/x")
    assert r.status == 404 and "rule" not in r.text()
    assert f.get("/x", method="PUT", body=b"x").status == 405
    f.server.log_contains(' rule=no-admins why=denied')
    f.server.log_contains(' rule=line:5 why=denied')
    # The connection serves the next request.
    with tunnel.visitor(f.server) as v:
        assert v.get("/admin", host=f.host).status == 404
        assert v.get("/", host=f.host).status == 200


@functools.cache
def no_admins(module_tunnel):
    return front(module_tunnel, ['{when: {path: "/admin*"}, deny: 403}'])


@pytest.mark.parametrize("path", [
    "/a/%2e%2e/admin", "/a/../admin", "/./admin", "//admin", "/x//admin", "/%2fadmin", "/x%5c..%5cadmin",
    "/x\\..\\admin", "/admin%00", "/..;/admin", "/x/%252e%252e/admin", "/x%c0%afadmin", "/%u0061dmin"])
def test_a_path_that_can_be_read_in_two_ways_is_refused(module_tunnel, path):
    r = no_admins(module_tunnel).get(path)
    assert r.status == 400
    assert path.encode() not in no_admins(module_tunnel).upstreams["web"].received()


def test_paths_as_is(tunnel):
    f = Front(tunnel, one_route(['{when: {path: "/admin*"}, deny: 403}'], more="    paths: as-is\n"), {"web": None})
    assert f.get("/x%2fy").status == 200
    assert f.get("/x/../admin").status == 403
    assert f.get("/x/%2e%2e/admin").status == 403


def test_redirects(tunnel):
    f = front(tunnel, [
        '{when: {path: "/old/*"}, redirect: {path: "/new/$1", status: 301}}',
        '{when: {path: "/gone"}, redirect: {host: www.example.org, scheme: https, path: /, query: drop}}',
        '{when: {path: "/same"}, redirect: {path: /same}}'])
    r = f.get("/old/a%20b?q=1")
    assert r.status == 301 and r.get("Location") == "http://app.example.org/new/a%20b?q=1"
    assert f.get("/old/x", host="app.example.org:8080").get("Location") == "http://app.example.org:8080/new/x"
    r = f.get("/gone?q=1")
    assert r.status == 302
    assert r.get("Location").startswith("https://www.example.org") and r.get("Location").endswith("/")
    # One that leads to where it is would never end.
    assert f.get("/same").status == 200


@pytest.mark.parametrize("path", ["/old/%0d%0aX-Evil:1", "/old/%2f%2fevil.example", "/old/@evil.example",
                                  "/old/?//evil.example", "/old/:80@evil.example"])
def test_a_redirect_leads_nowhere_else(tunnel, path):
    f = Front(tunnel, one_route(['{when: {path: "/old/*"}, redirect: {path: "/$1"}}'], more="    paths: as-is\n"),
              {"web": None})
    r = f.get(path)
    assert r.status == 302 and not r.all("X-Evil")
    assert r.get("Location").startswith("http://app.example.org/")


def test_answers(tunnel):
    f = front(tunnel, ['{when: {path: /robots.txt}, answer: {type: text/plain, body: "User-agent: *\\n"}}',
                       '{when: {path: /gone}, answer: {status: 410}}'])
    r = f.get("/robots.txt")
    assert (r.status, r.body, r.get("Content-Type")) == (200, b"User-agent: *\n", "text/plain")
    r = f.get("/robots.txt", method="HEAD")
    assert r.get("Content-Length") == "14"
    assert f.get("/gone").status == 410


# ---- What changes a request or a response ----

def test_fields_of_requests(tunnel):
    f = front(tunnel, ["{request: {set: {X-User: fixed, X-From: '${address} ${query.u}', X-Both: one}, "
                       "add: {X-Both: two}, remove: [X-Gone]}}"])
    f.get("/p?u=a%0d%0aX-Evil:%201", fields=["X-User: forged", "X_User: twin", "x-gone: 1", "X-Stays: 1"])
    up = f.upstreams["web"]
    assert seen(up, "X-User") == ["fixed"] and not seen(up, "X_User") and not seen(up, "X-Gone")
    assert seen(up, "X-From") == ["127.0.0.1 a%0D%0AX-Evil: 1"]
    assert not seen(up, "X-Evil") and seen(up, "X-Both") == ["one", "two"] and seen(up, "X-Stays") == ["1"]
    assert head_of(up)[0] == "GET /p?u=a%0d%0aX-Evil:%201 HTTP/1.1"
    assert seen(up, "Host") == ["app.example.org"] and seen(up, "X-Forwarded-For") == ["127.0.0.1"]


@pytest.mark.parametrize("n", [4, 5, 12, 13, 30])
def test_many_fields_of_both(tunnel, n):
    fields = ", ".join(f"X-{i}: '{i} ${{path}}'" for i in range(n))
    f = front(tunnel, ["{request: {set: {%s}}}" % fields, "{response: {set: {%s}}}" % fields])
    r = f.get("/p")
    for i in range(n):
        assert seen(f.upstreams["web"], f"X-{i}") == [f"{i} /p"] == r.all(f"X-{i}")


def test_a_body_goes_on_behind_changed_fields(tunnel):
    f = front(tunnel, ["{request: {set: {A: b}}}", "{response: {set: {C: d}}}"])
    body = b"x" * 300000
    r = f.get("/", method="POST", body=body)
    assert r.body == body and r.get("C") == "d"


def test_fields_of_responses(tunnel):
    up = tunnel.upstream(always(response(b"ok", fields=["Server: x", "X-Powered-By: y", "X-Stays: z"])))
    f = front(tunnel, ["{response: {set: {Strict-Transport-Security: max-age=1}, remove: [Server, X-Powered-By]}}",
                       "{when: {status: 404}, response: {set: {X-Missing: 'true'}}}",
                       "{when: {not: {status: 404}}, response: {add: {X-Found: '${path}'}}}"], upstream=up)
    r = f.get("/a")
    assert r.get("Strict-Transport-Security") == "max-age=1" and r.get("X-Stays") == "z" and r.body == b"ok"
    assert not r.all("Server") and not r.all("X-Powered-By") and not r.all("X-Missing")
    assert r.get("X-Found") == "/a"


def test_rewrites(tunnel):
    f = front(tunnel, ['{when: {path: "/v1/*"}, rewrite: {path: "/$1"}}', "{when: {path: /q}, rewrite: {path: /r, query: drop}}"])
    f.get("/v1/a%20b/c?q=1")
    f.get("/q?secret=1")
    up = f.upstreams["web"]
    up.wait_received(b"GET /r HTTP/1.1")
    assert b"GET /a%20b/c?q=1 HTTP/1.1" in up.received() and b"secret" not in up.received()
    # The log has what was asked for.
    f.server.log_contains("path=/v1/a%20b/c?q=1")


@pytest.mark.parametrize("f", ["../secret/x", "%2e%2e/secret/x", "%252e%252e%252fsecret", "x/..", "..%5csecret", "..;/secret"])
@pytest.mark.parametrize("more", ["", "    paths: as-is\n"], ids=["strict", "as-is"])
def test_what_a_visitor_writes_does_not_lead_out_of_a_path(tunnel, f, more):
    front = Front(tunnel, one_route(['{when: {path: "/secret*"}, deny: 403}',
                                     '{when: {path: /get}, rewrite: {path: "/files/${query.f}", query: drop}}',
                                     '{when: {path: /go}, redirect: {path: "/files/${query.f}", query: drop}}'], more=more),
                  {"web": None})
    assert front.get("/get?f=" + f).status == 400
    r = front.get("/go?f=" + f)
    assert r.status == 400 and not r.all("Location")
    assert front.get("/get?f=a/b").status == 200 and front.get("/go?f=a/b").get("Location").endswith("/files/a/b")
    assert front.upstreams["web"].received().count(b"GET ") == 1
    got, out, err = tunnel.run("routes", "--admin-socket=%s" % front.server.admin_socket, "--explain", "--json", "GET",
                               "http://app.example.org/get?f=" + f)
    assert got == 0 and json.loads(out)["status"] == 400, err


# ---- Limits ----

def test_rates_count_each_key(tunnel):
    f = front(tunnel, ["{rate: {by: [address, header.X-Key], allow: 3, every: 1h}}"], "--workers=4")

    def statuses(n, source, key):
        return [f.get(source=source, fields=["X-Key: " + key]).status for _ in range(n)]
    assert statuses(4, "127.0.0.2", "a") == [200, 200, 200, 429]
    assert statuses(4, "127.0.0.2", "b") == [200, 200, 200, 429]
    assert statuses(3, "127.0.0.3", "a") == [200, 200, 200]
    r = f.get(source="127.0.0.2", fields=["X-Key: a"])
    assert 1000 < int(r.get("Retry-After")) <= 1200
    f.server.log_contains(" why=rule-rate")


def test_a_window_blocks_until_it_ends(tunnel):
    f = front(tunnel, ["{when: {method: POST}, rate: {by: address, allow: 2, every: 1s, block: true}}"])
    assert [f.get(method="POST", body=b"x").status for _ in range(2)] == [200, 200]
    r = f.get(method="POST", body=b"x")
    assert r.status == 429 and r.get("Retry-After") in ("1", "2")
    assert f.get().status == 200
    wait_until(lambda: f.get(method="POST", body=b"x").status == 200, "the window to end")


def test_a_body_has_a_limit(tunnel):
    f = front(tunnel, ["{limit: {body: 1KiB}}"])
    assert f.get(method="POST", body=b"x" * 1024).status == 200
    assert f.get(method="POST", body=b"x" * 1025).status == 413
    with tunnel.visitor(f.server) as v:
        v.send("POST / HTTP/1.1\r\nHost: app.example.org\r\nTransfer-Encoding: chunked\r\n\r\n")
        v.send(b"400\r\n" + b"x" * 1024 + b"\r\n")
        v.send(b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n")
        assert v.read_response().status == 413


def test_a_request_has_its_time(tunnel):
    def slow(conn):
        conn.read_request()
        conn.pause(30)
    f = front(tunnel, ["{limit: {time: 300ms}}"], upstream=tunnel.upstream(slow))
    r = f.get()
    assert r.status == 504
    f.server.log_contains(" why=time-limit")


# ---- Passwords ----

def test_basic(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s'], realm: the lab}}" % BCRYPT])
    r = f.get()
    assert r.status == 401 and r.get("WWW-Authenticate") == 'Basic realm="the lab", charset="UTF-8"'
    assert f.get(fields=[login("bob", "wrong")]).status == 401
    assert f.get(fields=[login("eve", "secret")]).status == 401
    assert f.get(fields=["Authorization: Basic !!"]).status == 401
    assert f.get(fields=["Authorization: Bearer x"]).status == 401
    assert f.upstreams["web"].received() == b""
    for _ in range(3):
        assert f.get("/p", fields=[login("bob", "secret")]).status == 200
    # The upstream has no use for it, and does not learn it.
    assert not seen(f.upstreams["web"], "Authorization")
    f.server.log_contains(" why=unauthorized")


def test_basic_passes_a_password_on(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s'], pass: true}}" % BCRYPT])
    assert f.get("/p", method="POST", body=b"x" * 100000, fields=[login("bob", "secret")]).body == b"x" * 100000
    assert seen(f.upstreams["web"], "Authorization") == [login("bob", "secret").split(": ")[1]]


def test_rules_behind_a_password_go_on(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % BCRYPT, "{when: {path: /x}, deny: 403}",
                       "{request: {set: {X-In: 'yes'}}}"])
    assert f.get("/x").status == 401
    assert f.get("/x", fields=[login("bob", "secret")]).status == 403
    assert f.get("/y", fields=[login("bob", "secret")]).status == 200
    assert seen(f.upstreams["web"], "X-In") == ["yes"]


def test_wrong_passwords_are_counted(tunnel):
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % BCRYPT])
    # Good ones do not count.
    for _ in range(15):
        assert f.get(source="127.0.0.2", fields=[login("bob", "secret")]).status == 200
    assert [f.get(source="127.0.0.2", fields=[login("bob", "x%d" % i)]).status
            for i in range(12)].count(401) in (10, 11)
    r = f.get(source="127.0.0.2", fields=[login("bob", "guess")])
    assert r.status == 429 and 1 <= int(r.get("Retry-After")) <= 60
    # Who is in stays in, and others may try.
    assert f.get(source="127.0.0.2", fields=[login("bob", "secret")]).status == 200
    assert f.get(source="127.0.0.3", fields=[login("bob", "x")]).status == 401


def test_visitors_leave_while_a_password_is_checked(tunnel):
    slow = "$2y$12$" + BCRYPT[7:]  # nobody's password, but it takes a while
    f = front(tunnel, ["{basic: {users: ['bob:%s']}}" % slow])
    for i in range(8):
        with tunnel.visitor(f.server, source="127.0.1.%d" % i) as v:
            v.request("/", host=f.host, fields=[login("bob", "x")])
            if i % 2:
                v.reset()
    assert f.get(source="127.0.0.9", fields=[login("bob", "x")]).status == 401
    assert f.server.alive()


# ---- Reload ----

def test_a_reload_changes_rules_under_load(tunnel):
    f = front(tunnel, ["{response: {set: {X-Rules: old}}}"], "--workers=4")
    over, seen_values, wrong = threading.Event(), set(), []

    def ask():
        while not over.is_set():
            with tunnel.visitor(f.server) as v:
                for _ in range(20):
                    r = v.get(host=f.host)
                    seen_values.add(r.get("X-Rules"))
                    if r.status != 200:
                        wrong.append(r.status)
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    try:
        for i in range(6):
            f.reload(one_route(["{response: {set: {X-Rules: new%d}}}" % i]))
            wait_until(lambda new="new%d" % i: new in seen_values, "the new rules")
    finally:
        over.set()
        for t in threads:
            t.join()
    assert not wrong and f.get().get("X-Rules") == "new5"


def test_a_request_keeps_the_rules_that_it_began_with(tunnel):
    def late(conn):
        while conn.read_request() is not None:
            go.wait(20)
            conn.send(response(b"ok"))
    go = threading.Event()
    f = front(tunnel, ["{response: {set: {X-Rules: old}}}"], upstream=tunnel.upstream(late))
    with tunnel.visitor(f.server) as v:
        v.request(host=f.host)
        f.upstreams["web"].wait_received(b"GET /")
        f.reload("routes: []\n")
        go.set()
        assert v.read_response().get("X-Rules") == "old"
    assert f.get().status == 503


def test_a_file_with_a_mistake_changes_nothing(tunnel):
    f = front(tunnel, ["{deny: 403}"])
    f.reload(one_route(["{deny: 9}"]), taken=False)
    f.server.log_contains("front.yaml:4: deny takes a number from 400 to 599")
    assert f.get().status == 403
    status, _, said = tunnel.run("check-config", "--strict", "server", "--front=%s" % f.file, "--no-token")
    assert status == 2 and "front.yaml:4: deny takes a number" in said


def test_a_server_does_not_start_with_a_mistake(tunnel):
    file = tunnel.path / "front.yaml"
    file.write_text("routes: 1\n")
    status, _, said = tunnel.run("server", "--port=0", "--front=%s" % file)
    assert status == 1 and "front.yaml:1: routes is a list" in said


# ---- What operators see ----

def test_rules_are_counted(tunnel):
    f = front(tunnel, ["{name: never, when: {path: /never}, deny: 403}", "{when: {path: /no}, deny: 403}"])
    for _ in range(3):
        assert f.get("/no").status == 403
    text = ask(f.server, "/metrics").body.decode()
    assert 'tunnel_http_rule_ended_total{route="app.example.org",rule="line:5"} 3' in text
    assert 'tunnel_http_rule_ended_total{route="app.example.org",rule="never"} 0' in text
    assert 'tunnel_http_refused_total{why="denied"} 3' in text


def test_explain(tunnel):
    f = Front(tunnel, one_route(['{when: {header.X-Key: k}, to: api}', '{when: {path: "/admin*"}, deny: 404}',
                                 '{when: {path: "/old/*"}, redirect: {path: "/new/$1", status: 301}}',
                                 '{rate: {allow: 1, every: 1h}}']), {"web": None, "api": None})

    def explain(*argv, status=0):
        got, out, err = tunnel.run("routes", "--admin-socket=%s" % f.server.admin_socket, "--explain", "--json", *argv)
        assert got == status, err
        return json.loads(out) if not status else err
    r = explain("GET", "http://app.example.org/x?q=1")
    assert r["route"] == "app.example.org" and r["status"] is None and r["to"] == "web" and len(r["sessions"]) == 1
    assert [x["rule"] for x in r["rules"]] == ["line:7"]
    r = explain("GET", "http://app.example.org/%61dmin", "--header=X-Key: k")
    assert r["status"] == 404 and r["why"] == "rule line:5 denies it with 404" and r["to"] is None
    assert [(x["line"], x["verb"]) for x in r["rules"]] == [(4, "to"), (5, "deny")]
    r = explain("POST", "https://APP.example.org:8443/old/a%20b")
    assert r["location"] == "https://app.example.org:8443/new/a%20b"
    assert explain("GET", "http://app.example.org//x")["status"] == 400
    assert explain("GET", "http://web/")["status"] == 503
    assert explain("GET", "http://none.example")["route"] is None
    assert "takes a method and a URL" in explain("GET", status=2)
    assert "the whole URL" in explain("GET", "ftp://x/", status=2)
    # Nothing was counted.
    assert f.get("/").status == 200


# ---- What an attacker tries ----

def test_no_other_route_leads_past_the_rules(tunnel):
    f = Front(tunnel, 'routes:\n- {host: app.example.org, rules: [{deny: 403}], to: web.example.org}\n'
              '- {host: "*.example.org"}\n- {host: "*"}\n', {"web.example.org": None, "other.example.org": None})
    assert f.get().status == 403
    for host in "web.example.org", "WEB.example.org.", "web.example.org:80":
        assert f.get(host=host).status == 503
        with tunnel.visitor(f.server) as v:
            assert v.get("http://%s/" % host, host="other.example.org").status in (400, 503)
    assert f.get(host="other.example.org").body == b"other.example.org"
    assert f.upstreams["web.example.org"].received() == b""


def test_what_a_visitor_writes_makes_no_head_without_end(tunnel):
    f = front(tunnel, ["{request: {set: {%s}}}" % ", ".join("A%d: '${header.X}'" % i for i in range(20))])
    assert f.get(fields=["X: " + "x" * 20000]).status == 431
    assert f.get(fields=["X: " + "x" * 2000]).status == 200


def test_a_websocket_outlives_the_time_of_its_request(tunnel):
    def switch(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        while data := conn.sock.recv(100):
            conn.send(data)
    f = front(tunnel, ["{limit: {time: 300ms}}"], upstream=tunnel.upstream(switch))
    with tunnel.visitor(f.server) as v:
        v.request(host=f.host, fields=["Connection: Upgrade", "Upgrade: x"])
        assert v.read_head().status == 101
        v.pause(0.6)
        assert v.send(b"still here").read(10) == b"still here"
