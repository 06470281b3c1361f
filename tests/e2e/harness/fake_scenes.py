# SPDX-License-Identifier: MIT
"""Made-up panels: of an exit node and of a client that have a bit of everything, and of those whom everybody attacks."""

import itertools
import json

from harness.fake_panel import HOSTILE, FakePanel, endpoint, intention, rfc3339, service

ORDER = json.dumps({"item": 17, "count": 2, "note": "gift, please wrap", "paid": True, "coupon": None,
                    "address": {"street": "Hauptstr. 5", "city": "Berlin", "zip": "10827"}}).encode()
TRACE = json.dumps({"error": "no such item", "item": 17, "trace": ["at order (/srv/app/order.js:31:9)",
                                                                  "at next (/srv/app/http.js:88:5)"]}).encode()
PATHS = [("GET", "/", 200), ("GET", "/app.js", 200), ("GET", "/style.css", 304), ("GET", "/api/items?page=2", 200),
         ("POST", "/api/login", 200), ("GET", "/img/logo.svg", 200), ("GET", "/favicon.ico", 404), ("PUT", "/api/cart", 200),
         ("GET", "/ws", 101), ("DELETE", "/api/cart/3", 204), ("GET", "/api/me", 401), ("GET", "/api/items/17", 200)]
TIMES = [0.0018, 0.0023, 0.041, 0.0031, 0.012, 0.0009, 1.2]


def session(ident, identity, address, age, services, **more):
    return {"id": ident * 16, "identity": identity, "keyId": "0" * 16, "remoteAddr": address, "since": rfc3339(age),
            "version": "0.2.0", "ending": False, "links": [{"worker": 0}], "streams": 3, "services": services,
            "roundTripSeconds": 0.018, **figures(), **more}


def figures(**more):
    return {"rps": 391.2, "errors": 0.4, "in": 18233.0, "out": 9122331.5, "lastError": None, **more}


def published(number, address, upstream, **more):
    return {"id": str(number), "number": number, "kind": "http", "place": "", "private": False, "state": "granted", "address": address, "why": "",
            "upstream": upstream, "exclusive": False, "connections": 0, "waiting": 0, **more}


def served(number, address, upstream, identity, **more):
    """As the exit node has it."""
    return {"id": "7" * 16 + "-%d" % number, "session": "7" * 16, "identity": identity, "number": number, "kind": "http",
            "place": "", "address": address, "upstream": upstream, "private": False, "exclusive": False, "state": "served",
            "open": 3, "begun": 10211, "p50": 0.0021, "p95": 0.009, "p99": 0.018, **figures(), **more}


def busy_server(tick_every=0.2):
    panel = FakePanel("server", tick_every)
    places = [("https://app.example.org", "http://127.0.0.1:3000"), ("tcp://exit.example.org:2222", "tcp://127.0.0.1:22"),
              ("https://api.example.org", "http://10.0.0.7:8080"), ("https://dev.example.org", "http://127.0.0.1:5173")]
    web, ssh, api, dev = [{"address": address, "upstream": upstream, "kind": upstream[:upstream.index(":")], "exclusive": False}
                          for address, upstream in places]
    panel.data["sessions"] = [
        session("7", "home", "203.0.113.7", 12 * 86400 + 9, [web, ssh], links=[{"worker": 0}, {"worker": 1}], streams=31),
        session("8", "berlin-2", "198.51.100.4", 3 * 3600 + 9, [api]),
        session("9", "laptop", "192.0.2.9", 3600, [dev], ending=True, streams=1)]
    panel.data["publications"] = [
        served(1, *places[0], "home", exclusive=True),
        served(2, *places[1], "home", kind="tcp", rps=0.02, p50=None, p95=None, p99=None),
        served(3, *places[2], "berlin-2"),
        served(4, *places[3], "laptop", state="failing", lastError={"at": rfc3339(4), "what": "the upstream refused the connection"})]
    panel.attention = [
        {"severity": "warn", "what": "www.example.org: the certificate ends in 6 days",
         "about": "certificate", "todo": "Renew /etc/tunnel/www.pem; the server reads it again by itself."},
        {"severity": "warn", "what": "1 endpoint waits for a decision", "about": "endpoint",
         "todo": "Approve it or reject it: tunnel endpoint list --status=Pending shows it."}]
    panel.data["services"] = [service("super-api", "api-team"), service("db", "api-team", approved=3),
                              service("dns", "net", online=False, kind="udp", approved=0)]
    panel.data["endpoints"] = [
        endpoint("web", "super-api", "Pending", "web team, ticket 4711", number=1),
        endpoint("billing", "db", "Approved", "", "ticket 4402", age=86400 * 3, streams=8, number=2),
        endpoint("lab", "db", "Rejected", "pls", "not this quarter", age=86400 * 9, number=3),
        endpoint("old", "super-api", "Disconnected", age=86400 * 30, number=4)]
    panel.data["intentions"] = [intention("web", "redis", "deny", "the incident of May"), intention("billing", "db"),
                                intention("*", "super-api", "allow", "open to all teams")]
    fill(panel, 40)
    return panel


def fill(panel, n):
    for i, (method, path, status), seconds in zip(range(n), itertools.cycle(PATHS), itertools.cycle(TIMES)):
        api = path.startswith("/api")
        panel.add(method, path, status, seconds, age=n - i, body=ORDER if method in ("POST", "PUT") else b"",
                  answer=b'{"items":[1,2,3],"next":null}' if api else b"<!doctype html>",
                  kind="application/json" if api else "text/html")


def busy_client(tick_every=1.0):
    panel = FakePanel("client", tick_every)
    panel.info = {"hostname": "home", "exitNode": "exit.example.org:8000"}
    up = {"state": "up", "sealed": True, "streams": 15, "lastFailure": ""}
    panel.data["sessions"] = [{
        "id": "7" * 16, "state": "open", "exitNode": "exit.example.org:8000", "since": rfc3339(86400 * 12), "streams": 31,
        "linksUp": 2, "services": 3, "granted": 2, "links": [
            {"number": 1, "since": rfc3339(86400 * 12), "roundTripSeconds": 0.018, **up},
            {"number": 2, "since": rfc3339(86400 * 2), "roundTripSeconds": 0.019, **up},
            {"number": 3, "state": "waiting", "since": None, "roundTripSeconds": None, "sealed": False, "streams": 0,
             "lastFailure": "connection refused"}]}]
    panel.data["publications"] = [
        published(1, "https://app.example.org", "http://127.0.0.1:3000", connections=29),
        published(2, "", "http://127.0.0.1:4000", state="refused", place="shop.example.org",
                  why="shop.example.org is held by the session of berlin-2; ask for another name or end that one"),
        published(3, "tcp://exit.example.org:2222", "tcp://127.0.0.1:22", kind="tcp"),
        published(4, "db.4k1x9a0c2m7q", "tcp://127.0.0.1:5432", kind="tcp", private=True, connections=4)]
    panel.data["limits"] = [{"name": "max-dials", "unit": "connections", "limit": 64, "use": 64, "peak": 64, "reached": 12,
                             "reachedAt": rfc3339(9)},
                            {"name": "memory-budget", "unit": "bytes", "limit": 67108864, "use": 8123392, "peak": None, "reached": None,
                             "reachedAt": None}]
    fill(panel, 180)
    panel.add("POST", "/api/order", 500, 0.041, body=ORDER, answer=TRACE, kind="application/json", fields=[
        ("Content-Type", "application/json"), ("Authorization", "•••• (51 characters, ends 9f2c)"),
        ("Cookie", "session=•••• (88 characters, ends 01aa)"), ("Accept", "application/json"),
        ("X-Forwarded-For", "203.0.113.77"), ("X-Request-Id", "4b825dc642cb6eb9a060e54bf8d69288")])
    return panel


def attacked_server():
    panel = FakePanel("server")
    panel.data = {name: [] for name in ("sessions", "publications", "services", "endpoints", "intentions")}
    for number, text in enumerate(HOSTILE):
        published = {"address": text, "upstream": text, "kind": "http", "state": "granted"}
        panel.data["sessions"].append(session(str(number), text, text, 9, [published]))
        panel.data["publications"].append(served(number, text, text, text, state=text, lastError={"at": rfc3339(9), "what": text}))
        panel.attention.append({"severity": "warn", "what": text, "todo": text})
        panel.data["services"].append(service(text, text))
        panel.data["endpoints"].append(endpoint(text, "db", "Pending", text, text))
        panel.data["endpoints"].append(endpoint(text, "db", "Approved", text, text))
        panel.data["intentions"].append(intention(text, text, "allow", text))
        panel.add("GET", text, host=text)
    return panel


def attacked_client():
    panel = FakePanel("client")
    panel.data = {name: [] for name in ("sessions", "publications", "limits")}
    for text in HOSTILE:
        panel.data["publications"].append(published(1, text, text, state=text, why=text))
        panel.add(text if len(text) < 40 else "GET", text, host=text, body=text.encode(), answer=text.encode(), kind=text,
                  fields=[(text, text)], why=text)
    return panel
