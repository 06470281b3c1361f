# SPDX-License-Identifier: MIT
"""An exit node on which people type commands."""

import json


class ExitNode:
    """A server in whose state directory commands look by themselves, as on an exit node."""

    def __init__(self, tunnel, *options, **kwargs):
        self.tunnel = tunnel
        self.home = tunnel.path / tunnel.stage.name("xdg")
        self.state = self.home / "tunnel"
        self.state.mkdir(parents=True, mode=0o700)
        self.env = {**tunnel.env, "XDG_STATE_HOME": str(self.home)}
        self.server = tunnel.server(*options, state=self.state, **kwargs)

    def run(self, *argv, **kwargs):
        """(status, standard output, standard error)"""
        return self.tunnel.run(*argv, env=self.env, cwd=self.tunnel.path, **kwargs)

    def ok(self, *argv, **kwargs):
        """What it prints, having succeeded."""
        status, out, err = self.run(*argv, **kwargs)
        assert status == 0, err
        return out

    def json(self, *argv):
        return json.loads(self.ok(*argv, "--json"))

    def create(self, name, *options):
        """The file with the new identity's token."""
        path = self.tunnel.path / (name + ".token")
        self.ok("token", "create", name, "--out=%s" % path, "-q", *options)
        return path

    def client(self, upstream, token, *options, **kwargs):
        return self.tunnel.client(self.server, upstream, "--token-from=%s" % token, *options, token=None, **kwargs)
