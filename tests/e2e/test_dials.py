"""Dials are shared between the services of a client: one whose upstream is dead leaves some to others."""

import socket

import pytest

from harness.visitor import split


class Dead:
    """An upstream whose machine is gone, as far as a dial can tell: nobody answers a SYN, for its queue is
    full and nobody accepts."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen(0)
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        self.queue = [socket.socket() for _ in range(4)]
        for s in self.queue:
            s.setblocking(False)
            s.connect_ex(split(self.address))

    def stop(self):
        for s in [self.sock, *self.queue]:
            s.close()


@pytest.mark.parametrize("limits", [
    [],                                            # all visitors have one address: 32 dials
    ["--max-dials=8"], ["--max-dials-per-visitor=4"]])
def test_a_dead_upstream_leaves_dials_to_the_others(tunnel, stage, limits):
    dead = [stage.add(Dead()) for _ in range(2)]
    server = tunnel.server()
    tunnel.client(server, ["dead%d.test=http://%s" % (i, d.address) for i, d in enumerate(dead)] +
                  ["good.test=" + tunnel.upstream("ok").url], "--dial-timeout=30s", *limits)
    waiting = [tunnel.visitor(server).request("/", host="dead%d.test" % (i % 2))
               for i in range(80)]
    for _ in range(3):
        assert tunnel.visitor(server).get(host="good.test").body == b"ok"
    assert all(v.silent(0.001) for v in waiting)
