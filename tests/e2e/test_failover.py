# SPDX-License-Identifier: MIT
"""One of three origins goes while wrk or h2load asks: no request fails."""

import re
import signal
import subprocess

import pytest

from harness.wait import wait_until

HOST = "app.example.org"
SECONDS = 4


def wrk(server):
    return subprocess.Popen(["wrk", "-t1", "-c16", "-d%ds" % SECONDS, "-H", "Host: " + HOST, "http://%s/" % server.address],
                            stdout=subprocess.PIPE, text=True)


def h2load(server):
    return subprocess.Popen(["h2load", "-n", "32000", "-c", "4", "-m", "4", "-H", ":authority: " + HOST,
                             "http://%s/" % server.address], stdout=subprocess.PIPE, text=True)


def check(load, out):
    if load is wrk:
        assert "Socket errors" not in out and "Non-2xx" not in out, out
        assert int(re.search(r"(\d+) requests in", out)[1]) > 100, out
    else:
        assert re.search(r"\d+ succeeded, 0 failed, 0 errored, 0 timeout", out), out
        assert int(re.search(r"(\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", out)[1]) > 100, out


class Scene:
    def __init__(self, tunnel, workers):
        self.tunnel = tunnel
        self.server = tunnel.server("--workers=%d" % workers)
        self.nginx = {n: tunnel.nginx("location / { return 200 %s; } location /healthz { return 200 ok; }" % n)
                      for n in "abc"}
        self.clients = {}
        for n, weight in ("a", 100), ("b", 200), ("c", 300):
            self.clients[n] = tunnel.client(self.server, [], "--config=%s" % self.configure(n, weight), services=1)

    def configure(self, n, weight, more=""):
        """What its client publishes."""
        config = self.tunnel.path / (n + ".yaml")
        config.write_text("services:\n  - {upstream: '%s=%s', origin: %s, weight: %d, probe: /healthz, probe-every: 1s%s}\n"
                          % (HOST, self.nginx[n].url, n, weight, more))
        return config

    def others_serve(self):
        def one():
            with self.tunnel.visitor(self.server) as v:
                return v.get(host=HOST).body
        return b"b" not in {one() for _ in range(12)}


def stop_the_client(s):
    s.clients["b"].stop()


def kill_the_client(s):
    s.clients["b"].kill()


def stop_the_upstream(s):
    s.nginx["b"].stop()


def take_it_out(s):
    """The configuration says so, and is read again."""
    s.configure("b", 200, ", enabled: false")
    s.clients["b"].send_signal(signal.SIGHUP)


@pytest.mark.parametrize("load", [wrk, h2load])
@pytest.mark.parametrize("what", [stop_the_client, kill_the_client, stop_the_upstream, take_it_out])
def test_one_of_three_goes(tunnel, load, what):
    # A request of HTTP/2 that only another worker can serve is refused, for its client to ask again; h2load does not.
    s = Scene(tunnel, 2 if load is wrk else 1)
    p = load(s.server)
    wait_until(lambda: s.server.log().count(" status=200 ") > 2000, "the load runs")
    what(s)
    out = p.communicate()[0]
    check(load, out)
    wait_until(s.others_serve, "the others serve")
