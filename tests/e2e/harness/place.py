# SPDX-License-Identifier: MIT
"""An exit node at a name of its own, asked as a browser asks it: over http or https, with its
port."""

import asyncio

import websockets

from harness.tls import TlsVisitor
from harness.visitor import Visitor

OUTER = "outer.example"


class Place:
    """An exit node that answers for OUTER, and how it is asked."""

    def __init__(self, tunnel, scheme):
        self.tunnel, self.scheme = tunnel, scheme
        ca = tunnel.ca()
        self.ca = ca
        self.server = tunnel.server(*(ca.issue(OUTER).options() if scheme == "https" else ()))
        self.authority = "%s:%d" % (OUTER, self.server.port)
        self.origin = "%s://%s" % (scheme, self.authority)

    def visitor(self):
        if self.scheme == "https":
            return TlsVisitor(self.server.address, self.ca.context(), OUTER)
        return Visitor(self.server.address)

    def get(self, target="/", fields=(), **kwargs):
        with self.visitor() as v:
            return v.get(target, host=self.authority, fields=list(fields), **kwargs)

    def curl(self, path, *options):
        resolve = "%s:%d:127.0.0.1" % (OUTER, self.server.port)
        return self.tunnel.curl(self.origin + path, "--resolve", resolve,
                                "--cacert", self.ca.cert, *options).decode()

    def websocket(self):
        async def talk():
            async with websockets.connect(
                    self.origin.replace("http", "ws", 1) + "/ws", host="127.0.0.1",
                    port=self.server.port, origin=self.origin,
                    **({"ssl": self.ca.context(), "server_hostname": OUTER}
                       if self.scheme == "https" else {})) as ws:
                return await ws.recv()
        return asyncio.run(talk())
