# SPDX-License-Identifier: MIT
"""The public ports of TCP services: which ones a service gets, who has them, and until when."""

import re
import signal
import socket
import time

import pytest

from harness.netns import Namespace, join
from harness.public import free_port, free_ports, free_ranges, is_free, port_of, published
from harness.upstream import UnixUpstream, echo_bytes
from harness.visitor import Visitor
from harness.wait import wait_until


def tell(name):
    """An upstream that says who it is and then echoes."""
    def script(conn):
        conn.send(name)
        echo_bytes(conn)
    return script


# Which ports


def test_port_of_digits_and_port_option(tunnel):
    a, b = free_ports(2)
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
    public, local = free_ranges(3)
    for i, port in enumerate(local):
        tunnel.upstream(tell(b"%d" % i), port=port)
    tunnel.client(tunnel.server(), "%d-%d=tcp://127.0.0.1:%d-%d"
                  % (public[0], public[-1], local[0], local[-1]))
    for i, port in enumerate(public):
        assert tunnel.visitor("127.0.0.1:%d" % port).read(1) == b"%d" % i


def test_ports_as_inlets_has_them(tunnel):
    """The same ports on another machine, which the second address of loopback plays."""
    ports = free_ports(2)
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
    *public, local = free_ports(66)
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
    held, who = [], []
    for _ in range(20):  # one by one: what is accepted in one turn goes by what the sessions had before
        held.append(tunnel.visitor("127.0.0.1:%d" % port))
        who.append(held[-1].read(1))
    assert min(who.count(b"0"), who.count(b"1")) >= 5, who
    # One leaves; what the other one carries does not notice, and it takes all that come.
    clients[0].kill()
    for v, name in zip(held, who, strict=True):
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
