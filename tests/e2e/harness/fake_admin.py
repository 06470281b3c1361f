# SPDX-License-Identifier: MIT
"""An admin socket whose answers a test writes itself: what no real server would say."""

import contextlib
import json
import socket
import threading
import urllib.parse


class Asked:
    """A request as it came."""

    def __init__(self, head, body):
        line, *fields = head.decode().split("\r\n")
        self.method, target, self.version = line.split(" ")
        parts = urllib.parse.urlsplit(target)
        self.target, self.path = target, parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.fields = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields if f)}
        self.json = json.loads(body) if body else None


def answer(value=None, status=200, kind="application/json"):
    """The bytes of a response."""
    body = b"" if value is None else json.dumps(value).encode()
    return (b"HTTP/1.1 %d Something\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
            % (status, kind.encode(), len(body))) + body


def problem(status, reason, detail):
    return answer({"type": "about:blank", "status": status, "title": "Title", "reason": reason,
                   "detail": detail}, status, "application/problem+json")


class FakeAdmin:
    """`script` gets each Asked and returns the bytes that are sent; those asked are kept."""

    def __init__(self, stage, script):
        self.path = str(stage.path / (stage.name("fake") + ".sock"))
        self.script = script
        self.asked = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[conn], daemon=True).start()

    def _answer(self, conn):
        with conn:
            data = b""
            while b"\r\n\r\n" not in data:
                more = conn.recv(65536)
                if not more:
                    return  # only looked whether somebody is there
                data += more
            head, body = data.split(b"\r\n\r\n", 1)
            asked = Asked(head, None)
            length = int(asked.fields.get("content-length", 0))
            while len(body) < length:
                body += conn.recv(65536)
            asked = Asked(head, body)
            self.asked.append(asked)
            sent = self.script(asked)
            if sent is None:
                return
            with contextlib.suppress(OSError):  # the command had enough
                conn.sendall(sent)

    def stop(self):
        self.listener.close()
