# SPDX-License-Identifier: MIT
"""What a TCP service may be made to hold: silent connections end, and those beyond a limit wait in
order."""

import signal
import socket
import struct
import threading
import time

import pytest

from harness import wire
from harness.public import port_of
from harness.upstream import UnixUpstream
from harness.wait import quiet_for, wait_until


def hold(conn):
    """Says its number and is silent then."""
    conn.send(b"%d\n" % conn.number)
    conn.read_to_end()


class Caller:
    """A connection to a service, of which a test asks what came so far."""

    def __init__(self, address, source="127.0.0.1", context=None, name=None):
        self.sock = socket.create_connection(address, 10, (source, 0))
        if context:
            self.sock = context.wrap_socket(self.sock, server_hostname=name,
                                            suppress_ragged_eofs=False)
        self.came = b""
        self.end = None  # "eof" or "reset"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        self.sock.settimeout(None)
        try:
            while True:
                data = self.sock.recv(65536)
                if not data:
                    self.end = "eof"
                    return
                self.came += data
        except OSError:
            self.end = "reset"

    def wait(self):
        wait_until(lambda: self.came, "the upstream to speak")
        return self

    def wait_end(self):
        wait_until(lambda: self.end, "the connection to end")
        return self.end

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.shutdown(socket.SHUT_RD)  # wakes the reader, whose call keeps the socket
        self.sock.close()

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class Service:
    """One service, however visitors reach it."""

    def __init__(self, tunnel, kind, *options, script=hold, server_options=(), client_options=()):
        self.context = self.name = None
        ca = tunnel.ca() if kind in ("tls", "sni") else None
        if ca:
            server_options = [*server_options, *ca.issue("exit.test").options()]
            self.context, self.name = ca.context(), "exit.test" if kind == "tls" else "a.test"
        server = tunnel.server(*server_options)
        if kind == "unix":
            self.upstream = tunnel.stage.add(UnixUpstream(tunnel.path / "s", script))
            url = "0=" + self.upstream.url
        elif kind == "sni":
            context = ca.issue("a.test").server_context()
            self.upstream = tunnel.upstream(script, tls=context)
            url = "a.test=sni+tcp://" + self.upstream.address
        else:
            self.upstream = tunnel.upstream(script)
            url = "0=%s://%s" % ("tls+tcp" if kind == "tls" else "tcp", self.upstream.address)
        self.client = tunnel.client(server, url, *options, *client_options)
        self.server = server
        port = server.port if kind == "sni" else port_of(self.client)
        self.address = "127.0.0.1", port

    def call(self, source="127.0.0.1"):
        return Caller(self.address, source, self.context, self.name)

    def seen(self):
        return len(self.upstream.connections)


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls", "sni"])
def test_a_silent_connection_ends(tunnel, kind):
    service = Service(tunnel, kind, "--tcp-idle=1s")
    began = time.monotonic()
    caller = service.call().wait()
    assert caller.wait_end() == "reset"
    assert time.monotonic() - began > 0.9
    wait_until(lambda: service.upstream.connections[0].ended, "the upstream to hear of it")
    wait_until(lambda: "why=timeout" in service.server.log(), "the access log to say why")


def test_bytes_in_either_direction_keep_it(tunnel):
    def talk(conn):
        conn.send(b"t")
        while not conn.ended:
            conn.send(b"t")
            conn.pause(0.3)
    talking = Service(tunnel, "tcp", "--tcp-idle=1s", script=talk)
    listening = Service(tunnel, "tcp", "--tcp-idle=1s")
    silent = listening.call().wait()
    heard, speaker = talking.call().wait(), listening.call().wait()

    def speak():
        speaker.sock.send(b"x")
        quiet_for(0.3, lambda: heard.end or speaker.end, "the end of a connection that carries bytes")
    while not silent.end:
        speak()
    for _ in range(3):
        speak()
    heard.close()


def test_each_service_has_its_own_time(tunnel):
    """Also none at all; and it may be given anew without publishing anew."""
    up = tunnel.upstream(hold)
    server = tunnel.server()
    config = tunnel.stage.file("client.yaml", """
services:
  - {upstream: "0=tcp://%s", tcp-idle: 1s}
  - {upstream: "0=tcp://%s", tcp-idle: 0}
""" % (up.address, up.address))
    client = tunnel.client(server, [], "--config=%s" % config, wait=False)
    wait_until(lambda: client.log().count("is published at") == 2, "both services")
    ports = [int(line.rsplit(":", 1)[1]) for line in client.log().splitlines()
             if "is published at" in line]
    callers = [Caller(("127.0.0.1", p)).wait() for p in ports]
    assert callers[0].wait_end() == "reset"
    assert callers[1].end is None
    config.write_text(config.read_text().replace("tcp-idle: 0", "tcp-idle: 1s"))
    client.send_signal(signal.SIGHUP)
    wait_until(lambda: "reloaded; services added: 0, removed: 0, unchanged: 2" in client.log(),
               "the client to read it again")
    later = Caller(("127.0.0.1", ports[1])).wait()
    assert later.wait_end() == "reset"
    assert callers[1].end is None


def test_a_silent_websocket_ends(tunnel):
    def script(conn):
        conn.read_head()
        conn.send(wire.SWITCHING + b"hello")
        conn.read_to_end()
    up = tunnel.upstream(script)
    server = tunnel.server()
    tunnel.client(server, up, "--tcp-idle=1s")
    caller = Caller(("127.0.0.1", server.port))
    caller.sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                        b"Connection: Upgrade\r\n\r\n")
    wait_until(lambda: caller.came.endswith(b"hello"), "the WebSocket")
    assert caller.wait_end() == "reset"


@pytest.mark.parametrize("links", [1, 3])
def test_places_go_to_who_waits_longest(tunnel, links):
    """However many workers and links there are, their sum counts."""
    service = Service(tunnel, "tcp", "--max-connections=3", "--queue-timeout=60s",
                      server_options=["--workers=3"], client_options=["--links=%d" % links])
    if links > 1:
        service.server.wait_links(links)
    inside = [service.call() for _ in range(3)]
    for caller in inside:
        caller.wait()
    waiting = []
    for i in range(4):
        waiting.append(service.call("127.0.0.%d" % (i + 2)))
        # Accepted in this order: one worker passes them on in order, several need not.
        quiet_for(0.4, lambda: service.seen() > 3, "a fourth connection at the upstream")
    # One that gives up takes nobody's place.
    waiting.pop(1).reset()
    for i, caller in enumerate(inside):
        caller.close()
        waiting[i].wait()
        assert waiting[i].came == b"%d\n" % (3 + i)
        assert all(not w.came for w in waiting[i + 1:])


def test_visitors_take_turns(tunnel):
    """One who asks for much neither gets more than his share, nor stands before the others."""
    service = Service(tunnel, "tcp", "--max-connections=3", "--max-connections-per-visitor=2",
                      "--queue-timeout=60s")
    greedy = [service.call() for _ in range(6)]
    wait_until(lambda: sum(bool(c.came) for c in greedy) == 2, "two of them to be served")
    other = service.call("127.0.0.2").wait()
    third = service.call("127.0.0.3")
    # It has to stand in the queue before a place gets free.
    quiet_for(0.3, lambda: third.came or service.seen() > 3, "a fourth connection at the upstream")
    next(c for c in greedy if c.came).close()
    third.wait()
    other.close()
    wait_until(lambda: sum(bool(c.came) for c in greedy) == 3, "his next one to be served")


def test_nobody_waits_for_ever(tunnel):
    service = Service(tunnel, "tcp", "--max-connections=1", "--queue-timeout=300ms")
    service.call().wait()
    late = [service.call() for _ in range(3)]
    assert [c.wait_end() for c in late] == ["reset"] * 3
    assert service.seen() == 1
    service.client.log_contains("rejected visitor ")
    assert service.client.log().count("rejected visitor ") == 1
    service.client.log_contains("--max-connections")
    wait_until(lambda: service.server.log().count("why=busy") == 3, "the access log to say why")


def test_silence_makes_room(tunnel):
    """What the limits are for: connections that hold every place and say nothing."""
    service = Service(tunnel, "tcp", "--max-connections=20", "--tcp-idle=1s",
                      "--queue-timeout=60s")
    for _ in range(60):
        service.call("127.0.0.9")
    late = service.call("127.0.0.2")
    late.wait()
    assert service.seen() > 20


def test_limits_that_make_no_sense_are_named(tunnel):
    for option, upstream, text in (
            ("--max-connections=5", "http://127.0.0.1:1", "--max-connections is for TCP"),
            ("--tcp-idle=5", "22=tcp://127.0.0.1:1", "--tcp-idle 5 is no time"),
            ("--tcp-idle=5m", "53=udp://127.0.0.1:1", "--tcp-idle is not for UDP")):
        status, _, said = tunnel.run("client", "--remote=127.0.0.1:1", "--upstream=" + upstream,
                                     option, "--token=0123456789abcdef")
        assert status == 2 and text in said
