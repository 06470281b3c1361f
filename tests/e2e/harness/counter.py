# SPDX-License-Identifier: MIT
"""A web program that counts its visits in Redis, with connections that it keeps, as such programs do."""

import http.server
import socket
import threading

import redis

from harness.wait import PATIENCE


class Connection:
    """One connection, which speaks as much of RESP as a counter takes."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.lines = self.sock.makefile("rb")

    def send(self, *words):
        self.sock.sendall(b"*%d\r\n" % len(words) + b"".join(
            b"$%d\r\n%s\r\n" % (len(w), w) for w in (str(w).encode() for w in words)))
        return self

    def answer(self):
        """A line of it; ConnectionError when there is none any more."""
        line = self.lines.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the connection ended")
        return line[:-2]

    def ask(self, *words):
        return self.send(*words).answer()

    def ended(self):
        """Waits for its end, and says whether it was a reset."""
        try:
            return self.lines.readline() and None
        except ConnectionResetError:
            return True

    def close(self):
        self.sock.close()


class Counter:
    """GET / says the number of the visit; 503 with the reason when Redis is not there."""

    def __init__(self, redis_port):
        counter = redis.Redis("127.0.0.1", redis_port, socket_timeout=PATIENCE)

        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    status, text = 200, "visit %d\n" % counter.incr("visits")
                except redis.ConnectionError:
                    status, text = 503, "no counter\n"
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass
        self.counter = counter
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.counter.close()
