# SPDX-License-Identifier: MIT
"""A panel with made-up data, for what no real program has on order: every state at once, thousands of requests,
names and bodies that attack the page. It serves web/ as it is, with the same security fields as the program."""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import pathlib
import socket
import struct
import threading
import time
import urllib.parse

WEB = pathlib.Path(__file__).resolve().parents[3] / "web"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
FIELDS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; "
                               "base-uri 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
TOKEN = "panel-token"
COOKIE = "tunnel_panel_0=fake"
# Each of them would do something in a page that takes it for markup.
HOSTILE = ['<img src=x onerror=alert(1)>', '"><script>alert(1)</script>', "javascript:alert(1)", "${alert(1)}", "{{7*7}}",
           "\u202egnp.exe", "A" * 3000]


def rfc3339(seconds_ago):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds_ago))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, kind="application/json", fields=()):
        if status == 204:
            body = b""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {**FIELDS, "Content-Type": kind, "Content-Length": str(len(data)), **dict(fields)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def problem(self, status, detail):
        self.answer(status, {"type": "about:blank", "status": status, "title": "Refused", "reason": "invalid", "detail": detail},
                    "application/problem+json")

    def handle_any(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if not url.path.startswith("/api/"):
            return self.file(url.path)
        if self.command != "GET" and (self.headers.get("X-Tunnel-Panel") != "1" or
                                      self.headers.get("Content-Type") != "application/json"):
            return self.problem(403, "A change carries X-Tunnel-Panel: 1 and is JSON.")
        if url.path == "/api/v1/login":
            if json.loads(body).get("token") != TOKEN:
                return self.problem(401, "The token is wrong.")
            return self.answer(204, {}, fields={"Set-Cookie": COOKIE + "; HttpOnly; SameSite=Strict; Path=/"})
        if COOKIE not in self.headers.get("Cookie", ""):
            return self.problem(401, "Sign in.")
        if url.path == "/api/v1/live":
            return self.live()
        panel = self.server.panel
        with panel.lock:
            panel.asked.append((self.command, self.path, json.loads(body) if body else None))
            status, result = panel.resource(self.command, url.path[len("/api/v1/"):], query, json.loads(body) if body else {})
        if status >= 400:
            return self.problem(status, result)
        if isinstance(result, bytes):
            return self.answer(status, result, "application/octet-stream")
        return self.answer(status, result)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

    def file(self, path):
        place = (WEB / ("index.html" if path == "/" else path[1:])).resolve()
        if WEB not in place.parents or not place.is_file():
            return self.problem(404, "There is no such file.")
        return self.answer(200, place.read_bytes(), TYPES[place.suffix])

    def live(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Protocol", "tunnel.panel.v1")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        panel = self.server.panel
        panel.sockets.append(self.connection)
        panel.send(self.connection, {"t": "hello", "side": panel.side, "version": "0.2.0", "now": rfc3339(0)})
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass
        panel.sockets.remove(self.connection)


class FakePanel:
    """side: server or client. tick_every: seconds between two of the feed's; None: none."""

    def __init__(self, side, tick_every=1.0):
        self.side = side
        self.lock = threading.RLock()
        self.asked = []  # (method, path, body) of what was asked for
        self.sockets = []
        self.requests = {}  # by id, oldest first
        self.bodies = {}
        self.data = {"sessions": [], "publications": [], "limits": []}  # name of a list: its items
        self.info = {}
        self.attention = []
        self.replays = 0
        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.httpd.daemon_threads = True
        self.httpd.panel = self
        self.url = "http://127.0.0.1:%d/" % self.httpd.server_port
        self.ended = threading.Event()
        threading.Thread(target=self.httpd.serve_forever, daemon=True).start()
        if tick_every:
            threading.Thread(target=self.tick, args=(tick_every,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.httpd.shutdown()
        self.httpd.server_close()

    def send(self, connection, message):
        data = json.dumps(message).encode()
        head = struct.pack("!BB", 0x81, len(data)) if len(data) < 126 else struct.pack("!BBH", 0x81, 126, len(data)) \
            if len(data) < 65536 else struct.pack("!BBQ", 0x81, 127, len(data))
        with contextlib.suppress(OSError):
            connection.sendall(head + data)

    def tell(self, message):
        for connection in list(self.sockets):
            self.send(connection, message)

    def drop(self):
        """Every connection of the feed."""
        for connection in list(self.sockets):
            connection.shutdown(socket.SHUT_RDWR)

    def tick(self, every):
        n = 0
        while not self.ended.wait(every):
            n += 1
            self.tell({"t": "tick", **self.overview(n)})

    def overview(self, n=0):
        wave = (n * 37 % 23) / 23 + (n % 60) / 60
        return {"at": time.time(), "rps": 300 + 120 * wave, "in": 18233 * (1 + wave), "out": 9122331 * (0.5 + wave / 2),
                "open": 30 + int(14 * wave), "p50": 0.0021 + 0.0004 * wave, "p99": 0.012 + (0.04 if n % 17 == 0 else 0.004 * wave),
                "mem": 8123392 + 40000 * (n % 20), "budget": 67108864}

    def add(self, method, path, status=200, seconds=0.004, host="app.example.org", age=0.0, body=b"", answer=b"", kind="text/plain",
            fields=(), cut=None, replay_of=None, why=None):
        """A captured request; its id."""
        ident = str(len(self.requests) + 1)
        asked = [("Host", host), ("User-Agent", "curl/7.88.1"), *fields]
        if body:
            asked.append(("Content-Length", str(len(body))))
        common = {"id": ident, "at": time.time() - age, "state": "done", "replay_of": replay_of, "pinned": False,
                  "websocket": status == 101, "client": "203.0.113.77"}
        row = {**common, "method": method, "host": host, "path": path, "status": status or None,
               "duration": seconds, "bytes_in": cut or len(body),
               "bytes_out": len(answer)}
        answered = [("Content-Type", kind), ("Content-Length", str(len(answer))), ("Date", rfc3339(age))]
        reason = "HTTP/1.1 %d %s" % (status, http.client.responses.get(status, ""))
        entry = {**common, "method": method, "target": path, "host": host, "status": status or None, "duration": seconds,
                 "upstream": "http://127.0.0.1:3000", "why": why or "", "revealed": False, "forgotten": False,
                 "not_replayable": "this request was kept in part" if cut else None,
                 "timing": {"opened": 0, "dialled": seconds * 0.02, "request_first": seconds * 0.02, "request_last": seconds * 0.05,
                            "response_first": seconds * 0.93, "response_last": seconds},
                 "request": message("%s %s HTTP/1.1" % (method, path), asked, cut or len(body), len(body)),
                 "response": message(reason, answered, len(answer), len(answer))}
        self.requests[ident] = {"row": row, "entry": entry}
        self.bodies[ident] = {"request": body, "response": answer}
        return ident

    def row(self, ident):
        return self.requests[ident]["row"]

    def push(self, *idents):
        self.tell({"t": "requests", "items": [self.row(i) for i in idents]})

    def resource(self, method, path, query, body):
        if path == "info":
            return 200, {"version": "0.2.0", "side": self.side, "hostname": "exit.example.org", "started": rfc3339(12 * 86400),
                         **self.info}
        if path == "attention":
            return 200, {"items": self.attention}
        if path == "status":
            return 200, {"sessions": 3, "links": 3, "streams": 34, "services": 4, "identities": 5, "publicAddress": "exit.example.org"}
        if path == "requests.har":
            return 200, {"log": {"version": "1.2", "entries": []}}
        if path == "requests":
            return self.list_requests(method, query)
        if path.startswith("requests/"):
            return self.one_request(method, path.split("/")[1], path.split("/")[2:], body)
        if path == "routes":
            return 200, {"host": query["host"], "why": "\"%s\" goes to the session of home, by the name app.example.org." % query["host"]}
        if path in self.data:
            if method == "GET":
                items = self.data[path]
                if "status" in query:
                    items = [i for i in items if i["properties"]["privateLinkServiceConnectionState"]["status"] == query["status"]]
                return 200, {"items": items, "next": None}
            return self.made_intention(body)
        return self.changed(method, path, body)

    def list_requests(self, method, query):
        if method == "DELETE":
            self.requests.clear()
            return 204, b""
        newest = [i for i in map(str, sorted(map(int, self.requests), reverse=True))
                  if int(query.get("after", 0)) < int(i) < int(query.get("before", 1 << 60))]
        page = newest[:int(query.get("limit", 100))]
        return 200, {"items": [self.row(i) for i in page], "used": 50436505, "size": 52428800,
                     "next": page[-1] if len(page) < len(newest) else None}

    def one_request(self, method, ident, rest, body):
        if ident not in self.requests:
            return 404, "There is no such request."
        row, entry = self.requests[ident]["row"], self.requests[ident]["entry"]
        if not rest:
            return 200, entry
        if rest[0] == "curl":
            return 200, ("curl 'http://%s%s'" % (row["host"], row["path"])).encode()
        if rest[0] == "replay":
            self.replays += 1
            data = body.get("body", self.bodies[ident]["request"].decode("latin-1")).encode()
            fields = body.get("fields", entry["request"]["fields"])
            made = self.add(body.get("method", row["method"]), body.get("target", row["path"]), 201, 0.019, body=data,
                            answer=b'{"order":%d,"state":"taken"}' % self.replays, kind="application/json", replay_of=ident,
                            fields=[f for f in fields if f[0] not in ("Host", "User-Agent", "Content-Length")])
            return 201, {"id": made, "left_out": []}
        if rest[0] == "pin":
            row["pinned"] = entry["pinned"] = body["pinned"]
            return 200, row
        return 200, self.bodies[ident][rest[0].split(".")[0]]

    def made_intention(self, body):
        item = intention(**body)
        self.data["intentions"].insert(0, item)
        return 201, {**item, "replaced": False, "streamsCut": 0}

    def changed(self, method, path, body):
        parts = [urllib.parse.unquote(p) for p in path.split("/")]
        if parts[0] == "endpoints" and parts[-1] in ("approve", "reject"):
            item = next(e for e in self.data["endpoints"] if e["name"] == parts[1])
            state = item["properties"]["privateLinkServiceConnectionState"]
            state.update(status="Approved" if parts[-1] == "approve" else "Rejected", description=body["description"])
            item["properties"]["decidedBy"] = "root"
            return 200, {**item, "streamsCut": 0}
        if parts[0] == "intentions":
            item = next(i for i in self.data["intentions"] if [i["source"], i["destination"]] == parts[1:])
            if method == "DELETE":
                self.data["intentions"].remove(item)
                return 200, {"deleted": True, "streamsCut": 0}
            item.update(action=body["action"], description=body["description"])
            return 200, {**item, "replaced": True, "streamsCut": 3}
        if parts[0] == "sessions" and method == "DELETE":
            self.data["sessions"][:] = [s for s in self.data["sessions"] if s["id"] != parts[1]]
            return 200, {"streamsCut": 0}
        return 404, "There is no %s." % path


def message(line, fields, size, kept):
    return {"line": line, "fields": [list(field) for field in fields], "body": {"bytes": size, "kept": kept}}


def intention(source, destination, action="allow", description=""):
    return {"id": "7b0c", "source": source, "destination": destination, "action": action, "description": description, "meta": {},
            "precedence": 9 - 3 * (destination == "*") - (source == "*"), "createdBy": "root", "createdAt": rfc3339(9000),
            "updatedAt": rfc3339(9000), "revision": 4}


def service(name, owner, online=True, kind="tcp", approved=1):
    return {"id": "/services/" + name, "name": name, "type": "tunnel/services", "location": "exit", "resourceGroup": owner,
            "etag": 'W/"4"', "properties": {
                "alias": name + ".4k1x9a0c2m7q", "displayName": name, "kind": kind, "fqdns": [], "endToEndKey": None, "description": "",
                "provisioningState": "Succeeded", "online": online, "createdAt": rfc3339(90000), "updatedAt": rfc3339(90000),
                "visibility": {"subscriptions": ["*"]}, "autoApproval": {"subscriptions": []}, "managed": False,
                "sessions": int(online), "streams": 12 * online,
                "endpoints": {"pending": 1, "approved": approved, "rejected": 0, "disconnected": 0}}}


def endpoint(consumer, at, status, message="", description="", age=240, streams=0, number=1):
    name = "%s.%016x" % (consumer, number)
    return {"id": "/services/%s/privateEndpointConnections/%s" % (at, name), "name": name,
            "type": "tunnel/services/privateEndpointConnections", "location": "exit", "resourceGroup": "api-team", "etag": 'W/"5"',
            "properties": {
                "privateEndpoint": {"id": "/identities/%s/privateEndpoints/web" % consumer, "resourceGroup": consumer},
                "privateLinkServiceConnectionState": {"status": status, "description": description, "actionsRequired": "None"},
                "provisioningState": "Succeeded", "linkIdentifier": "7", "ipAddresses": [], "requestMessage": message,
                "endToEndKey": None, "createdAt": rfc3339(age), "updatedAt": rfc3339(age), "decidedBy": "" if status == "Pending" else "root",
                "streams": streams, "online": True}}
