# SPDX-License-Identifier: MIT
"""A server, and a client that gives rules for its own service."""

import signal

from harness.upstream import echo
from harness.wait import wait_until

HOST = "app.example.org"


class ClientRules:
    """`rules`: a list of rules, a line each. `front`: the operator's file, or None."""

    def __init__(self, tunnel, rules, *options, front=None, upstream=None, start=True):
        self.tunnel = tunnel
        self.file = tunnel.path / "rules.yaml"
        self.front = tunnel.path / "front.yaml"
        if front is not None:
            self.front.write_text(front)
            options = ("--front=%s" % self.front, *options)
        self.write(rules)
        self.server = tunnel.server(*options)
        self.upstream = upstream or tunnel.upstream(echo)
        if start:
            self.client = self.start()

    def write(self, rules):
        self.file.write_text("".join("- %s\n" % r for r in rules))

    def start(self, **kwargs):
        """Another client with the same rules."""
        return self.tunnel.client(self.server, "%s=%s" % (HOST, self.upstream.url),
                                  "--rules=%s" % self.file, **kwargs)

    def reload(self, program, said):
        before = program.log().count(said)
        program.send_signal(signal.SIGHUP)
        wait_until(lambda: program.log().count(said) > before, said)

    def change(self, rules, said="is published at"):
        """The client reads its rules again, and the exit node has answered about them."""
        self.write(rules)
        self.reload(self.client, said)

    def reload_front(self, text):
        self.front.write_text(text)
        self.reload(self.server, "reloaded")

    def get(self, target="/", source=None, **kwargs):
        kwargs.setdefault("host", HOST)
        with self.tunnel.visitor(self.server, source=source) as v:
            return v.get(target, **kwargs)
