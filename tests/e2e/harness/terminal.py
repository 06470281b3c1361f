"""A terminal of a program's own, and what it has shown."""

import os
import pty
import re
import threading

from harness.wait import wait_until


class Terminal:
    """Its `follower` is for a Daemon's standard error."""

    def __init__(self):
        self.leader, self.follower = pty.openpty()
        self.seen = bytearray()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            while data := os.read(self.leader, 4096):
                self.seen.extend(data)
        except OSError:
            pass  # closed

    def raw(self):
        return self.seen.decode()

    def lines(self):
        """Without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.raw()).replace("\r", "").splitlines()

    def wait_for(self, text):
        wait_until(lambda: text in "\n".join(self.lines()), "%r on the terminal" % text)

    def stop(self):
        os.close(self.follower)
        os.close(self.leader)
