"""TCP services: what happens to a connection happens to it as if there was no tunnel.

Tests with `way` run twice, once without a tunnel: what they say of TCP is so.
"""

import hashlib
import os
import re
import signal
import socket
import threading
import time

import pytest

from harness.netns import Namespace, join
from harness.public import free_port, free_ports, is_free, port_of, published
from harness.upstream import UnixUpstream, refused_port
from harness.visitor import Closed, Visitor
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


def echo(conn):
    while True:
        data = conn.sock.recv(65536)
        if not data:
            return conn.finish()
        conn.sock.sendall(data)


def tell(name):
    """An upstream that says who it is and then echoes."""
    def script(conn):
        conn.send(name)
        echo(conn)
    return script


def peek(sock):
    sock.recv(1, socket.MSG_PEEK)


# Ends


def test_both_directions_at_once(tunnel, way):
    v = way.visitor(tunnel.upstream(echo))
    sender = threading.Thread(target=lambda: (v.send(MUCH), v.finish()))
    sender.start()
    assert v.read_to_end() == MUCH
    sender.join()


def test_question_ended_then_a_long_answer(tunnel, way, saw):
    """nc -N: the end of the question is what the answer waits for."""
    def script(conn):
        saw.read(conn)
        time.sleep(0.3)
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
    time.sleep(0.3)
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
            time.sleep(0.1)
    v = way.visitor(tunnel.upstream(script))
    v.finish()
    assert v.read_to_end() == b"01234"


def test_reset_by_the_visitor(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(lambda conn: (conn.send(b"hello"), saw.read(conn))))
    assert v.read(5) == b"hello"
    v.send(b"then gone")
    time.sleep(0.1)
    v.reset()
    assert saw.wait() == "reset"


def test_reset_by_the_upstream(tunnel, way):
    def script(conn):
        conn.read(5)
        conn.send(b"before it")
        time.sleep(0.2)
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
        time.sleep(0.2)
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
    time.sleep(0.2)
    v.reset()
    assert saw.wait() == "reset"


def test_close_with_unread_data_is_a_reset_to_the_upstream(tunnel, way, saw):
    v = way.visitor(tunnel.upstream(lambda conn: (conn.send(b"x" * 65536), saw.read(conn))))
    peek(v.sock)
    time.sleep(0.1)
    v.sock.close()
    assert saw.wait() == "reset"


def test_close_with_unread_data_is_a_reset_to_the_visitor(tunnel, way):
    def script(conn):
        peek(conn.sock)
        time.sleep(0.1)
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
    time.sleep(0.2)
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


class Busy:
    """A listener whose queue is full: it answers the next SYN only after one is taken from it."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.others = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.sock.getsockname())
            self.others.append(s)

    def first_with_data(self):
        """Empties the queue; the data of the connection that sends some, to its end."""
        for s in self.others:
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

    def stop(self):
        self.sock.close()


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


# Which ports


def test_port_of_digits_and_port_option(tunnel):
    a, b = free_port(), free_port()
    one, two = tunnel.upstream(tell(b"one")), tunnel.upstream(tell(b"two"))
    server = tunnel.server()
    tunnel.client(server, "%d=tcp://%s" % (a, one.address))
    tunnel.client(server, "tcp://" + two.address, "--port=%d" % b)
    assert tunnel.visitor("127.0.0.1:%d" % a).read(3) == b"one"
    assert tunnel.visitor("127.0.0.1:%d" % b).read(3) == b"two"


def test_port_belongs_to_the_upstream_before_it(tunnel):
    a, b = free_ports(2)
    one, two = tunnel.upstream(tell(b"one")), tunnel.upstream(tell(b"two"))
    client = tunnel.client(tunnel.server(), [], "--upstream", "tcp://" + one.address,
                           "--port", str(a), "--upstream", "tcp://" + two.address,
                           "--port", str(b), services=2)
    assert port_of(client, one.address) == a and port_of(client, two.address) == b
    assert tunnel.visitor("127.0.0.1:%d" % a).read(3) == b"one"
    assert tunnel.visitor("127.0.0.1:%d" % b).read(3) == b"two"


def test_range(tunnel):
    public, local = free_ports(3), free_ports(3)
    for i, port in enumerate(local):
        tunnel.upstream(tell(b"%d" % i), port=port)
    tunnel.client(tunnel.server(), "%d-%d=tcp://127.0.0.1:%d-%d"
                  % (public[0], public[-1], local[0], local[-1]))
    for i, port in enumerate(public):
        assert tunnel.visitor("127.0.0.1:%d" % port).read(1) == b"%d" % i


def test_ports_as_inlets_has_them(tunnel):
    """The same ports on another machine, which the second address of loopback plays."""
    ports = [free_port(), free_port()]
    for i, port in enumerate(ports):
        tunnel.upstream(tell(b"%d" % i), host="127.0.0.2", port=port)
    tunnel.client(tunnel.server(), "127.0.0.2", "--ports=%d,%d" % tuple(ports), services=2)
    for i, port in enumerate(ports):
        assert tunnel.visitor("127.0.0.1:%d" % port).read(1) == b"%d" % i


def test_http_and_tcp_from_one_client(tunnel):
    web, raw = tunnel.upstream("web"), tunnel.upstream(tell(b"raw"))
    server = tunnel.server()
    client = tunnel.client(server, [web.url, "0=tcp://" + raw.address])
    assert tunnel.visitor(server).get().body == b"web"
    assert tunnel.visitor("127.0.0.1:%d" % port_of(client, raw.address)).read(3) == b"raw"


def test_unix_socket(tunnel, stage):
    app = stage.add(UnixUpstream(stage.path / "app.sock"))
    raw = stage.add(UnixUpstream(stage.path / "raw.sock", tell(b"raw")))
    server = tunnel.server()
    client = tunnel.client(server, [app.url, "0=" + raw.url])
    assert tunnel.visitor(server).get().body == b"ok\n"
    assert tunnel.visitor("127.0.0.1:%d" % port_of(client, "raw.sock")).read(3) == b"raw"
    assert b"Host: example.com\r\n" in app.received()


def refusal(client, port):
    """The client's line about that port."""
    def line():
        return [li for li in client.log().split("\n") if "does not publish" in li
                and re.search(r"\b%d\b" % port, li)]
    wait_until(line, "the refusal of port %d" % port)
    return line()[0]


def test_port_taken_by_another_session_is_named(tunnel):
    """What stands in the way is something else on that port: the same would be shared."""
    port = free_port()
    upstream = tunnel.upstream(tell(b"first"))
    server = tunnel.server("--auto-tls")
    tunnel.client(server, "%d=tcp://%s" % (port, upstream.address))
    holder = wait_until(lambda: re.search(r"session (\w+) publishes \S*.*%d" % port, server.log()),
                        "who has port %d in the server's log" % port)
    second = tunnel.client(server, "%d=tls+tcp://%s" % (port, upstream.address), wait=False)
    assert holder[1] in refusal(second, port)
    assert tunnel.visitor("127.0.0.1:%d" % port).read(5) == b"first"


def test_port_of_another_program(tunnel):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        client = tunnel.client(tunnel.server(), "%d=tcp://127.0.0.1:9" % port, wait=False)
        line = refusal(client, port)
        assert "in use" in line or "program" in line
        assert client.alive()


def test_port_below_1024_is_not_for_clients(tunnel):
    client = tunnel.client(tunnel.server(), "1023=tcp://127.0.0.1:9", wait=False)
    assert "--allow-ports" in refusal(client, 1023)


def test_allow_ports(tunnel):
    allowed, other = free_ports(2)
    server = tunnel.server("--allow-ports=%d" % allowed)
    upstream = tunnel.upstream(tell(b"here"))
    client = tunnel.client(server, ["%d=tcp://%s" % (p, upstream.address)
                                    for p in (allowed, other)], services=1)
    assert "--allow-ports" in refusal(client, other)
    assert tunnel.visitor("127.0.0.1:%d" % allowed).read(4) == b"here"
    assert is_free(other)


def test_64_ports_a_session(tunnel):
    """The one beyond is refused; the 64 work, and another session has 64 of its own."""
    public, local = free_ports(65), free_port()
    tunnel.upstream(tell(b"here"), port=local)
    server = tunnel.server()
    client = tunnel.client(server, ["%d=tcp://127.0.0.1:%d" % (p, local) for p in public],
                           services=64)
    wait_until(lambda: "does not publish" in client.log(), "a refusal")
    refused = [p for p in public if is_free(p)]
    assert len(refused) == 1 and len(published(client)) == 64
    assert "64" in refusal(client, refused[0])
    for port in public:
        if port not in refused:
            assert tunnel.visitor("127.0.0.1:%d" % port).read(4) == b"here"
    tunnel.client(server, "%d=tcp://127.0.0.1:%d" % (refused[0], local))


# Who has them, and until when


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_ports_are_free_a_second_after_the_session(tunnel, how):
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://" + tunnel.upstream(tell(b"here")).address)
    port = port_of(client)
    v = tunnel.visitor("127.0.0.1:%d" % port)
    assert v.read(4) == b"here"
    assert not is_free(port)
    if how == signal.SIGTERM:
        v.close()  # else it would wait for it to finish
    client.expected_status.add(-how)
    began = time.monotonic()
    client.send_signal(how)
    wait_until(lambda: is_free(port), "port %d to be free" % port)
    assert time.monotonic() - began < 1


def test_session_that_withdraws_leaves_the_port_to_others(tunnel):
    """And it can be had again at once, though connections of the first were just closed."""
    port = free_port()
    server = tunnel.server()
    for name in (b"one", b"two"):
        client = tunnel.client(server, "%d=tcp://%s" % (port, tunnel.upstream(tell(name)).address))
        with Visitor(("127.0.0.1", port)) as v:
            assert v.read(3) == name
        client.stop()


def test_sessions_share_a_port(tunnel):
    port = free_port()
    upstreams = [tunnel.upstream(tell(b"%d" % i)) for i in range(2)]
    server = tunnel.server()
    clients = [tunnel.client(server, "%d=tcp://%s" % (port, u.address)) for u in upstreams]
    held = [tunnel.visitor("127.0.0.1:%d" % port) for _ in range(20)]
    who = [v.read(1) for v in held]
    assert min(who.count(b"0"), who.count(b"1")) >= 5, who
    # One leaves; what the other one carries does not notice, and it takes all that come.
    clients[0].kill()
    for v, name in zip(held, who):
        if name == b"1":
            assert v.send(b"still?").read(6) == b"still?"
    server.log_contains(" ended: ")
    for _ in range(5):
        with Visitor(("127.0.0.1", port)) as v:
            assert v.read(1) == b"1"


def test_link_that_comes_back_has_its_port_again(tunnel):
    upstream = tunnel.upstream(tell(b"here"))
    server = tunnel.server()
    relay = tunnel.mitm(server)
    client = tunnel.client(relay.address, "0=tcp://" + upstream.address)
    port = port_of(client)
    relay.cut()
    relay.wait_pairs(2)
    wait_until(lambda: not is_free(port), "port %d to be open again" % port)
    with Visitor(("127.0.0.1", port)) as v:
        assert v.read(4) == b"here"


@pytest.mark.root
def test_client_that_vanishes_without_a_word(tunnel, stage):
    """No FIN, no RST: its machine is gone. 15 s of silence and it is dead (rule 26)."""
    home, away = stage.add(Namespace()), stage.add(Namespace())
    _, end = join(home, "10.214.0.1", away, "10.214.0.2")
    upstream = tunnel.upstream(tell(b"here"))
    server = home.move(tunnel.server(bind="10.214.0.1", start=False)).start()
    client = tunnel.client("10.214.0.1:%d" % server.port, "0=tcp://" + upstream.address,
                           start=False)
    away.move(client).start()
    port = port_of(client)

    def listening():
        return home.run("ss", "-Hltn", "sport = :%d" % port)
    assert listening()
    away.ip("link", "set", end, "down")
    began = time.monotonic()
    wait_until(lambda: not listening(), "the port to be closed", 30)
    assert time.monotonic() - began <= 16
    client.kill()
