"""Waiting for something to become true, instead of sleeping and hoping."""

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
