# SPDX-License-Identifier: MIT
"""Handshakes with one token, one after the other, in a process of their own: `knock ADDRESS TOKEN`.

Each that is let in says its hello and asks for a port. A line for each: when the first message of the handshake
went out, when the claim did (0: it was not let in), and what came of it. Times are the monotonic clock's, which
all processes of a machine share. It ends when its standard input does."""

import subprocess
import sys
import threading
import time

from harness import TOP, noise
from harness.visitor import Closed

THREADS = 4  # most of the time each waits for the server


def knock(address, token):
    """(first message, claim or 0, outcome)"""
    began = claimed = 0
    try:
        with noise.Link(address) as link:
            first = link.first(token)
            began = time.monotonic()
            link.send_message(first)
            answer = link.read_message()
            if answer[0] != 1:
                return began, claimed, "rejected"
            link.handshake.read(answer[1:], True)
            link.sealed = True
            link.out, link.inward = link.handshake.split()
            link.confirm()
            claimed = time.monotonic()
            link.send(noise.control(type="publish", service=1, kind="tcp", host="", port=0,
                                    upstream="tcp://127.0.0.1:1"))
            return began, claimed, link.read_control("granted", "refused")["type"]
    except noise.Refused as refused:
        return began, claimed, "http-%d" % refused.response.status
    except (Closed, OSError):
        return began, claimed, "closed"


class Knocking:
    """Processes that knock, while the test does something else; `outcomes` are those of knock(), as they come."""

    def __init__(self, server, token, processes=2):
        self.outcomes = []
        self.running = [subprocess.Popen(
            [sys.executable, "-m", "harness.knock", server.address, token], cwd=TOP / "tests" / "e2e",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
        self.readers = [threading.Thread(target=self.read, args=[p]) for p in self.running]
        for reader in self.readers:
            reader.start()

    def read(self, process):
        for line in process.stdout:
            began, claimed, outcome = line.split()
            self.outcomes.append((float(began), float(claimed), outcome))

    def stop(self):
        for p in self.running:
            p.stdin.close()
        for p, reader in zip(self.running, self.readers, strict=True):
            reader.join()
            p.stdout.close()
            assert p.wait() == 0


def main(address, token):
    over = threading.Event()
    printing = threading.Lock()

    def go():
        while not over.is_set():
            line = "%.6f %.6f %s\n" % knock(address, token)
            with printing:
                sys.stdout.write(line)
                sys.stdout.flush()

    threads = [threading.Thread(target=go) for _ in range(THREADS)]
    for t in threads:
        t.start()
    sys.stdin.read()
    over.set()
    for t in threads:
        t.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
