# SPDX-License-Identifier: MIT
"""A raw TCP server: it answers with exactly the bytes that a test says and keeps what it received.

A script is a function that gets one Connection; it runs in a thread per connection. It may use the
reading helpers, which are deliberately naive: what the tunnel sends is what is being judged, so
tests look at the bytes.
"""

import contextlib
import socket
import struct
import threading

from harness.wait import wait_until


class Connection:
    def __init__(self, sock, number, over):
        self.sock = sock
        self.over = over      # threading.Event: the test is
        self.number = number  # 0 is the first connection that the upstream saw
        self.received = b""   # everything, ever
        self.taken = 0        # how far the script has read it
        self.ended = False    # the other side sent FIN or RST

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return False
        self.received += data
        return True

    def read_until(self, mark):
        """Up to and including mark; None when the connection ends before it."""
        while True:
            at = self.received.find(mark, self.taken)
            if at >= 0:
                part = self.received[self.taken:at + len(mark)]
                self.taken = at + len(mark)
                return part
            if not self._more():
                return None

    def read(self, n):
        while len(self.received) - self.taken < n:
            if not self._more():
                return None
        part = self.received[self.taken:self.taken + n]
        self.taken += n
        return part

    def read_head(self):
        return self.read_until(b"\r\n\r\n")

    def read_request(self):
        """Head and body of one request, or None at the end of the connection."""
        head = self.read_head()
        if head is None:
            return None
        return head, self.read_body(head)

    def read_body(self, head):
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            body = b""
            while True:
                line = self.read_until(b"\r\n")
                if line is None:
                    return None
                size = int(line.split(b";")[0], 16)
                if size == 0:
                    while self.read_until(b"\r\n") not in (b"\r\n", None):
                        pass
                    return body
                body += self.read(size) or b""
                self.read(2)
        if b"\r\ncontent-length:" in lower:
            n = int(lower.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0])
            return self.read(n)
        return b""

    def read_to_end(self):
        while self._more():
            pass
        part = self.received[self.taken:]
        self.taken = len(self.received)
        return part

    def send(self, data):
        self.sock.sendall(data)

    def trickle(self, data, size=1, every=0.001):
        """Sends that in pieces of so many bytes, so many seconds apart."""
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(0, len(data), size):
            self.send(data[i:i + size])
            self.pause(every)

    def pause(self, seconds):
        """An upstream that takes its time; no longer than the test does."""
        self.over.wait(seconds)

    def finish(self):
        """Half-close: nothing more will be sent."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()  # and no shutdown() before, which would send FIN

    def close(self):
        # A close() while another thread sits in recv() would not end the connection.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def response(body=b"ok\n", status="200 OK", fields=()):
    if isinstance(body, str):
        body = body.encode()
    head = "HTTP/1.1 %s\r\nContent-Length: %d\r\n" % (status, len(body))
    return head.encode() + b"".join(f.encode() + b"\r\n" for f in fields) + b"\r\n" + body


def always(answer):
    """The script that answers every request with the same bytes and keeps the connection."""
    if not isinstance(answer, bytes) or not answer.startswith(b"HTTP/"):
        answer = response(answer)

    def script(conn):
        while conn.read_request() is not None:
            conn.send(answer)
    return script


def echo(conn):
    """Answers every request with its own body, if it came to its end."""
    while (request := conn.read_request()) and request[1] is not None:
        conn.send(response(request[1]))


def echo_bytes(conn):
    """Sends back whatever comes, to its end."""
    while data := conn.sock.recv(65536):
        conn.sock.sendall(data)
    conn.finish()


def numbered(conn):
    """Answers every request with the number of the connection it came by."""
    while conn.read_request() is not None:
        conn.send(response(b"%d" % conn.number))


class Upstream:
    """With `tls`, an ssl.SSLContext, what the script reads and sends is what stands inside TLS."""

    def __init__(self, script=None, host="127.0.0.1", port=0, tls=None):
        self.script = script or always(b"ok\n")
        self.tls = tls
        self.connections = []
        self.errors = []
        self.sock = socket.create_server(
            (host, port), backlog=512,
            family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.host = "[%s]" % host if ":" in host else host
        self.port = self.sock.getsockname()[1]
        self.url = "http%s://%s:%d" % ("s" if tls else "", self.host, self.port)
        self.address = "%s:%d" % (self.host, self.port)
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            conn = Connection(sock, len(self.connections), self.over)
            self.connections.append(conn)
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        try:
            if self.tls is not None:
                conn.sock = self.tls.wrap_socket(conn.sock, server_side=True)
            self.script(conn)
        except OSError:
            pass  # the tunnel may hang up whenever the test makes it
        except Exception as e:
            if not self.over.is_set():
                self.errors.append(e)
        finally:
            with contextlib.suppress(OSError):
                conn.close()

    def received(self):
        """All that ever came, connection after connection."""
        return b"".join(c.received for c in list(self.connections))

    def wait_connections(self, n):
        wait_until(lambda: len(self.connections) >= n, "%d connections at the upstream" % n)

    def wait_received(self, text):
        wait_until(lambda: text in self.received(), "%r at the upstream" % text)

    def stop(self):
        self.over.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        for conn in self.connections:
            with contextlib.suppress(OSError):
                conn.close()


class UnixUpstream(Upstream):
    """The same on a socket of the file system."""

    def __init__(self, path, script=None):
        self.script = script or always(b"ok\n")
        self.tls = None
        self.connections = []
        self.errors = []
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        self.sock.listen(128)
        self.url = "unix:%s" % path
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()


def head_of(upstream, n=0):
    """The lines of the first request head that the n-th connection brought."""
    return upstream.connections[n].received.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")


def fields_of(head):
    """[(lower-case name, value)] of such lines."""
    return [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in head[1:])]


def one(head, name):
    """The value of a field that must be there once."""
    values = [v for n, v in fields_of(head) if n == name]
    assert len(values) == 1, "%s: %r" % (name, values)
    return values[0]


class FullBacklog:
    """An upstream that neither accepts nor refuses, as if its machine were gone: nobody answers a
    SYN, for its queue is full and nobody accepts."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.url = "http://" + self.address
        self.queue = [socket.socket() for _ in range(4)]
        for s in self.queue:
            s.setblocking(False)
            s.connect_ex(self.sock.getsockname())

    def stop(self):
        for s in [self.sock, *self.queue]:
            s.close()


def refused_port():
    """A port of loopback that refuses: bound, so that nobody else gets it, but not listening."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock, sock.getsockname()[1]
