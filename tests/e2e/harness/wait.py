# SPDX-License-Identifier: MIT
"""Waiting for something to become true, instead of sleeping and hoping."""

import concurrent.futures
import os
import time

SANITIZED = os.environ.get("TUNNEL_SANITIZED") == "1"

# A sanitized program on a busy machine is a few times slower; a test that passes never waits this
# long, so a generous bound costs nothing.
PATIENCE = 20.0 if SANITIZED else 10.0


def wait_until(condition, what, timeout=None):
    """Returns the first true value of condition(); fails naming `what` after the timeout."""
    end = time.monotonic() + (PATIENCE if timeout is None else timeout)
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("gave up waiting for " + what)
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def quiet_for(seconds, happens, what):
    """Waits for so long that `what` does not happen; fails at once when happens() is true."""
    end = time.monotonic() + seconds
    while True:
        assert not happens(), "happened, and should not: " + what
        if time.monotonic() > end:
            return
        time.sleep(0.005)


def wait_settled(value, seconds, what):
    """Waits until value() has been the same for so long, and returns it."""
    end = time.monotonic() + PATIENCE
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        assert time.monotonic() < end, "gave up waiting for %s to settle" % what
        time.sleep(seconds / 10)
        now = value()
        if now != last:
            last, since = now, time.monotonic()
    return last


def at_once(work, items):
    """[work(item)] of all items, each in a thread of its own; raises what the first of them
    raised."""
    with concurrent.futures.ThreadPoolExecutor(len(items)) as pool:
        return list(pool.map(work, items))
