# SPDX-License-Identifier: MIT
"""Handshakes that fail lock their address out for a while, and never one from which a token was proved."""

import os
import re

import pytest

from harness import wire
from harness.noise import Link, Refused
from harness.programs import TOKEN
from harness.visitor import Closed
from harness.wait import SANITIZED, wait_until

GUESSES = 10   # LOCKOUT_GUESSES
REPEATS = 16   # LOCKOUT_REPEATS
BAD = "127.0.0.2"


def first(key_id=None):
    """A client's first message whose tag fits no key."""
    return b"\x01" + (key_id or os.urandom(8)) + os.urandom(83)


def guess(server, key_id=None, source=BAD):
    """One handshake whose key no server has. "rejected", or the answer to its request."""
    try:
        with Link(server.address, source=source) as link:
            link.send_message(first(key_id))
            try:
                answer = link.read_message()
            except Closed:
                return "closed"
            assert answer == b"\x02\x01", answer
            # It counts when the server has closed the link behind its answer.
            assert link.closed()
            return "rejected"
    except Refused as refused:
        return refused.response


def is_locked(answer):
    return answer not in ("rejected", "closed")


def guess_until_locked(server, **kwargs):
    for n in range(3 * GUESSES):
        answer = guess(server, **kwargs)
        if is_locked(answer):
            return n, answer
    raise AssertionError("never locked out")


@pytest.mark.parametrize("workers", ["1", "4"])
def test_guesses_lock_their_address_out(tunnel, workers):
    server = tunnel.server("--workers=" + workers)
    n, answer = guess_until_locked(server)
    # A link may be asked for on one worker before another has counted the last failure.
    assert GUESSES + 1 <= n <= GUESSES + 1 + int(workers)
    assert answer.status == 429
    before = int(answer.get("Retry-After"))
    assert 1 <= before <= 2 ** (n - GUESSES - 1)
    assert answer.get("Proxy-Status") == 'tunnel; details="locked-out"'
    server.log_contains("clients at %s are locked out for " % BAD)
    # A while later one more is free, then it is twice as long.
    wait_until(lambda: guess(server) == "rejected", "the end of the first lock-out")
    answer = guess_until_locked(server)[1]
    assert answer.status == 429 and int(answer.get("Retry-After")) > before
    # Visitors from there, and clients from elsewhere, are not concerned.
    tunnel.client(server, tunnel.upstream("ok"))
    assert tunnel.visitor(server, source=BAD).get().body == b"ok"


def test_a_known_address_is_never_locked_out(tunnel):
    """A client was there before: however many guess from the same address, it comes back at once."""
    server = tunnel.server()
    with Link(server.address, source=BAD) as link:
        link.up(TOKEN)
    for _ in range(3 * GUESSES):
        assert guess(server) == "rejected"
    with Link(server.address, source=BAD) as link:
        link.up(TOKEN)
    # And so are all of a known network, whoever of them proved it.
    assert guess_until_locked(server, source="127.0.0.3")[1].status == 429


def test_one_wrong_client_locks_nobody_else_out(tunnel):
    """A NAT with one client that has an old token, and good ones that were never here."""
    server = tunnel.server()
    old = os.urandom(8)
    for _ in range(2 * REPEATS):
        assert guess(server, key_id=old) == "rejected"
    server.log_contains("a client at %s is locked out for " % BAD)
    server.log_contains("refused client %s: it is locked out for another" % BAD)
    with Link(server.address, source=BAD) as link:
        link.up(TOKEN)


def test_the_right_key_id_with_a_wrong_key_counts_the_same(tunnel):
    """Or who has seen a key id on the wire could learn whether it is still good."""
    server = tunnel.server()
    with Link(server.address, source="127.0.0.4") as link:
        good = link.first(TOKEN)[1:9]

    def attempts(key_id, source):
        for _ in range(2 * REPEATS):
            with Link(server.address, source=source) as link:
                link.send_message(first(key_id))
                assert link.read_message() == b"\x02\x01" and link.closed()

    attempts(good, "127.0.0.5")
    attempts(os.urandom(8), "127.0.0.6")
    # The addresses themselves: neither is locked out.
    assert guess(server, source="127.0.0.5") == "rejected"
    assert guess(server, source="127.0.0.6") == "rejected"


def test_the_client_says_what_happened(tunnel):
    server = tunnel.server()
    for _ in range(GUESSES + 5):
        guess(server, source="127.0.0.1")
    wait_until(lambda: is_locked(guess(server, source="127.0.0.1")), "a lock-out")
    client = tunnel.client(server, tunnel.upstream("ok"), wait=False)
    client.log_contains("the exit node answers 429: too many clients had no good token")
    assert re.search(r"again in \d+ s", client.log())
    # Its own token is good: when the time is over it comes in.
    client.log_contains(" is published at ")
    assert tunnel.visitor(server).get().body == b"ok"


def test_behind_a_trusted_proxy(tunnel):
    server = tunnel.server("--trusted-proxies=" + BAD)
    for _ in range(3 * GUESSES):
        assert guess(server) == "rejected"


def test_without_a_token_there_is_nothing_to_guess(tunnel):
    server = tunnel.server("--no-token", token=None)
    for _ in range(3 * GUESSES):
        assert guess(server) == "rejected"


def test_a_flood_of_addresses(tunnel):
    """Each of 250 fails a few times; nobody is locked out for it, and the memory stays what it was."""
    server = tunnel.server("--trusted-proxies=127.0.0.0/8")
    before = server.memory()
    for i in range(250):
        request = link_request("10.1.%d.7" % i)
        for _ in range(2):
            with Link(server.address, request=request) as link:
                link.send_message(first())
                assert link.read_message() == b"\x02\x01"
    with Link(server.address, request=link_request("10.2.0.1")) as link:
        link.up(TOKEN)
    # The sanitizers keep what was freed.
    assert SANITIZED or server.memory() - before < 2 << 20


def link_request(visitor):
    return wire.link_request(extra=["X-Forwarded-For: " + visitor])
