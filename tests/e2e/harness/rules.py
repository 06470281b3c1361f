# SPDX-License-Identifier: MIT
"""A server with a file of routes, and clients of the services that its rules lead to."""

import signal

from harness.upstream import echo
from harness.wait import wait_until

# Of "secret", as htpasswd -nbB -C 4 makes it.
BCRYPT = "$2y$04$X/sAVDtOB0CUd8D62b6Wz.M6vk4BJyDe8P1vCXKt5M8GeaTyYN/VC"


class Front:
    """`services`: {name: upstream or None for one that says its name}."""

    def __init__(self, tunnel, text, services, *options):
        self.tunnel = tunnel
        self.file = tunnel.path / "front.yaml"
        self.file.write_text(text)
        self.server = tunnel.server("--front=%s" % self.file, *options)
        self.upstreams = {name: u if u else tunnel.upstream(name) for name, u in services.items()}
        self.client = tunnel.client(self.server, ["%s=%s" % (name, u.url)
                                                  for name, u in self.upstreams.items()])
        self.host = "app.example.org"

    def reload(self, text, taken=True):
        said = "reloaded" if taken else "nothing was reloaded"
        before = self.server.log().count(said)
        self.file.write_text(text)
        self.server.send_signal(signal.SIGHUP)
        wait_until(lambda: self.server.log().count(said) > before, said)

    def get(self, target="/", source=None, **kwargs):
        kwargs.setdefault("host", self.host)
        with self.tunnel.visitor(self.server, source=source) as v:
            return v.get(target, **kwargs)


def one_route(rules, to="web", more=""):
    """A route of app.example.org with these rules, a line each."""
    return "routes:\n  - host: app.example.org\n    rules:\n%s    to: %s\n%s" % (
        "".join("      - %s\n" % r for r in rules), to, more)


def front(tunnel, rules, *options, upstream=None):
    return Front(tunnel, one_route(rules), {"web": upstream or tunnel.upstream(echo)}, *options)
