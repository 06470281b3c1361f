# SPDX-License-Identifier: MIT
"""Where the exit node listens: address families, several ports, a control port of its own."""


from harness.tunnel import PUBLISHED
from harness.wait import quiet_for


def test_ipv6(tunnel):
    upstream = tunnel.upstream("six\n", host="::1")
    server = tunnel.server(bind="::1")
    tunnel.client("[::1]:%d" % server.port, upstream)
    assert tunnel.curl("http://[::1]:%d/" % server.port) == b"six\n"


def test_both_families_by_default(tunnel, stage):
    upstream = tunnel.upstream("both\n")
    server = tunnel.server()
    server.stop()
    server.argv = [a for a in server.argv if not a.startswith("--bind-addr")]
    server.start()
    tunnel.client("localhost:%d" % server.port, upstream)
    assert tunnel.curl("http://127.0.0.1:%d/" % server.port) == b"both\n"
    assert tunnel.curl("http://[::1]:%d/" % server.port) == b"both\n"


def test_several_ports_answer_alike(tunnel):
    server = tunnel.server(port="0,0")
    tunnel.client(server, tunnel.upstream("ok\n"))
    ports = {row[1] for row in server.ready}
    assert len(ports) == 2
    for port in ports:
        assert tunnel.curl("http://127.0.0.1:%d/" % port) == b"ok\n"


def test_control_port_of_its_own(tunnel):
    server = tunnel.server("--control-port=0")
    assert len(server.ready) == 2
    data, control = server.port_for("visitors"), server.port_for("clients")
    client = tunnel.client("127.0.0.1:%d" % data, tunnel.upstream("ok\n"), wait=False)
    # Rule 3: no request on another port is a link.
    quiet_for(0.5, lambda: PUBLISHED in client.log(), "a link at the visitors' port")
    client.stop()
    tunnel.client("127.0.0.1:%d" % control, tunnel.upstream("ok\n"))
    assert tunnel.curl("http://127.0.0.1:%d/" % data) == b"ok\n"
