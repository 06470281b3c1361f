# SPDX-License-Identifier: MIT
"""Visitors by HTTP/2: one whose every frame a test may make by hand, and h2spec."""

import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from harness.visitor import split
from harness.wait import PATIENCE

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tunnel-h2spec"
AUTHORITY = "a.example"


class Answer:
    def __init__(self):
        self.status = None
        self.fields = []
        self.body = b""
        self.trailers = []
        self.interim = []
        self.reset = None  # its code; None: it was not
        self.ended = False

    @property
    def over(self):
        return self.ended or self.reset is not None


class Http2Visitor:
    """What comes is read when a test waits for it. With `greedy` off windows are not given back."""

    def __init__(self, server, context=None, greedy=True, window=None, receive_buffer=None):
        host, port = split(server if isinstance(server, str) else server.address)
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE)
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            context.set_alpn_protocols(["h2"])
            self.sock = context.wrap_socket(self.sock, server_hostname=AUTHORITY)
            assert self.sock.selected_alpn_protocol() == "h2"
        config = h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
            normalize_outbound_headers=False, validate_inbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.local_settings[h2.settings.SettingCodes.ENABLE_PUSH] = 0
        if window is not None:
            self.h2.local_settings[h2.settings.SettingCodes.INITIAL_WINDOW_SIZE] = window
        self.h2.initiate_connection()
        self.greedy = greedy
        self.answers = {}
        self.goaway = None
        self.closed = False
        self.came = b""
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def fields(self, method="GET", path="/", authority=AUTHORITY, more=()):
        return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path), *more]

    def begin(self, fields, end=False):
        """A request's head, which goes out with what follows; its stream's id."""
        stream = self.h2.get_next_available_stream_id()
        self.answers[stream] = Answer()
        self.h2.send_headers(stream, fields, end_stream=end)
        return stream

    def ask(self, method="GET", path="/", fields=None, end=True, body=None, more=(), authority=AUTHORITY):
        """Begins a request, with its body if one is given; its stream's id."""
        stream = self.begin(fields or self.fields(method, path, authority, more), end=end and body is None)
        if body is not None:
            self.send(stream, body, end)
        self.flush()
        return stream

    def send(self, stream, body, end=False):
        """All of it, as the windows allow."""
        while body:
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if not room:
                self.hear()
                continue
            self.h2.send_data(stream, body[:room])
            body = body[room:]
            self.flush()
        if end:
            self.h2.end_stream(stream)
        self.flush()

    def take(self, event):
        answer = self.answers.get(getattr(event, "stream_id", None))
        if answer is None:
            pass
        elif isinstance(event, h2.events.InformationalResponseReceived):
            answer.interim.append(dict(event.headers))
        elif isinstance(event, h2.events.ResponseReceived):
            answer.fields = event.headers
            answer.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            answer.body += event.data
            if self.greedy and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            answer.trailers = event.headers
        elif isinstance(event, h2.events.StreamEnded):
            answer.ended = True
        elif isinstance(event, h2.events.StreamReset):
            answer.reset = event.error_code

    def hear(self):
        """Waits for something to come. False: the connection is over."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        if not data:
            self.closed = True
            return False
        self.came += data
        while len(self.came) >= 9 and len(self.came) >= 9 + int.from_bytes(self.came[:3], "big"):
            size = 9 + int.from_bytes(self.came[:3], "big")
            frame, self.came = self.came[:size], self.came[size:]
            if frame[3] == 7:  # GOAWAY, behind which h2 takes no frame, though streams go on
                self.goaway = int.from_bytes(frame[13:17], "big")
                continue
            for event in self.h2.receive_data(frame):
                self.take(event)
        self.flush()
        return True

    def answer(self, stream):
        """The whole of it: its end, or its reset."""
        while not self.answers[stream].over:
            assert self.hear(), "the connection ended before the answer did"
        return self.answers[stream]

    def get(self, *args, **kwargs):
        return self.answer(self.ask(*args, **kwargs))

    def hear_to_end(self):
        while not self.closed:
            self.hear()


def h2spec():
    """Its program; None: there is none (scripts/packages.sh builds it)."""
    own = CACHE / "h2spec"
    return str(own) if own.exists() else shutil.which("h2spec")


def run_h2spec(server, *options):
    """(tests, those that failed by their names, what it printed)"""
    host, port = split(server.address)
    p = subprocess.run([h2spec(), "http2", "generic", "hpack", "-h", host, "-p", str(port), "-o", "5", *options],
                       capture_output=True, text=True, timeout=300)
    text = re.sub("\x1b\\[[0-9;]*m", "", p.stdout)
    total, passed = map(int, re.search(r"(\d+) tests, (\d+) passed", text).groups())
    failed = [line.split(": ", 1)[1] for line in text.split("Failures:")[-1].splitlines() if "\N{MULTIPLICATION SIGN}" in line]
    assert total - passed == len(failed), text
    return total, failed, text
