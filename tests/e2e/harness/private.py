# SPDX-License-Identifier: MIT
"""Private services: an exit node with identities, those who publish and those who ask."""

import contextlib
import json
import os
import pathlib
import re
import socket
import struct
import subprocess

from harness.commands import ExitNode
from harness.programs import TUNNEL
from harness.stage import Daemon
from harness.wait import PATIENCE, SANITIZED, wait_until

# Seconds: what is denied, or approved, is so behind the command's answer; a client has to hear of it.
AT_ONCE = PATIENCE if SANITIZED else 1.0

ALIAS = re.compile(r"(\S+) is private: (\S+)")
PENDING, APPROVED, REJECTED, DISCONNECTED = "Pending", "Approved", "Rejected", "Disconnected"


class Consumer(Daemon):
    """tunnel connect."""

    def __init__(self, stage, remote, *options, name="connect", **kwargs):
        super().__init__(stage, stage.name(name), [TUNNEL, "connect", "--remote=" + remote, *options],
                         **kwargs)

    def approved(self, times=1, timeout=None):
        wait_until(lambda: self.log().count("; listening on ") >= times or not self.alive(),
                   "%s to listen" % self.name, timeout)
        assert self.alive(), self.log()
        return self


class PrivateNode(ExitNode):
    """Identities by their names; each has a file with its token."""

    def way(self, token):
        """The options by which a client, or a command, comes as this identity; None: the server's own token."""
        return ["--remote=" + self.server.address,
                "--token-from=%s" % token if token else "--token=" + self.tunnel.TOKEN]

    def provider(self, name, upstream, token, *options, service=True, **kwargs):
        """A client that publishes this upstream as a private service, once the exit node has it."""
        client = self.tunnel.client(self.server, upstream, *self.way(token)[1:], "--private=" + name,
                                    *options, token=None, wait=False, **kwargs)
        if service:
            client.log_contains(name + " is private: ")
        return client

    def consumer(self, token, *options, **kwargs):
        return self.tunnel.stage.add(Consumer(
            self.tunnel.stage, *[self.server.address, *self.way(token)[1:]], *options, **kwargs)).start()

    def over_link(self, token, *argv, **kwargs):
        """A command of somebody on another machine."""
        return self.run(*argv, *self.way(token), **kwargs)

    def ok_over_link(self, token, *argv):
        return self.ok(*argv, *self.way(token))

    def endpoints(self, token=None):
        """As the exit node's operator sees them, or the identity with this token."""
        return json.loads(self.ok("endpoint", "list", "--json", *(self.way(token) if token else ())))

    def endpoint(self, consumer, token=None):
        """The only one of that consumer's that there is."""
        found, = [e for e in self.endpoints(token) if e["name"].startswith(consumer + ".")]
        return found

    def wait_endpoint(self, consumer, status):
        """Its endpoint, once it stands so."""
        def there():
            return [e for e in self.endpoints()
                    if e["name"].startswith(consumer + ".") and status_of(e) == status]
        return wait_until(there, "an endpoint of %s that is %s" % (consumer, status))[0]


def status_of(endpoint):
    return endpoint["properties"]["privateLinkServiceConnectionState"]["status"]


def alias_of(provider):
    """What the provider's client said last."""
    return ALIAS.findall(provider.log())[-1][1]


def link_tlv(number):
    """The value of TLV 0xEE, as Azure's documents have it."""
    return b"\1" + struct.pack("<I", int(number))


def refused(port, host="127.0.0.1"):
    """Whether nobody listens there."""
    with socket.socket() as s:
        return s.connect_ex((host, port)) != 0


def curl(tunnel, port, path="/", *options, seconds=PATIENCE):
    """(status of curl, what it printed)"""
    p = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(seconds), *options,
                        "http://127.0.0.1:%d%s" % (port, path)], env=tunnel.env, capture_output=True,
                       timeout=seconds + 5)
    return p.returncode, p.stdout


def wait_curl(tunnel, port, wanted, timeout=None):
    """Until curl prints this; for what comes back by itself."""
    wait_until(lambda: curl(tunnel, port) == (0, wanted), "%r at port %d" % (wanted, port), timeout)


def listening(daemon):
    """The ports at which this process takes TCP connections."""
    mine = set()
    for fd in pathlib.Path("/proc/%d/fd" % daemon.pid).iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            mine.add(os.readlink(fd))
    rows = [line.split() for name in ("tcp", "tcp6")
            for line in pathlib.Path("/proc/net", name).read_text().splitlines()[1:]]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows
            if row[3] == "0A" and "socket:[%s]" % row[9] in mine}
