# SPDX-License-Identifier: MIT
"""The tunnel of one test, and whatever stands around it, each started in one line."""

import subprocess

from harness import programs, upstream
from harness.certs import CA
from harness.mitm import Mitm
from harness.public import port_of
from harness.visitor import Visitor, split
from harness.wait import wait_until

# What the client's log says of each upstream once visitors reach it.
PUBLISHED = " is published at "


class Tunnel:
    """Starts the usual things in one line each, on the stage of this test."""

    TOKEN = programs.TOKEN

    def __init__(self, stage):
        self.stage = stage
        self.path = stage.path
        self.env = stage.env

    def server(self, *options, start=True, **kwargs):
        s = self.stage.add(programs.Server(self.stage, *options, **kwargs))
        return s.start() if start else s

    def client(self, remote, upstream, *options, wait=True, start=True, services=None, **kwargs):
        """A client, up when this returns: when as many services are published as upstreams are
        given, or as `services` says where one stands for several."""
        url = upstream if isinstance(upstream, (str, list)) else upstream.url
        c = self.stage.add(programs.Client(self.stage, remote, url, *options, **kwargs))
        if start:
            c.start()
            if wait:
                n = services or sum(len(u.split(","))
                                    for u in ([url] if isinstance(url, str) else url))

                def up():
                    assert c.alive(), "%s ended: %s" % (c.name, c.log()[-500:])
                    return c.log().count(PUBLISHED) >= n
                wait_until(up, "%s to be up" % c.name)
        return c

    def upstream(self, script=None, **kwargs):
        if isinstance(script, (bytes, str)):
            script = upstream.always(script.encode() if isinstance(script, str) else script)
        return self.stage.add(upstream.Upstream(script, **kwargs))

    def nginx(self, locations, **kwargs):
        return self.stage.add(programs.Nginx(self.stage, locations, **kwargs)).start()

    def apache(self, cert=None):
        return self.stage.add(programs.Apache(self.stage, cert)).start()

    def haproxy(self, target, send_proxy, **kwargs):
        return self.stage.add(programs.Haproxy(self.stage, target, send_proxy, **kwargs)).start()

    def ca(self, name="Test CA"):
        return CA(self.path, name)

    def mitm(self, target, change=None):
        return self.stage.add(Mitm(split(target.address), change))

    def visitor(self, server, **kwargs):
        return self.stage.add(Visitor(server if isinstance(server, str) else server.address,
                                      **kwargs))

    def through(self, script=None, server_options=(), client_options=()):
        """(server, client, upstream): the whole way, for tests that look at one thing on it."""
        u = self.upstream(script)
        s = self.server(*server_options)
        c = self.client(s, u, *client_options)
        return s, c, u

    def run(self, *argv, **kwargs):
        kwargs.setdefault("env", self.env)
        return programs.run([programs.TUNNEL] + list(argv), **kwargs)

    def curl(self, url, *options, check=True, timeout=60):
        """curl's standard output as bytes."""
        p = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), *options,
                            url], env=self.env, capture_output=True, timeout=timeout + 5)
        if check:
            assert p.returncode == 0, p.stderr.decode()
        return p.stdout


class Way:
    """From a visitor to an upstream, with nothing between them or the whole tunnel: whatever a test
    says of connections has to hold for both, so the direct way proves the test and the other one
    the tunnel."""

    def __init__(self, tunnel, direct):
        self.tunnel = tunnel
        self.direct = direct
        self.client = None

    def __call__(self, upstream, *options, scheme="tcp"):
        """(host, port) at which that upstream is reached."""
        if self.direct:
            return split(upstream.address)
        self.server = self.tunnel.server()
        self.client = self.tunnel.client(
            self.server, "0=%s://%s" % (scheme, upstream.address), *options)
        return "127.0.0.1", port_of(self.client)

    def visitor(self, upstream, *options):
        return self.tunnel.stage.add(Visitor(self(upstream, *options)))
