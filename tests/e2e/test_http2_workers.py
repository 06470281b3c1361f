# SPDX-License-Identifier: MIT
"""HTTP/2 connections and the worker that has the link: they go there as a whole, or are sent away unharmed."""

import collections
import re
import subprocess
import threading

from harness.http2 import Http2Visitor
from harness.upstream import echo, response
from harness.wait import PATIENCE, wait_until

WORKERS = "--workers=8"


def passed(server):
    return server.log().count(" access ")


def test_first_requests_bring_the_connection_to_its_link(tunnel):
    """Whichever worker it came to, and all that came in one flight."""
    server, *_ = tunnel.through(echo, [WORKERS])
    for _ in range(16):
        with Http2Visitor(server) as v:
            streams = [v.ask("POST", body=b"%d" % i) for i in range(20)]
            assert [v.answer(s).body for s in streams] == [b"%d" % i for i in range(20)]
            assert v.goaway is None


def test_another_host_on_the_same_connection(tunnel):
    """Its link is on another worker: 421 while the first host is busy, and then the connection goes there."""
    stop = threading.Event()

    def slow(conn):
        while conn.read_request() is not None:
            stop.wait(PATIENCE)
            conn.send(response(b"slow"))
    server = tunnel.server(WORKERS)
    for i in range(6):
        tunnel.client(server, "h%d.example=%s" % (i, tunnel.upstream(slow if i == 0 else "h%d" % i).url))
    codes = []
    with Http2Visitor(server) as v:
        first = v.ask(authority="h0.example")
        for i in range(1, 6):
            answer = v.get(authority="h%d.example" % i)
            codes.append(answer.status)
            assert answer.status == 421 or answer.body == b"h%d" % i
        stop.set()
        assert v.answer(first).body == b"slow"
        assert 421 in codes, codes
        for i in range(6):
            assert v.get(authority="h%d.example" % i).status == 200
    assert "why=elsewhere" in server.log()


def test_links_that_are_lost_fail_no_request(tunnel):
    """One link, which goes and comes back on whatever worker has least to do, under load."""
    upstream = tunnel.upstream(echo)
    server = tunnel.server(WORKERS, "--max-waiting=10000", "--max-waiting-per-address=10000")
    between = tunnel.mitm(server)
    tunnel.client("ws://" + between.address, upstream, "--links=1")
    for _ in range(3):  # once in each: a request is sent again once (rule 37)
        load = subprocess.Popen(["h2load", "-D", "2", "-c", "64", "-m", "4", "http://127.0.0.1:%d/" % server.port],
                                stdout=subprocess.PIPE, text=True)
        before = passed(server)
        wait_until(lambda n=before: passed(server) > n + 500, "requests to pass")
        between.cut()
        out = load.communicate(timeout=60)[0]
        reasons = collections.Counter(re.findall(r"why=(\S+)", server.log()))
        assert " 0 failed, 0 errored, 0 timeout" in out and " 0 5xx" in out, (out, reasons)
