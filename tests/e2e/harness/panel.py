# SPDX-License-Identifier: MIT
"""A program's panel over TCP, as programs and strangers come to it."""

import contextlib
import http.client
import json
import re
import socket
import ssl

import websockets

from harness.wait import PATIENCE, wait_until

OWN = {"Content-Type": "application/json", "X-Tunnel-Panel": "1"}


class Panel:
    """Of a server or a client that runs with --panel. Its address and token are what its log and the state directory
    say."""

    def __init__(self, program, state, host="127.0.0.1"):
        found = []

        def said():
            found[:] = re.findall(r"the panel is (https?)://([^ /]+):(\d+)/, and its token is in (\S+)", program.log())
            return found
        wait_until(said, "%s to say where its panel is" % program.name)
        scheme, self.said_host, port, self.token_path = found[-1]
        self.tls = scheme == "https"
        self.host, self.port = host, int(port)
        self.name = "%s:%d" % (host, self.port)
        self.origin = "%s://%s" % (scheme, self.name)
        self.token = (state / "panel.token").read_text().strip()

    def socket(self):
        return socket.create_connection((self.host, self.port), timeout=PATIENCE)

    def exchange(self, data):
        """What comes for these bytes until the panel closes the connection, which it does with one that is silent."""
        got = bytearray()
        with self.socket() as s, contextlib.suppress(ConnectionError):
            s.sendall(data.encode("latin-1"))
            while part := s.recv(65536):
                got += part
        return bytes(got)

    def ask(self, path, method="GET", token=True, body=None, headers=()):
        """(status, headers, body) of one request on a connection of its own."""
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            c = http.client.HTTPSConnection(self.host, self.port, timeout=PATIENCE, context=context)
        else:
            c = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        fields = dict(headers)
        if token:
            fields.setdefault("Authorization", "Bearer " + (token if isinstance(token, str) else self.token))
        if method not in ("GET", "HEAD"):
            fields = {**OWN, **fields}
        c.request(method, path, body, fields)
        r = c.getresponse()
        answer = r.status, r.headers, r.read()
        c.close()
        return answer

    def json(self, path):
        status, _, body = self.ask(path)
        assert status == 200, (status, body)
        return json.loads(body)

    def live(self, **kwargs):
        """A WebSocket to the live feed, for `async with`."""
        options = {"origin": self.origin, "subprotocols": ["tunnel.panel.v1"], "max_size": None, "compression": None,
                   "extra_headers": {"Authorization": "Bearer " + self.token}, **kwargs}
        return websockets.connect("ws://%s/api/v1/live" % self.name, **options)
