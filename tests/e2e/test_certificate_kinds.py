# SPDX-License-Identifier: MIT
"""Several certificates for one name, with keys of different kinds: each visitor gets one that he
can use."""

import re
import shutil
import signal
import subprocess

import pytest

from harness.certs import CA
from harness.tls import TlsVisitor
from harness.wait import wait_until

A = "a.example"

# A visitor who knows one kind of key.
ONLY = {
    ("ecdsa", "1.2"): ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256",
                       "-sigalgs", "ecdsa_secp256r1_sha256"],
    ("rsa", "1.2"): ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
    ("ed25519", "1.2"): ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256",
                         "-sigalgs", "ed25519"],
    ("ecdsa", "1.3"): ["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"],
    ("rsa", "1.3"): ["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"],
    ("ed25519", "1.3"): ["-tls1_3", "-sigalgs", "ed25519"],
}


class Shown:
    """What s_client is served there: .leaf and .sent, its certificates in PEM; or .failed."""

    def __init__(self, port, name, *options):
        # As a visitor without a word to say, it ends with its input.
        p = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % port, "-showcerts",
                            *(["-servername", name] if name else ["-noservername"]), *options],
                           input=b"", capture_output=True, timeout=20)
        self.sent = re.findall(rb"-----BEGIN.*?-----END CERTIFICATE-----\n", p.stdout, re.S)
        self.failed = not self.sent
        self.verified = b"Verify return code: 0 (ok)" in p.stdout
        self.text = p.stdout + p.stderr

    def is_(self, cert):
        with open(cert.cert, "rb") as f:
            return b"".join(self.sent) == f.read()


@pytest.mark.parametrize("order", [("ecdsa", "rsa", "ed25519"), ("rsa", "ed25519", "ecdsa")],
                         ids=" ".join)
def test_each_gets_what_he_can_use(tunnel, order):
    ca = tunnel.ca()
    made = {kind: ca.issue(A, kind=kind) for kind in order}
    server = tunnel.server(*[o for kind in order for o in made[kind].options()])
    for (kind, version), options in ONLY.items():
        shown = Shown(server.port, A, *options)
        assert shown.is_(made[kind]), (kind, version, shown.text)
    for name in ("nobody.example", None):
        assert Shown(server.port, name, *ONLY["rsa", "1.3"]).is_(made["rsa"])
        assert Shown(server.port, name, "-tls1_2").is_(made["ecdsa"])
    # Who pins the one that is said gets it, whatever stands first.
    tunnel.client("wss://127.0.0.1:%d" % server.port, tunnel.upstream("ok"),
                  "--tls-pin=" + re.search("--tls-pin (\\S+)", server.log())[1])


def test_one_has_the_name_and_one_a_wildcard(tunnel):
    """Each with its own chain; and with nothing of a third one, which is for another name."""
    root = tunnel.ca()
    below = [CA(tunnel.path, "Below %d" % i, root) for i in range(2)]
    other = root.issue("other.example", kind="rsa")
    exact = below[0].issue("www.a.example", kind="ecdsa")
    wild = below[1].issue("*.a.example", kind="rsa")
    server = tunnel.server(*other.options(), *wild.options(), *exact.options())
    trust = ["-CAfile", root.cert, "-verify_hostname"]
    for kind, cert in (("ecdsa", exact), ("rsa", wild)):
        for version in ("1.2", "1.3"):
            shown = Shown(server.port, "www.a.example", *ONLY[kind, version], *trust, "www.a.example")
            assert shown.is_(cert) and shown.verified, shown.text
    assert Shown(server.port, "x.a.example", *ONLY["rsa", "1.3"], *trust, "x.a.example").is_(wild)
    assert Shown(server.port, "x.a.example", *ONLY["ecdsa", "1.3"]).failed
    assert Shown(server.port, "other.example", *ONLY["rsa", "1.2"]).is_(other)


def test_nobody_gets_what_is_for_another_name(tunnel):
    ca = tunnel.ca()
    first, second = ca.issue(A, kind="rsa"), ca.issue("b.example", kind="ecdsa")
    server = tunnel.server(*first.options(), *second.options())
    for version in ("1.2", "1.3"):
        assert Shown(server.port, "b.example", *ONLY["rsa", version]).failed
        assert Shown(server.port, "b.example", *ONLY["ecdsa", version]).is_(second)
        assert Shown(server.port, A, *ONLY["ecdsa", version]).failed


def test_hosts_have_to_be_in_all_of_them(tunnel):
    """Which one a resumed connection once got nobody knows any more."""
    ca = tunnel.ca()
    server = tunnel.server(*ca.issue(A, "both.example", "one.example").options(),
                           *ca.issue(A, "both.example", kind="rsa").options())
    tunnel.client(server, tunnel.upstream("ok"))
    with TlsVisitor(server.address, ca.context(), A) as v:
        assert v.get(host="both.example").status == 200
        assert v.get(host="one.example").status == 421


@pytest.mark.parametrize("how", ["files", "reload"])
def test_a_second_one_comes_later(tunnel, how):
    """In files that change by themselves, and in options that are read again."""
    ca = tunnel.ca()
    rsa, ecdsa = ca.issue(A, kind="rsa"), ca.issue(A, kind="ecdsa")
    directory = tunnel.path / "certs"
    directory.mkdir()
    shutil.copy(rsa.both, directory / "a.pem")
    config = tunnel.path / "server.yaml"
    lines = "tls-cert: [%s]\n"
    config.write_text(lines % (directory if how == "files" else rsa.both))
    server = tunnel.server("--config=%s" % config)
    assert Shown(server.port, A, *ONLY["ecdsa", "1.3"]).failed
    if how == "files":
        shutil.copy(ecdsa.both, directory / "b.pem")
    else:
        config.write_text(lines % ", ".join([rsa.both, ecdsa.both]))
        server.send_signal(signal.SIGHUP)
    wait_until(lambda: Shown(server.port, A, *ONLY["ecdsa", "1.3"]).sent, "the ECDSA certificate")
    assert Shown(server.port, A, *ONLY["rsa", "1.2"]).is_(rsa)
