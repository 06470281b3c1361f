# SPDX-License-Identifier: MIT
"""A TCP relay between client and server: it records, and does what a bad line or a bad person does.

up is from client to server, down the other way. A `change` function gets each piece and returns
what goes on instead; whole WebSocket messages are easier to reach with Messages, below.
"""

import contextlib
import socket
import struct
import threading
import time

from harness.wait import wait_until

UP, DOWN = "up", "down"


class Pair:
    def __init__(self, number, client, server):
        self.number = number
        self.socks = {UP: (client, server), DOWN: (server, client)}
        self.recorded = {UP: b"", DOWN: b""}
        self.open = True

    def close(self, reset=False):
        self.open = False
        for sock in self.socks[UP]:
            try:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()


class Mitm:
    def __init__(self, target, change=None):
        self.target = target
        self.change = change  # (pair, direction, bytes) -> bytes
        self.delay = 0.0      # seconds before a piece goes on
        self.hole = False     # everything disappears; both sockets stay open
        self.refuse = False   # new connections are closed at once
        self.pairs = []
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.sock.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            try:
                server = socket.create_connection(self.target, 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                client, server = self._wrap(client, server)
            except OSError:
                client.close()
                server.close()
                continue
            pair = Pair(len(self.pairs), client, server)
            self.pairs.append(pair)
            for direction in (UP, DOWN):
                threading.Thread(target=self._pump, args=(pair, direction), daemon=True).start()

    def _wrap(self, client, server):
        """For those who speak something more than TCP."""
        return client, server

    def _pump(self, pair, direction):
        source, sink = pair.socks[direction]
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    if not self.hole:
                        sink.shutdown(socket.SHUT_WR)
                    return
                pair.recorded[direction] += data
                if self.hole:
                    continue
                if self.delay:
                    time.sleep(self.delay)
                if self.change is not None:
                    data = self.change(pair, direction, data)
                if data:
                    sink.sendall(data)
        except OSError:
            if pair.open and not self.hole:
                pair.close()

    def cut(self, reset=False):
        """Ends every connection that goes through."""
        for pair in list(self.pairs):
            if pair.open:
                pair.close(reset)

    def recorded(self, direction=None):
        return b"".join(p.recorded[d] for p in list(self.pairs)
                        for d in ((UP, DOWN) if direction is None else (direction,)))

    def wait_pairs(self, n):
        wait_until(lambda: len(self.pairs) >= n, "%d connections through the relay" % n)

    def stop(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self.cut()


class Messages:
    """Cuts one direction of a link into its WebSocket messages and hands each to `on_message`.

    on_message(index, header_and_payload, payload_offset) -> bytes. The HTTP head passes as it is.
    """

    def __init__(self, direction, on_message):
        self.direction = direction
        self.on_message = on_message
        self.state = {}  # pair number -> [rest, head seen, message index]

    def __call__(self, pair, direction, data):
        if direction != self.direction:
            return data
        state = self.state.setdefault(pair.number, [b"", False, 0])
        state[0] += data
        out = b""
        if not state[1]:
            at = state[0].find(b"\r\n\r\n")
            if at < 0:
                return b""
            out, state[0], state[1] = state[0][:at + 4], state[0][at + 4:], True
        while True:
            message = take_message(state[0])
            if message is None:
                return out
            whole, offset = message
            state[0] = state[0][len(whole):]
            out += self.on_message(state[2], whole, offset) or b""
            state[2] += 1


def take_message(data):
    """(frame bytes, offset of its payload) of the first complete WebSocket frame, or None."""
    if len(data) < 2:
        return None
    n, at = data[1] & 0x7F, 2
    if n == 126:
        if len(data) < 4:
            return None
        n, at = int.from_bytes(data[2:4], "big"), 4
    elif n == 127:
        if len(data) < 10:
            return None
        n, at = int.from_bytes(data[2:10], "big"), 10
    if data[1] & 0x80:
        at += 4
    if len(data) < at + n:
        return None
    return data[:at + n], at
