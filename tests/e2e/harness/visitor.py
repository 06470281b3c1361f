# SPDX-License-Identifier: MIT
"""A raw HTTP client: it sends exactly what a test says and reads strictly what comes.

Anything that is not beyond doubt about where a response ends is a failure, so every test that
reads a response also checks its framing.
"""

import contextlib
import socket
import struct
import time

from harness.wait import PATIENCE


class Response:
    def __init__(self, version, status, reason, fields, raw_head):
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields  # [(name, value)], as they came
        self.raw_head = raw_head
        self.body = b""
        self.trailers = []
        self.interim = []     # 1xx responses before this one
        self.end = None       # "length", "chunked", "close", "none"

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, "%s came %d times" % (name, len(values))
        return values[0] if values else default

    def text(self):
        return self.body.decode("utf-8", "replace")


class Closed(Exception):
    """The connection ended before the response did; .data is what had come."""

    def __init__(self, data=b"", reset=False):
        super().__init__("connection %s after %r" % ("reset" if reset else "closed", data[:200]))
        self.data = data
        self.reset = reset


class Visitor:
    def __init__(self, address, timeout=None, source=None, receive_buffer=None):
        host, port = address if isinstance(address, tuple) else split(address)
        self.address = (host, port)
        if receive_buffer:
            # Before it connects: the window that it offers depends on it.
            self.sock = socket.socket()
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.settimeout(timeout or PATIENCE)
            self.sock.connect((host, port))
        else:
            self.sock = socket.create_connection((host, port), timeout or PATIENCE,
                                                 source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data):
        self.sock.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def trickle(self, data, size=1, every=0.001):
        """Sends that in pieces of so many bytes, so many seconds apart."""
        for i in range(0, len(data), size):
            self.send(data[i:i + size])
            time.sleep(every)
        return self

    def sip(self, times, every, size=2048):
        """Reads so little, so many seconds apart, so many times, into the buffer."""
        for _ in range(times):
            self.buffer += self.sock.recv(size)
            time.sleep(every)

    def pause(self, seconds):
        """A visitor who takes his time."""
        time.sleep(seconds)

    def request(self, target="/", method="GET", host="example.com", fields=(), body=None,
                version="1.1"):
        lines = ["%s %s HTTP/%s" % (method, target, version)]
        if host is not None:
            lines.append("Host: " + host)
        lines += fields
        if body is not None:
            lines.append("Content-Length: %d" % len(body))
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self

    def get(self, target="/", **kwargs):
        method = kwargs.get("method", "GET")
        self.request(target, **kwargs)
        return self.read_response(method)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            raise Closed(self.buffer, reset=True) from None
        if not data:
            raise Closed(self.buffer)
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self._more()
        part, self.buffer = self.buffer.split(mark, 1)
        return part

    def read(self, n):
        while len(self.buffer) < n:
            self._more()
        part, self.buffer = self.buffer[:n], self.buffer[n:]
        return part

    def read_some(self):
        if not self.buffer:
            self._more()
        part, self.buffer = self.buffer, b""
        return part

    def read_to_end(self):
        """All bytes to a clean end; a reset raises Closed."""
        try:
            while True:
                self._more()
        except Closed as e:
            if e.reset:
                raise
            part, self.buffer = self.buffer, b""
            return part

    def ended(self, timeout=None):
        """True when the other side has closed, whatever it sent before."""
        self.sock.settimeout(timeout or PATIENCE)
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def silent(self, seconds):
        """True when nothing comes, not even an end, for so long."""
        if self.buffer:
            return False
        self.sock.settimeout(seconds)
        try:
            self.buffer += self.sock.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(PATIENCE)

    def read_head(self):
        raw = self.read_until(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        version, status, reason = (lines[0].split(" ", 2) + [""])[:3]
        assert version in ("HTTP/1.1", "HTTP/1.0"), lines[0]
        fields = []
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            assert colon and name and name.strip() == name, "bad field line %r" % line
            assert "\r" not in line and "\n" not in line, "bad line end in %r" % line
            fields.append((name, value.strip(" \t")))
        return Response(version, int(status), reason, fields, raw + b"\r\n\r\n")

    def read_response(self, method="GET"):
        interim = []
        while True:
            r = self.read_head()
            if r.status < 200 and r.status != 101:
                interim.append(r)
                continue
            break
        r.interim = interim
        codings = r.all("Transfer-Encoding")
        lengths = r.all("Content-Length")
        assert not (codings and lengths), "both framings: %r" % r.raw_head
        if method == "HEAD" or r.status in (101, 204, 304):
            r.end = "none"
        elif codings:
            assert [c.lower() for c in codings] == ["chunked"], codings
            r.body, r.trailers = self.read_chunked()
            r.end = "chunked"
        elif lengths:
            assert len(lengths) == 1 and lengths[0].isdigit(), lengths
            r.body = self.read(int(lengths[0]))
            r.end = "length"
        else:
            r.body = self.read_to_end()
            r.end = "close"
        return r

    def read_chunk(self):
        size = int(self.read_until(b"\r\n").split(b";")[0], 16)
        if size == 0:
            return b""
        data = self.read(size)
        assert self.read(2) == b"\r\n"
        return data

    def read_chunked(self):
        body, trailers = [], []
        while True:
            data = self.read_chunk()
            if not data:
                break
            body.append(data)
        while True:
            line = self.read_until(b"\r\n").decode("latin-1")
            if not line:
                return b"".join(body), trailers
            name, _, value = line.partition(":")
            trailers.append((name, value.strip()))


def split(address):
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def exchange(address, data):
    """Sends bytes, half-closes nothing, and returns all that came until the end, or so far."""
    with Visitor(address) as v:
        v.send(data)
        got = b""
        end = time.monotonic() + PATIENCE
        with contextlib.suppress(Closed, OSError):
            while time.monotonic() < end:
                got += v.read_some()
        return got
