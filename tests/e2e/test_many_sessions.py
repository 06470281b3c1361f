# SPDX-License-Identifier: MIT
"""Sessions that come and go: nothing of them is left, neither what is counted, nor what is shown, nor memory."""

import contextlib
import os
import signal

import pytest

from harness.admin import ask
from harness.metrics import scrape
from harness.noise import DATA, FIN, Link, frame
from harness.programs import TOKEN
from harness.upstream import response
from harness.wait import SANITIZED, wait_until

ROUTES = 20  # --metrics-routes: of more names the others are one
LOOK = 50    # sessions between two looks of an operator
# Bytes of resident memory for each session: what malloc() rounds differs between two times, and a list of a session's
# would be more.
SLACK = 1 << 20


def come_and_go(server, i):
    """A session with names of its own, of which one serves a visitor; it ends by a GOAWAY, or by its socket alone."""
    with Link(server.address) as link:
        link.up(TOKEN)
        host = "s%d.example.org" % i
        assert link.publish(host)["type"] == "granted"
        assert link.publish("also-%s" % host, service=2)["type"] == "granted"
        if i % 5 == 0:
            visit(server, link, host)
        if i % 3:
            return
        link.v.reset()


def visit(server, link, host):
    with contextlib.closing(server.visitor()) as visitor:
        visitor.request("/%s" % host, host=host)
        stream, _ = link.read_stream(enough=b"\r\n\r\n")
        answer = response("served")
        link.send(frame(DATA, stream, answer) + frame(FIN, stream, len(answer).to_bytes(8, "big")))
        assert visitor.read_response().body == b"served"


def items(server, what):
    return ask(server, "/api/v1/" + what).json["items"]


def look(server):
    """As people and programs do all the time."""
    for what in "status", "sessions", "publications", "routes", "requests", "overview", "attention":
        assert ask(server, "/api/v1/" + what).status == 200
    return scrape(server)


def left_over(server):
    """What there still is, once all have gone and the grace is over."""
    def empty():
        status = ask(server, "/api/v1/status").json
        return not (status["sessions"] or status["links"] or status["services"] or items(server, "routes"))
    wait_until(empty, "all sessions to be gone")
    metrics = scrape(server)
    for gauge in "tunnel_sessions", "tunnel_links", "tunnel_streams", "tunnel_services", "tunnel_http_waiting":
        assert metrics.of(gauge) == 0, gauge
    assert items(server, "sessions") == items(server, "publications") == []
    return {"series": len(metrics), "routes": len(metrics.labels("tunnel_http_requests_total", "route")),
            "descriptors": server.fds(), "threads": len(os.listdir("/proc/%d/task" % server.pid)),
            "memory": server.memory()}


@pytest.mark.parametrize("sessions", [300, pytest.param(10000, marks=pytest.mark.slow)])
def test_they_leave_nothing(tunnel, sessions):
    server = tunnel.server("--workers=2", "--reconnect-grace=1s", "--metrics-routes=%d" % ROUTES)
    server.visitor = lambda: tunnel.visitor(server)
    steady = tunnel.client(server, "steady.example.org=" + tunnel.upstream("steady").url)

    def serve(first, last):
        for i in range(first, last):
            come_and_go(server, i)
            if i % LOOK == 0:
                look(server)
            if i % (10 * LOOK) == 0:
                server.send_signal(signal.SIGHUP)
    serve(0, sessions // 2)
    steady.stop()
    half = left_over(server)
    serve(sessions // 2, sessions)
    whole = left_over(server)
    assert half["routes"] <= ROUTES + 2  # the others, and none
    assert scrape(server).of("tunnel_sessions_ended_total") == sessions + 1
    memory = whole.pop("memory") - half.pop("memory")
    assert whole == half
    assert SANITIZED or memory < SLACK, "%d bytes more" % memory
