# SPDX-License-Identifier: MIT
"""A server's end of an HTTP/2 connection whose every frame a test may make by hand, for a script of harness.upstream."""

import collections

import h2.config
import h2.connection
import h2.events
import h2.exceptions


class Http2Session:
    """Windows are given back as bodies come, unless `greedy` is off."""

    def __init__(self, conn, greedy=True):
        self.conn = conn
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8",
                                           validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.greedy = greedy
        self.asked = collections.deque()
        self.bodies = {}
        self.trailers = {}
        self.whole = set()
        self.resets = {}
        self.h2.initiate_connection()
        self.flush()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.conn.send(data)

    def take(self, event):
        stream = getattr(event, "stream_id", None)
        if isinstance(event, h2.events.RequestReceived):
            self.bodies[stream] = b""
            self.asked.append((stream, event.headers))
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[stream] += event.data
            if self.greedy and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.TrailersReceived):
            self.trailers[stream] = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            self.whole.add(stream)
        elif isinstance(event, h2.events.StreamReset):
            self.resets[stream] = event.error_code

    def hear(self):
        """Waits for something to come. False: the connection is over."""
        data = self.conn.sock.recv(65536)
        self.conn.received += data
        for event in self.h2.receive_data(data) if data else ():
            self.take(event)
        self.flush()
        return bool(data)

    def request(self):
        """(stream, fields) of the next request; None: the connection is over."""
        while not self.asked:
            if not self.hear():
                return None
        return self.asked.popleft()

    def body(self, stream):
        """The request's, when it is whole."""
        while stream not in self.whole and self.hear():
            pass
        return self.bodies[stream]

    def wait_reset(self, stream):
        while stream not in self.resets and self.hear():
            pass
        return self.resets.get(stream)

    def head(self, stream, status=200, fields=(), end=False):
        self.h2.send_headers(stream, [(":status", str(status)), *fields], end_stream=end)
        self.flush()

    def send(self, stream, body, end=False):
        """All of it, as the windows allow."""
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if not room:
                if not self.hear():
                    return
                continue
            self.h2.send_data(stream, body[:room])
            body = body[room:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
            self.flush()

    def end(self, stream, trailers):
        self.h2.send_headers(stream, trailers, end_stream=True)
        self.flush()

    def reset(self, stream, code):
        self.h2.reset_stream(stream, code)
        self.flush()

    def goaway(self, last, code=0):
        self.conn.send(b"\0\0\x08\x07\0\0\0\0\0" + last.to_bytes(4, "big") + code.to_bytes(4, "big"))


def served(answer, **kwargs):
    """A script whose every connection is HTTP/2: `answer(session, stream, fields)` for each request."""
    def script(conn):
        session = Http2Session(conn, **kwargs)
        while (request := session.request()) is not None:
            answer(session, *request)
    return script


def echo(session, stream, fields):
    """The body comes back, with what was seen of the request."""
    body = session.body(stream)
    session.head(stream, 200, [("x-path", dict(fields)[":path"])])
    session.send(stream, body)
    session.end(stream, [("x-sum", str(len(body))), *session.trailers.get(stream, ())])
