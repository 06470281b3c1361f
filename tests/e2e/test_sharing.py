# SPDX-License-Identifier: MIT
"""Several clients at one public name or port: who is told what, and --exclusive."""

import re
import signal

import pytest

from harness.programs import TOKEN, TUNNEL
from harness.public import free_ports
from harness.stage import Daemon
from harness.wait import wait_until

SHARED = " as well, with another upstream: visitors get one or the other"


def session_of(client):
    client.log_contains("; session ")
    return re.search(r"connected to \S+; session ([0-9a-f]{16})", client.log())[1]


def warned_of(client, other, place):
    client.log_contains("warn  the exit node says: %s is published by session %s from 127.0.0.1:"
                        % (place, session_of(other)))
    client.log_contains(SHARED)
    client.log_contains("--exclusive")


def bodies(tunnel, server, n=8, **kwargs):
    """Of as many connections: a kept one stays where it is."""
    return {tunnel.visitor(server).get(**kwargs).body for _ in range(n)}


def places(tunnel):
    """What a client may ask for: an --upstream with %s for its port's last digit, and its name in
    sentences."""
    port, first, *_ = free_ports(4)
    return {
        "every host": ("http://127.0.0.1:%d", "every other host"),
        "a host": ("a.example.org=http://127.0.0.1:%d", "a.example.org"),
        "a wildcard": ("*.example.org=http://127.0.0.1:%d", "*.example.org"),
        "a port": ("%d=tcp://127.0.0.1:%%d" % port, "port %d" % port),
        "a UDP port": ("%d=udp://127.0.0.1:%%d" % port, "UDP port %d" % port),
        "a range": ("%d-%d=tcp://127.0.0.1:1%%d00-1%%d02" % (first, first + 2),
                    "ports %d-%d" % (first, first + 2)),
    }


PLACES = ["every host", "a host", "a wildcard", "a port", "a UDP port", "a range"]


def fill(upstream, digit):
    return upstream.replace("%d", str(digit))


@pytest.mark.parametrize("name", PLACES)
def test_different_upstreams_are_told(tunnel, name):
    upstream, place = places(tunnel)[name]
    server = tunnel.server()
    one = tunnel.client(server, fill(upstream, 1))
    assert "the exit node says" not in one.log()
    two = tunnel.client(server, fill(upstream, 2))
    warned_of(one, two, place)
    warned_of(two, one, place)
    server.log_contains("warn  %s is published by session %s from " % (place, session_of(one)))
    line, = [line for line in server.log().splitlines() if "visitors get one or the other" in line]
    assert "and by session %s from " % session_of(two) in line


def test_visitors_of_both_are_served(tunnel):
    server = tunnel.server()
    tunnel.client(server, tunnel.upstream("one"))
    tunnel.client(server, tunnel.upstream("two"))
    assert bodies(tunnel, server) == {b"one", b"two"}


def test_the_same_upstream_is_nothing_to_tell(tunnel):
    """Two clients of one service, however it is spelt, share its load."""
    server = tunnel.server()
    upstream = tunnel.upstream("same")
    one = tunnel.client(server, upstream)
    two = tunnel.client(server, upstream.address)
    wait_until(lambda: server.log().count(" publishes everything from ") == 2, "both")
    tunnel.client(server, "b.example.org=http://127.0.0.1:9")  # says what was under way before
    for side in (one, two, server):
        assert "visitors get one or the other" not in side.log()


def test_told_again_only_after_a_while(tunnel):
    server = tunnel.server()
    one = tunnel.client(server, "http://127.0.0.1:1")
    for port in range(2, 6):
        two = tunnel.client(server, "http://127.0.0.1:%d" % port)
        two.log_contains(SHARED)
        two.stop()
    assert one.log().count(SHARED) == 1


# ---- --exclusive ----

def refused(client, place, holder, why):
    client.log_contains("the exit node does not publish %s (" % place)
    client.log_contains(": %s is held by session %s from 127.0.0.1:" % (place, session_of(holder)))
    client.log_contains(why)


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("who", ["the first", "the second"])
def test_exclusive_refuses_the_second(tunnel, name, who):
    upstream, place = places(tunnel)[name]
    server = tunnel.server()
    first, second = (["--exclusive"], []) if who == "the first" else ([], ["--exclusive"])
    one = tunnel.client(server, fill(upstream, 1), *first)
    two = tunnel.client(server, fill(upstream, 1), *second, wait=False)
    refused(two, place, one, "which has it alone (--exclusive)" if first else
            "--exclusive does not share it")
    # The holder gone in order, it is free at once.
    one.stop()
    tunnel.client(server, fill(upstream, 2), "--exclusive")


def test_exclusive_with_others_elsewhere(tunnel):
    """It is about the very name: others are as free as before."""
    server = tunnel.server()
    tunnel.client(server, "a.example.org=" + tunnel.upstream("a").url, "--exclusive")
    tunnel.client(server, "b.example.org=" + tunnel.upstream("b").url, "--exclusive")
    tunnel.client(server, tunnel.upstream("other"))
    assert bodies(tunnel, server, host="a.example.org") == {b"a"}


@pytest.mark.parametrize("name", ["a host", "a port", "a range"])
def test_exclusive_is_kept_for_who_is_lost(tunnel, name):
    upstream, place = places(tunnel)[name]
    server = tunnel.server("--reconnect-grace=60s")
    line = tunnel.mitm(server)
    one = tunnel.client(line.address, fill(upstream, 1), "--exclusive")
    line.refuse = True
    line.cut()
    server.log_contains("session %s from " % session_of(one))
    wait_until(lambda: re.search(r"session %s from \S+ ended" % session_of(one), server.log()), "its end")
    two = tunnel.client(server, fill(upstream, 2), wait=False)
    two.log_contains("%s is kept for session %s, which has it alone (--exclusive)" % (place, session_of(one)))
    line.refuse = False
    wait_until(lambda: server.log().count(" publishes ") == 2, "the first to be back")
    assert "is published at" not in two.log()
    assert "does not publish" not in one.log()


def test_exclusive_is_not_kept_for_long(tunnel):
    server = tunnel.server("--reconnect-grace=100ms")
    one = tunnel.client(server, "http://127.0.0.1:1", "--exclusive")
    one.kill()
    wait_until(lambda: re.search(r"session %s from \S+ ended" % session_of(one), server.log()), "its end")

    def free():
        two = tunnel.client(server, "http://127.0.0.1:2", wait=False)
        two.log_contains("connected to")
        wait_until(lambda: "publish" in two.log(), "an answer")
        got = "is published at" in two.log()
        two.stop()
        return got
    wait_until(free, "the end of the grace")


def configured(tunnel, server, **options):
    lines = {"remote": server.address, "token-from": tunnel.stage.file("t", TOKEN), **options}
    path = tunnel.path / "client.yaml"
    path.write_text("".join("%s: %s\n" % (k.replace("_", "-"), v) for k, v in lines.items()))
    return path


def test_reload(tunnel):
    """Its own upstream of before is nobody else's, whether it is alone or not."""
    server = tunnel.server()
    path = configured(tunnel, server, upstream=tunnel.upstream("old").url, exclusive="true")
    one = tunnel.stage.add(Daemon(tunnel.stage, "one", [TUNNEL, "client", "--config=%s" % path])).start()
    one.log_contains("is published at")
    configured(tunnel, server, upstream=tunnel.upstream("new").url, exclusive="true")
    one.send_signal(signal.SIGHUP)
    wait_until(lambda: one.log().count("is published at") == 2, "the new one")
    assert "does not publish" not in one.log() and "the exit node says" not in one.log()
    wait_until(lambda: bodies(tunnel, server) == {b"new"}, "the old one to be gone")
    # Not alone any more: another comes, and is told.
    configured(tunnel, server, upstream="http://127.0.0.1:1")
    one.send_signal(signal.SIGHUP)
    wait_until(lambda: one.log().count("is published at") == 3, "the third one")
    two = tunnel.client(server, "http://127.0.0.1:2")
    warned_of(one, two, "every other host")
    # Alone again: that the other is there stands against it.
    configured(tunnel, server, upstream="http://127.0.0.1:1", exclusive="true")
    one.send_signal(signal.SIGHUP)
    refused(one, "every other host", two, "--exclusive does not share it")
