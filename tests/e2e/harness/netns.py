# SPDX-License-Identifier: MIT
"""Network namespaces: machines that can vanish, and addresses that disturb nobody. Needs root."""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


def ip(*argv):
    p = subprocess.run(["ip", *argv], capture_output=True, text=True)
    assert p.returncode == 0, "ip %s: %s" % (" ".join(argv), p.stderr)
    return p.stdout


class Namespace:
    made = 0

    def __init__(self):
        Namespace.made += 1
        self.name = "te-%d-%d" % (os.getpid(), Namespace.made)
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def ip(self, *argv):
        return ip("-n", self.name, *argv)

    def move(self, daemon):
        """It will be started in here."""
        daemon.argv = ["ip", "netns", "exec", self.name] + daemon.argv
        return daemon

    def run(self, *argv):
        p = subprocess.run(["ip", "netns", "exec", self.name, *argv], capture_output=True,
                           text=True)
        return p.stdout

    @contextlib.contextmanager
    def inside(self):
        """Sockets that this thread makes meanwhile are of this namespace, and remain so."""
        with open("/proc/thread-self/ns/net") as here, \
                open("/run/netns/" + self.name) as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(here)

    def stop(self):
        ip("netns", "del", self.name)


def _setns(file):
    if libc.setns(file.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def join(a, address_a, b, address_b):
    """A cable between two of them; returns the names of its ends."""
    ends = ["%s-%s" % (a.name[3:], x) for x in "ab"]
    ip("link", "add", ends[0], "netns", a.name, "type", "veth", "peer", "name", ends[1],
       "netns", b.name)
    for space, end, address in ((a, ends[0], address_a), (b, ends[1], address_b)):
        space.ip("address", "add", address + "/30", "dev", end)
        space.ip("link", "set", end, "up")
    return ends
