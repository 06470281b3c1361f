# SPDX-License-Identifier: MIT
"""Private services: who provides them, and who uses them at places of its own."""

import json
import re

from harness import programs
from harness.admin import ask
from harness.programs import TOKEN, TUNNEL
from harness.stage import Daemon
from harness.wait import wait_until


class Consumer(Daemon):
    """`tunnel connect`, or another command with --service."""

    def __init__(self, stage, remote, *options, token=TOKEN, name="consumer", command="connect",
                 **kwargs):
        self.remote = remote if isinstance(remote, str) else remote.address
        argv = [TUNNEL, command, "--remote=" + self.remote]
        if token:
            argv.append("--token=" + token)
        super().__init__(stage, stage.name(name), argv + list(options), **kwargs)

    def place(self, service):
        """Where it is found by now: "127.0.0.1:6379", "unix:/run/x.sock", "UDP 127.0.0.1:53"."""
        def found():
            assert self.alive(), "%s ended: %s" % (self.name, self.log()[-500:])
            return re.findall(r" %s is approved.*; listening on (.*)" % re.escape(service),
                              self.log())
        wait_until(found, "%s to be listened for" % service)
        return found()[-1]

    def address(self, service):
        """(host, port) of it."""
        host, port = self.place(service).split()[-1].rsplit(":", 1)
        return host, int(port)

    def said(self, text, times=1):
        """Waits until the log has it so often."""
        wait_until(lambda: self.log().count(text) >= times,
                   "%r in the log of %s" % (text, self.name))


def consume(tunnel, server, *services, start=True, wait=True, token=TOKEN, options=(), **kwargs):
    """A consumer of services, as --service has them; each is found when this returns."""
    c = Consumer(tunnel.stage, server, *["--service=" + s for s in services], *options,
                 token=token, **kwargs)
    tunnel.stage.add(c)
    if start:
        c.start()
    for service in services if start and wait else ():
        c.place(re.split(r"[.=]", service)[0])
    return c


def provide(tunnel, server, url, name, *options, token=TOKEN):
    """(client, alias) of a private service that leads there."""
    c = tunnel.stage.add(programs.Client(tunnel.stage, server, url, "--private=" + name, *options,
                                         token=token, name="provider"))
    c.start()
    return c, alias_of(c, name)


def alias_of(provider, name):
    """What its provider prints."""
    def found():
        assert provider.alive(), "%s ended: %s" % (provider.name, provider.log()[-500:])
        return re.findall(r" %s is private: (\S+)" % name, provider.log())
    wait_until(found, "%s to be private" % name)
    return found()[-1]


def identity(server, name, **grants):
    """Its token."""
    body = json.dumps(dict(grants, name=name))
    answer = ask(server, "/api/v1/identities", "-X", "POST", "--data-binary", body)
    assert answer.status == 201, answer.body
    return answer.json["token"]
