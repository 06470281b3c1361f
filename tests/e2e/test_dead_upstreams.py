# SPDX-License-Identifier: MIT
"""Upstreams that cannot be reached cost the others nothing: dials are shared between the services
of a client, and a session whose upstream refuses is passed over (rule 31)."""

import signal
import threading
import time

import pytest

from harness.upstream import FullBacklog, refused_port, response
from harness.wait import wait_until


@pytest.mark.parametrize("limits", [
    [],                                            # all visitors have one address: 32 dials
    ["--max-dials=8"], ["--max-dials-per-visitor=4"]])
def test_a_dead_upstream_leaves_dials_to_the_others(tunnel, stage, limits):
    dead = [stage.add(FullBacklog()) for _ in range(2)]
    server = tunnel.server()
    tunnel.client(server, ["dead%d.test=%s" % (i, d.url) for i, d in enumerate(dead)] +
                  ["good.test=" + tunnel.upstream("ok").url], "--dial-timeout=30s", *limits)
    waiting = [tunnel.visitor(server).request("/", host="dead%d.test" % (i % 2))
               for i in range(80)]
    for _ in range(3):
        assert tunnel.visitor(server).get(host="good.test").body == b"ok"
    assert all(v.silent(0.001) for v in waiting)


@pytest.mark.regression
def test_burst_of_failures_is_one_failure(tunnel):
    """Rule 31: 1 s, doubling. A dozen dials that failed together made it 30 s at once."""
    served = []

    def answer(name):
        def script(conn):
            while conn.read_request() is not None:
                served.append(name)
                conn.pause(0.02)
                conn.send(response(name))
        return script

    server = tunnel.server("--workers=1")  # which spreads them evenly
    sock, port = refused_port()
    dead = tunnel.client(server, "http://127.0.0.1:%d" % port)
    tunnel.client(server, tunnel.upstream(answer("good")))
    dead.send_signal(signal.SIGSTOP)  # so that its dials fail in one go
    visitors = [tunnel.visitor(server) for _ in range(24)]
    for v in visitors:
        v.request()
    wait_until(lambda: len(served) >= 12, "the answers of the other")
    dead.send_signal(signal.SIGCONT)
    assert {v.read_response().body for v in visitors} == {b"good"}

    sock.listen(64)
    back = tunnel.upstream(answer("back"))
    back.sock.close()
    back.sock = sock
    threading.Thread(target=back._accept, daemon=True).start()
    end = time.monotonic() + 4
    while "back" not in served and time.monotonic() < end:
        for v in visitors[:4]:
            v.request()
        for v in visitors[:4]:
            assert v.read_response().status == 200
    assert "back" in served


def test_a_dead_upstream_does_not_stop_the_others(tunnel):
    """Dials that hang (a full backlog) leave every other service alone."""
    hung = tunnel.stage.add(FullBacklog())
    server = tunnel.server()
    tunnel.client(server, ["hung.example=" + hung.url,
                           tunnel.upstream(response("fine")).url], "--dial-timeout=500ms")
    waiting = [tunnel.visitor(server).request(host="hung.example") for _ in range(20)]
    for _ in range(20):
        assert tunnel.visitor(server).get(host="fine.example").text() == "fine"
    r = waiting[0].read_response()
    assert r.status in (502, 504)
