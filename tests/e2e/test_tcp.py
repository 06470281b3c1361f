# SPDX-License-Identifier: MIT
"""TCP services: what happens to a connection happens to it as if there was no tunnel.

Tests with `way` run twice, once without a tunnel: what they say of TCP is so.
"""

import hashlib
import os
import socket
import threading

import pytest

from harness.public import port_of
from harness.upstream import FullBacklog, echo_bytes, refused_port
from harness.visitor import Closed
from harness.wait import PATIENCE, wait_until

MUCH = os.urandom(1 << 16) * 64  # 4 MiB: more than both windows and the sockets' buffers hold


class Saw:
    """How the connection ended at the upstream."""

    def __init__(self):
        self.data = b""
        self.end = None
        self.done = threading.Event()

    def read(self, conn):
        """To the end: "eof" or "reset"."""
        try:
            while True:
                data = conn.sock.recv(65536)
                if not data:
                    self.end = "eof"
                    break
                self.data += data
        except ConnectionResetError:
            self.end = "reset"
        self.done.set()

    def wait(self):
        assert self.done.wait(PATIENCE), "the connection did not end at the upstream"
        return self.end


@pytest.fixture
def saw():
    return Saw()


def peek(sock):
    sock.recv(1, socket.MSG_PEEK)


# Ends


def test_both_directions_at_once(tunnel, way):
    v = way.visitor(tunnel.upstream(echo_bytes))
    sender = threading.Thread(target=lambda: (v.send(MUCH), v.finish()))
    sender.start()
    assert v.read_to_end() == MUCH
    sender.join()


def test_question_ended_then_a_long_answer(tunnel, way, saw):
    """nc -N: the end of the question is what the answer waits for."""
    def script(conn):
        saw.read(conn)
        conn.pause(0.3)
        conn.send(MUCH)
    v = way.visitor(tunnel.upstream(script))
    v.send(b"question").finish()
    assert v.read_to_end() == MUCH
    assert saw.data == b"question" and saw.end == "eof"


def test_answer_ended_then_a_long_question(tunnel, way, saw):
    def script(conn):
        conn.send(b"enough")
        conn.finish()
        saw.read(conn)
    v = way.visitor(tunnel.upstream(script))
    assert v.read_to_end() == b"enough"
    v.pause(0.3)
    v.send(MUCH)
    v.finish()
    assert saw.wait() == "eof"
    assert saw.data == MUCH


def test_half_closed_for_a_while_and_both_still_talk(tunnel, way):
    """The direction that is left carries pieces back to back and apart alike."""
    def script(conn):
        conn.read_to_end()
        for i in range(5):
            conn.send(b"%d" % i)
            conn.pause(0.1)
    v = way.visitor(tunnel.upstream(script))
    v.finish()
    assert v.read_to_end() == b"01234"


def test_reset_by_the_visitor(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(lambda conn: (conn.send(b"hello"), saw.read(conn))))
    assert v.read(5) == b"hello"
    v.send(b"then gone")
    wait_until(lambda: saw.data == b"then gone", "the last bytes")
    v.reset()
    assert saw.wait() == "reset"


def test_reset_by_the_upstream(tunnel, way):
    def script(conn):
        conn.read(5)
        conn.send(b"before it")
        conn.pause(0.2)
        conn.reset()
    v = way.visitor(tunnel.upstream(script))
    v.send(b"hello")
    assert v.read(9) == b"before it"
    with pytest.raises(Closed) as e:
        v.read_to_end()
    assert e.value.reset


def test_reset_by_the_upstream_behind_the_visitors_end(tunnel, way):
    def script(conn):
        conn.read_to_end()
        conn.pause(0.2)
        conn.reset()
    v = way.visitor(tunnel.upstream(script))
    v.send(b"x").finish()
    with pytest.raises(Closed) as e:
        v.read_to_end()
    assert e.value.reset


def test_reset_by_the_visitor_behind_the_upstreams_end(tunnel, way, saw):
    def script(conn):
        conn.finish()
        saw.read(conn)
    v = way.visitor(tunnel.upstream(script))
    assert v.read_to_end() == b""
    v.send(b"x")
    wait_until(lambda: saw.data == b"x", "the byte")
    v.reset()
    assert saw.wait() == "reset"


def test_close_with_unread_data_is_a_reset_to_the_upstream(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(lambda conn: (conn.send(b"x" * 65536), saw.read(conn))))
    peek(v.sock)
    v.pause(0.1)
    v.sock.close()
    assert saw.wait() == "reset"


def test_close_with_unread_data_is_a_reset_to_the_visitor(tunnel, way):
    def script(conn):
        peek(conn.sock)
        conn.pause(0.1)
        conn.sock.close()
    v = way.visitor(tunnel.upstream(script))
    v.send(b"x" * 65536)
    with pytest.raises(Closed) as e:
        v.read_to_end()
    assert e.value.reset


def test_close_right_behind_the_data_loses_none(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(saw.read))
    v.send(MUCH)
    v.sock.close()
    assert saw.wait() == "eof"
    assert hashlib.sha256(saw.data).digest() == hashlib.sha256(MUCH).digest()


def test_close_right_behind_the_answer_loses_none(tunnel, way):
    v = way.visitor(tunnel.upstream(lambda conn: (conn.send(MUCH), conn.sock.close())))
    v.pause(0.2)
    assert v.read_to_end() == MUCH


# Beginnings


def test_zero_byte_connection_arrives_and_ends(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(saw.read))
    v.sock.close()
    assert saw.wait() == "eof" and saw.data == b""


def test_nothing_is_said_by_either(tunnel, way):
    upstream = tunnel.upstream(lambda conn: conn.sock.close())
    assert way.visitor(upstream).read_to_end() == b""
    assert len(upstream.connections) == 1


def test_server_speaks_first(tunnel, way):
    def script(conn):
        conn.send(b"220 mail.example ESMTP\r\n")
        assert conn.read_until(b"\r\n") == b"QUIT\r\n"
        conn.send(b"221 bye\r\n")
    v = way.visitor(tunnel.upstream(script))
    assert v.read_until(b"\r\n") == b"220 mail.example ESMTP"
    v.send(b"QUIT\r\n")
    assert v.read_to_end() == b"221 bye\r\n"


class Busy(FullBacklog):
    """It answers the next SYN only after one is taken from its queue."""

    def first_with_data(self):
        """Empties the queue; the data of the connection that sends some, to its end."""
        for s in self.queue:
            s.close()
        self.sock.settimeout(PATIENCE)
        while True:
            conn, _ = self.sock.accept()
            got = b""
            while True:
                data = conn.recv(65536)
                if not data:
                    break
                got += data
            if got:
                conn.close()
                return got


def test_data_before_the_upstream_is_reached(tunnel, stage, way):
    """A SYN that is answered a second later: what was sent meanwhile waits and is complete."""
    upstream = stage.add(Busy())
    got = []
    reader = threading.Timer(0.3, lambda: got.append(upstream.first_with_data()))
    reader.start()
    v = way.visitor(upstream)
    v.send(b"first " * 1000)
    v.send(b"last")
    v.finish()
    assert v.read_to_end() == b""
    reader.join()
    assert got == [b"first " * 1000 + b"last"]


def test_upstream_that_refuses_is_a_reset(tunnel):
    sock, port = refused_port()
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://127.0.0.1:%d" % port)
    port = port_of(client)
    with pytest.raises((Closed, OSError)):
        # Already here, if the upstream's answer is faster than the visitor.
        v = tunnel.visitor("127.0.0.1:%d" % port)
        v.send(b"anyone?")
        assert v.read_to_end() != b"", "a clean end looks like an answer"
    client.log_contains("cannot be reached")
    sock.close()


def test_link_lost_is_a_reset(tunnel, saw):
    """Rule 24: half a file never passes for a whole one."""
    upstream = tunnel.upstream(lambda conn: (conn.send(b"half"), saw.read(conn)))
    server = tunnel.server()
    relay = tunnel.mitm(server)
    client = tunnel.client(relay.address, "0=tcp://" + upstream.address)
    v = tunnel.visitor("127.0.0.1:%d" % port_of(client))
    assert v.read(4) == b"half"
    relay.cut()
    with pytest.raises(Closed) as e:
        v.read_to_end()
    assert e.value.reset
    assert saw.wait() == "reset"
