# SPDX-License-Identifier: MIT
"""The files of routes in docs/examples, each as it stands there, but for the places of its files."""

import base64
import pathlib

from harness import countries
from harness.rules import BCRYPT, Front
from harness.upstream import always, echo, response

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs" / "examples"


def example(name, **places):
    text = (EXAMPLES / name).read_text()
    for was, now in places.values():
        assert was in text
        text = text.replace(was, str(now))
    return text


def test_redirects(tunnel, ca):
    cert = ca.issue("example.org", "www.example.org")
    web = tunnel.upstream(always(response(b"web", fields=["Server: x", "X-Powered-By: y"])))
    f = Front(tunnel, example("redirects.yaml"), {"web": web, "api": None}, *cert.options())
    port = f.server.port
    for host in "example.org", "www.example.org":
        r = f.get("/a?b=c", host="%s:%d" % (host, port))
        assert r.status == 308 and r.get("Location") == "https://%s:%d/a?b=c" % (host, port)

    def https(url):
        out = tunnel.curl("https://" + url.replace("/", ":%d/" % port, 1), "-i", "--cacert", str(ca.cert),
                          "--connect-to", "::127.0.0.1:%d" % port, "--http1.1").decode()
        head, _, body = out.partition("\r\n\r\n")
        return head, body
    head, _ = https("example.org/x")
    assert " 301 " in head.split("\r\n")[0] and "Location: https://www.example.org:%d/x" % port in head
    head, _ = https("www.example.org/old/p/q")
    assert " 301 " in head.split("\r\n")[0] and "Location: https://www.example.org:%d/new/p/q" % port in head
    head, body = https("www.example.org/api/x")
    assert body == "api" and "Strict-Transport-Security: max-age=31536000" in head
    head, body = https("www.example.org/")
    assert body == "web" and "Server:" not in head and "X-Powered-By" not in head


def test_who_may(tunnel):
    users = tunnel.path / "grafana.htpasswd"
    users.write_text("alice:%s\n" % BCRYPT)
    text = example("who-may.yaml", users=("/etc/tunnel/grafana.htpasswd", users),
                   network=("192.0.2.0/24", "127.0.2.0/24"))
    f = Front(tunnel, text, {"grafana": None})
    f.host = "grafana.example.org"
    good = "Authorization: Basic " + base64.b64encode(b"alice:secret").decode()
    # From the own network
    assert f.get(source="127.0.2.1").body == b"grafana"
    assert f.get("/admin", source="127.0.2.1").body == b"grafana"
    assert f.get("/", source="127.0.2.1", method="DELETE").status == 405
    # From elsewhere
    assert f.get().status == 401
    assert f.get(fields=[good]).body == b"grafana"
    assert f.get("/admin/users", fields=[good]).status == 404
    assert f.get("/%61dmin", fields=[good]).status == 404
    assert f.get(host="grafana").status == 503


def test_limits(tunnel):
    file = countries.write(tunnel.path / "country.mmdb", {"127.0.3.0/24": "XX", "127.0.4.0/24": "DE"})
    text = example("limits.yaml", countries=("/var/lib/GeoIP/country.mmdb", file))
    f = Front(tunnel, text, {"api": tunnel.upstream(echo)})
    f.host = "api.example.org"
    assert f.get(source="127.0.3.1").status == 403
    assert f.get("/status", source="127.0.3.1").status == 200
    assert f.get(source="127.0.4.1").status == 200 and f.get().status == 200
    got = [f.get("/login", source="127.0.4.2", method="POST", body=b"x").status for _ in range(6)]
    assert got == [200] * 5 + [429]
    assert f.get("/login", source="127.0.4.2").status == 200
    with tunnel.visitor(f.server, source="127.0.4.3") as v:
        v.send("POST / HTTP/1.1\r\nHost: api.example.org\r\nContent-Length: %d\r\n\r\n" % (10 * 1024 * 1024 + 1))
        assert v.read_response().status == 413
    with tunnel.visitor(f.server, source="127.0.4.4") as v:
        got = [v.get(host=f.host).status for _ in range(150)]
    assert got[:100] == [200] * 100 and 429 in got


def test_versions(tunnel):
    server = tunnel.server("--front=%s" % (EXAMPLES / "versions.yaml"))
    for name in ("blue", "green", "cloud"):
        tunnel.client(server, tunnel.upstream(name), "--group=web", "--origin=%s" % name)
    with tunnel.visitor(server) as v:
        got = [v.get(host="app.example.org").body for _ in range(1000)]
    assert 890 <= got.count(b"blue") <= 910 and b"cloud" not in got


def test_client_rules(tunnel, ca):
    cert = ca.issue("app.example.org")
    rules = tunnel.path / "client-rules.yaml"
    rules.write_text(example("client-rules.yaml"))
    up = tunnel.upstream(always(response(b"app", fields=["Server: x"])))
    server = tunnel.server(*cert.options())
    tunnel.client(server, "app.example.org=" + up.url, "--rules=%s" % rules)

    def ask(path, *options, scheme="https"):
        out = tunnel.curl("%s://app.example.org:%d%s" % (scheme, server.port, path), "-i", "--cacert", str(ca.cert),
                          "--connect-to", "::127.0.0.1:%d" % server.port, "--http1.1", *options).decode()
        head, _, body = out.partition("\r\n\r\n")
        return int(head.split()[1]), head, body
    status, head, _ = ask("/a", scheme="http")
    assert status == 308 and "Location: https://app.example.org:%d/a" % server.port in head
    status, head, body = ask("/a")
    assert (status, body) == (200, "app") and "Strict-Transport-Security: " in head and "Server" not in head
    assert b"X-From: 127.0.0.1\r\n" in up.received()
    assert [ask("/admin")[0], ask("/staging/x")[0], ask("/staging/x", "-u", "anna:secret")[0]] == [404, 401, 200]
    assert [ask("/login", "-d", "x")[0] for _ in range(6)] == 5 * [200] + [429]
