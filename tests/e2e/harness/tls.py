# SPDX-License-Identifier: MIT
"""TLS between and around the two ends: a man in the middle, and a visitor who speaks it."""

import select
import socket
import ssl
import threading
import time

from harness.mitm import Mitm
from harness.visitor import Visitor, split


class Locked:
    """A TLS socket that one thread reads while another one writes, which OpenSSL alone forbids."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock = sock
        self.lock = threading.Lock()

    def _turn(self, step):
        while True:
            with self.lock:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    wait = [self.sock], []
                except ssl.SSLWantWriteError:
                    wait = [], [self.sock]
            select.select(*wait, [], 1)

    def recv(self, n):
        return self._turn(lambda: self.sock.recv(n))

    def sendall(self, data):
        while data:
            n = self._turn(lambda rest=data: self.sock.send(rest))
            data = data[n:]

    def __getattr__(self, name):
        return getattr(self.sock, name)


class TlsMitm(Mitm):
    """Ends the TLS of whoever comes, with a certificate of its own, and begins another to the
    target without judging what that one shows. What it records is what it could read."""

    def __init__(self, target, cert, to_tls=True, newest=None):
        self.context = cert.server_context()
        self.to = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if to_tls else None
        if newest:
            self.context.maximum_version = newest
        if self.to:
            self.to.check_hostname = False
            self.to.verify_mode = ssl.CERT_NONE
        self.failed = []  # handshakes that whoever came broke off
        super().__init__(target)

    def _wrap(self, client, server):
        try:
            client = self.context.wrap_socket(client, server_side=True)
        except OSError as e:
            self.failed.append(str(e))
            raise
        return Locked(client), Locked(self.to.wrap_socket(server)) if self.to else server


class TlsVisitor(Visitor):
    def __init__(self, address, context, name=None, alpn=None):
        super().__init__(address)
        self.plain = self.sock
        self.sock = context.wrap_socket(self.plain, server_hostname=name or self.address[0],
                                        suppress_ragged_eofs=False)

    def finish(self):
        """close_notify and FIN; what the other side sends still comes."""
        raise NotImplementedError("Python's ssl cannot half-close")


def trusting():
    """For a visitor who takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def in_pieces(address, name, context, cut, request, every=0, timeout=10):
    """Does a handshake whose first flight goes out as cut(bytes) says, a list of pieces each in a
    segment of its own, if `every` so many seconds behind the other; then sends the request and
    returns all that comes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with socket.create_connection(address if isinstance(address, tuple) else split(address),
                                  timeout) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        first = True

        def flush():
            nonlocal first
            data = outgoing.read()
            for piece in (cut(data) if first else [data]):
                if piece:
                    sock.sendall(piece)
                    time.sleep(every if first else 0)
            first = False

        def turn(step):
            while True:
                try:
                    result = step()
                    flush()
                    return result
                except ssl.SSLWantReadError:
                    flush()
                    data = sock.recv(65536)
                    if data:
                        incoming.write(data)
                    else:
                        incoming.write_eof()
        turn(tls.do_handshake)
        turn(lambda: tls.write(request))
        got = b""
        try:
            while True:
                data = turn(lambda: tls.read(65536))
                if not data:
                    return got
                got += data
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return got


def records(hello, size):
    """The same handshake message in TLS records of at most `size` bytes."""
    body, out = hello[5:], []
    assert hello[0] == 0x16 and len(body) == int.from_bytes(hello[3:5], "big")
    for i in range(0, len(body), size):
        part = body[i:i + size]
        out.append(hello[:3] + len(part).to_bytes(2, "big") + part)
    return out
