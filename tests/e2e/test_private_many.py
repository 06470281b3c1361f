# SPDX-License-Identifier: MIT
"""Connections of one consumer beyond the ports of one source address, on a machine of their own."""

import collections

import pytest

from harness.crowd import Crowd
from harness.netns import Namespace
from harness.programs import TOKEN
from harness.private import Consumer

PROCESSES = 3  # on each side: none of them may have more than some 20,000 descriptors
SOURCES = ["127.0.0.2", "127.0.0.3"]
UPSTREAM, LISTEN = 7000, 7100


@pytest.mark.root
@pytest.mark.parametrize("ports, each", [(300, 200), pytest.param(28232, 13334, marks=pytest.mark.slow)])
def test_source_addresses(tunnel, ports, each):
    """They have the consumer's address while that has a free port, and then the next one. (28,232 is the kernel's
    default: 32,768 to 60,999.)"""
    space = tunnel.stage.add(Namespace())
    space.run("sysctl", "-qw", "net.ipv4.ip_local_port_range=%d %d" % (32768, 32768 + ports - 1))
    accepting = [tunnel.stage.add(Crowd(space, "accept", "127.0.0.1", UPSTREAM)).ready() for _ in range(PROCESSES)]
    # On one worker each provider gets its part.
    space.move(tunnel.server("--workers=1", "--max-private-streams-per-identity=50000", port="8000",
                             start=False)).start()
    for _ in range(PROCESSES):
        provider = tunnel.client("127.0.0.1:8000", "tcp://127.0.0.1:%d" % UPSTREAM, "--private=db",
                                 "--source-addresses=" + ",".join(SOURCES), "--dial-timeout=60s", start=False)
        space.move(provider).start()
        provider.log_contains("db is private: ")
    for i in range(PROCESSES):
        consumer = tunnel.stage.add(Consumer(tunnel.stage, "127.0.0.1:8000", "--token=" + TOKEN,
                                             "--service=db=%d" % (LISTEN + i)))
        space.move(consumer).start()
        consumer.approved()
    connecting = [tunnel.stage.add(Crowd(space, "connect", "127.0.0.1", LISTEN + i, each)) for i in range(PROCESSES)]
    assert [c.read() for c in connecting] == [each] * PROCESSES
    assert [c.ask() for c in connecting] == [each] * PROCESSES
    by = sum((collections.Counter(a.ask()) for a in accepting), collections.Counter())
    assert sum(by.values()) == PROCESSES * each
    steady, further = by.most_common()
    assert {steady[0], further[0]} == set(SOURCES)
    assert steady[1] == ports, by
