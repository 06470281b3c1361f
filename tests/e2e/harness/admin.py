# SPDX-License-Identifier: MIT
"""The admin socket of a server, by curl, as its operators use it."""

import json
import subprocess


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
