# SPDX-License-Identifier: MIT
"""The admin socket of a server: by curl, as its operators use it, and by a connection that is kept."""

import http.client
import json
import socket
import subprocess

from harness.wait import PATIENCE


class Answer:
    """The last head that curl saw, and the content."""

    def __init__(self, raw):
        head, self.body = raw.split(b"\r\n\r\n", 1)
        while head.startswith(b"HTTP/1.1 1"):
            head, self.body = self.body.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines[1:])}

    @property
    def json(self):
        return json.loads(self.body)


def curl(socket, target, *options, prefix=(), timeout=30):
    """The finished process; its standard output is what `Answer` takes."""
    return subprocess.run(
        [*prefix, "curl", "-sSi", "--max-time", str(timeout), "--unix-socket", str(socket),
         *options, "http://localhost" + target], capture_output=True, timeout=timeout + 5)


def ask(server, target, *options, **kwargs):
    """The answer of a server, or of the one at this path."""
    p = curl(getattr(server, "admin_socket", server), target, *options, **kwargs)
    assert p.returncode == 0, p.stderr.decode()
    return Answer(p.stdout)


class Connection(http.client.HTTPConnection):
    """One that is kept, for whoever asks often."""

    def __init__(self, server, timeout=PATIENCE):
        super().__init__("localhost", timeout=timeout)
        self.path = str(server.admin_socket)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, method, target, value=None):
        """(status, what the answer's JSON is)"""
        self.request(method, target, None if value is None else json.dumps(value))
        answer = self.getresponse()
        content = answer.read()
        return answer.status, json.loads(content) if content else None

    def ok(self, method, target, value=None):
        status, content = self.ask(method, target, value)
        assert 200 <= status < 300, (method, target, status, content)
        return content
