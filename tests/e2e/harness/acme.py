# SPDX-License-Identifier: MIT
"""A certificate authority that speaks ACME: Pebble, which Let's Encrypt tests clients with. It runs in a namespace with a
name server of the tests' own and the ports of the web, as a CA on the Internet finds them. Needs root."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import urllib.request

from cryptography import x509

from harness.names import NameServer
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tunnel-pebble"
DIRECTORY = "https://127.0.0.1:14000/dir"
MANAGEMENT = "https://127.0.0.1:15000"
EMAIL = "operator@exit.example"


def pebble():
    own = CACHE / "pebble"
    return str(own) if own.exists() else shutil.which("pebble")


class Texts:
    """TXT records, as --acme-dns-hook left them: a file a name, a line a record."""

    def __init__(self, stage):
        self.folder = stage.path / "records"
        self.folder.mkdir()
        self.log = stage.path / "hook.log"
        self.hook = stage.file("hook", """#!/bin/sh
echo "$@" >>%s
case $1 in
add) echo "$3" >>%s/$2 ;;
remove) rm -f %s/$2 ;;
esac
""" % (self.log, self.folder, self.folder), mode=0o700)

    def get(self, name, default):
        path = self.folder / name
        return path.read_bytes().split() if path.exists() else default


class Authority:
    """Pebble and the name server that it asks, in one namespace; and an exit node there."""

    def __init__(self, tunnel, lasts=90 * 86400, rejects=10, binding=None, profiles=None):
        """lasts: seconds of a certificate; rejects: of a hundred nonces, those that are refused for no reason."""
        self.tunnel = tunnel
        self.stage = tunnel.stage
        self.dns = self.stage.add(NameServer())
        self.space = self.dns.space
        self.texts = self.dns.texts = Texts(self.stage)
        self.ca = tunnel.ca("Web CA")
        web = self.ca.issue("127.0.0.1")
        config = {
            "listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
            "certificate": web.cert, "privateKey": web.key, "httpPort": 80, "tlsPort": 443,
            "ocspResponderURL": "", "externalAccountBindingRequired": binding is not None,
            "externalAccountMACKeys": binding or {}, "domainBlocklist": ["blocked.example"],
            "retryAfter": {"authz": 1, "order": 1}, "keyAlgorithm": "ecdsa",
            # One of several is chosen by chance where none is asked for.
            "profiles": {name: {"description": name, "validityPeriod": seconds}
                         for name, seconds in (profiles or {"usual": lasts}).items()}}
        path = self.stage.file("pebble.json", json.dumps({"pebble": config}))
        env = dict(self.stage.env, PEBBLE_VA_NOSLEEP="1", PEBBLE_WFE_NONCEREJECT=str(rejects),
                   PEBBLE_AUTHZREUSE="0")
        self.daemon = self.stage.daemon(
            "pebble", ["ip", "netns", "exec", self.space.name, pebble(), "-config", path, "-strict",
                       "-dnsserver", "127.0.0.1:53"], env=env)
        self.daemon.expected_status |= {-15, 2, -2}
        wait_until(self._answers, "Pebble")

    def _answers(self):
        with contextlib.suppress(OSError), self.space.inside(), socket.create_connection(("127.0.0.1", 15000), 1):
            return True
        return False

    def get(self, url, data=None):
        with self.space.inside():
            context = ssl.create_default_context(cafile=self.ca.cert)
            with urllib.request.build_opener(
                    urllib.request.ProxyHandler({}),
                    urllib.request.HTTPSHandler(context=context)).open(url, data, timeout=PATIENCE) as answer:
                return answer.read()

    def roots(self):
        """A file of those that it issues by."""
        return self.stage.file("pebble-roots.pem", self.get(MANAGEMENT + "/roots/0").decode())

    def log(self):
        return self.daemon.log()

    def orders(self):
        """How many it was asked for."""
        return len(re.findall(r"Added order \S+ to the db", self.log()))

    # ---- The exit node ----

    def server(self, *options, start=True, **kwargs):
        kwargs.setdefault("port", "80,443")
        s = self.tunnel.server("--acme=" + EMAIL, "--acme-server=" + DIRECTORY, "--acme-ca=" + self.ca.cert,
                               *options, start=False, **kwargs)
        self.space.move(s)
        return s.start() if start else s

    def upstream(self, *args, **kwargs):
        with self.space.inside():
            return self.tunnel.upstream(*args, **kwargs)

    def client(self, upstreams, *options, services=None, port=80, **kwargs):
        c = self.tunnel.client("127.0.0.1:%d" % port, upstreams, *options, start=False, **kwargs)
        self.space.move(c).start()
        n = len(upstreams) if services is None else services
        wait_until(lambda: c.log().count(" is published at ") >= n or not c.alive(), "the client")
        return c

    def names(self, *names):
        """These lead here."""
        for name in names:
            self.dns.names[name] = ["127.0.0.1"]

    # ---- Visitors ----

    @contextlib.contextmanager
    def visitor(self):
        with self.space.inside():
            v = Visitor("127.0.0.1:80")
        with v:
            yield v

    def certificate(self, name, port=443, context=None):
        """What is served for that name, trusted or not, unless a context says how it is asked for."""
        if not context:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        with self.space.inside(), socket.create_connection(("127.0.0.1", port), PATIENCE) as sock, \
                context.wrap_socket(sock, server_hostname=name) as tls:
            return x509.load_der_x509_certificate(tls.getpeercert(True))

    def has_certificate(self, name, certified=None):
        """certified: the name in it, if it is another."""
        found = self.certificate(name)
        with contextlib.suppress(x509.ExtensionNotFound):
            return (certified or name) in found.extensions.get_extension_for_class(
                x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
        return False

    def wait_certificate(self, *names, timeout=None):
        for name in names:
            wait_until(lambda n=name: self.has_certificate(n), "the certificate for " + name,
                       timeout or 3 * PATIENCE)
