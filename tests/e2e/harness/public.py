# SPDX-License-Identifier: MIT
"""The public side of services that have ports: which ones are free, and where a client's ended
up."""

import os
import random
import re
import socket

from harness.wait import wait_until

def _share(ports):
    """This worker's of a test run: what one has drawn and not bound yet must not be another's to draw."""
    n = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    k = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    each = len(ports) // n
    return ports[k * each:(k + 1) * each]


# Above what --allow-ports leaves out, below what the kernel gives to outgoing connections.
FREE_PORTS = _share(range(10000, 32000))

_rng = random.SystemRandom()  # several test runs must not draw the same ports


def free_ports(n, host="127.0.0.1"):
    """n ports in a row which nobody has at the moment, neither for TCP nor for UDP. Who needs
    several asks once: two answers may have ports in common."""
    while True:
        first = _rng.randrange(FREE_PORTS.start, FREE_PORTS.stop - n)
        if all(is_free(p, host, kind) for p in range(first, first + n) for kind in ("tcp", "udp")):
            return list(range(first, first + n))


def free_ranges(n):
    """Two of n ports each, which do not overlap."""
    ports = free_ports(2 * n)
    return ports[:n], ports[n:]


def free_port(host="127.0.0.1"):
    return free_ports(1, host)[0]


def is_free(port, host="127.0.0.1", kind="tcp"):
    """Of this kind alone: the other one's port of that number may be another test's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as s:
        if kind == "tcp":
            # As servers do: connections of the past are no obstacle, a listener is.
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
            if kind == "tcp":
                s.listen()
        except OSError:
            return False
    return True


def published(client):
    """[(upstream, where visitors find it)] of the client's log, the oldest first."""
    return re.findall(r"(\S+) is published at (\S+)", client.log())


def port_of(client, upstream=""):
    """The public port of the only upstream whose URL holds this text."""
    def found():
        return [(u, a) for u, a in published(client) if upstream in u]
    wait_until(found, "%s to be published" % (upstream or "anything"))
    assert len({u for u, _ in found()}) == 1, "name one of them: %s" % found()
    address = found()[-1][1]
    port = re.search(r"^(?:tcp|udp|tls|tls\+tcp)://.*:(\d+)$", address)
    assert port, "%s has no port of its own" % address
    return int(port[1])
