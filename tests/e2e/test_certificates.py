# SPDX-License-Identifier: MIT
"""tunnel ca and tunnel cert: programs that speak mutual TLS themselves, with OpenSSL as the judge."""

import os
import signal
import socket
import subprocess

import pytest

from harness.programs import TUNNEL
from harness.public import free_port
from harness.wait import PATIENCE, wait_until
from test_commands import asked_fixture, node_fixture  # noqa: F401


def openssl(*argv, **kwargs):
    return subprocess.run(["openssl", *map(str, argv)], capture_output=True, text=True, timeout=PATIENCE, **kwargs)


def verify(ca, directory, *options):
    """Whether OpenSSL trusts the certificate of a directory by these roots."""
    p = openssl("verify", "-CAfile", ca, *options, directory / "cert.pem")
    return p.returncode == 0


def names_of(directory):
    text = openssl("x509", "-in", directory / "cert.pem", "-noout", "-subject", "-ext", "subjectAltName").stdout
    lines = [line.strip() for line in text.splitlines()]
    assert lines[0] == "subject=" and lines[1] == "X509v3 Subject Alternative Name: critical", lines
    return lines[2]


def belong_together(directory):
    """Read by way of one version, as a program does that opens the directory once."""
    version = os.readlink(directory / ".current")
    public = [openssl(*words, "-in", directory / version / name, "-noout" if words[0] == "x509" else "-pubout").stdout
              for words, name in ((("x509", "-pubkey"), "cert.pem"), (("pkey",), "key.pem"))]
    return public[0] and public[0] == public[1]


class Keeper:
    """tunnel cert, which goes on."""

    def __init__(self, node, name, token, *options):
        self.out = node.tunnel.path / name
        self.daemon = node.tunnel.stage.daemon(
            name, [TUNNEL, "cert", "--out=%s" % self.out,
                   "--remote=" + node.server.address, "--token-from=%s" % token, *options], env=node.env)

    def key(self):
        try:
            return (self.out / "key.pem").read_bytes()
        except FileNotFoundError:
            return None

    def wait_for_another(self, before):
        return wait_until(lambda: self.key() not in (before, None) and self.key(), "a renewal", 3 * PATIENCE)


def get(node, name, *options):
    """The directory of a certificate that an identity got for itself."""
    directory = node.tunnel.path / name
    token = node.tunnel.path / (name + ".token")
    if not token.exists():
        node.create(name)
    node.ok("cert", "--once", "--out=%s" % directory, "--remote=" + node.server.address, "--token-from=%s" % token,
            *options)
    return directory


# ---- Commands ----

def test_commands(asked):
    assert asked.run("ca", "show")[0] == 4
    assert asked.run("ca", "rotate")[0] == 4
    domain = asked.ok("ca", "init", "--lifetime=24h").split()[4]
    assert asked.run("ca", "init")[0] == 1
    shown = asked.json("ca", "show")
    assert shown["trustDomain"] == domain and shown["lifetimeSeconds"] == 86400
    assert asked.ok("ca", "show", "--pem") == shown["bundle"]
    assert "PRIVATE" not in str(shown)
    assert asked.ok("ca", "show", "-o", "tsv").split("\t")[:2] == ["1", "signing"]
    assert "listed until" in asked.ok("ca", "rotate")
    assert [row.split("\t")[:2] for row in asked.ok("ca", "show", "-o", "tsv").splitlines()] == [
        ["2", "signing"], ["1", "listed"]]
    assert [row["action"] for row in asked.json("audit")][-2:] == ["ca.init", "ca.rotate"]
    assert asked.run("ca", "init", "--lifetime=59m")[0] == 2


def test_of_ones_own_name_alone(node):
    node.ok("ca", "init")
    directory = get(node, "web")
    name = names_of(directory)
    domain = node.json("ca", "show")["trustDomain"]
    assert name == "URI:spiffe://%s/ns/default/dc/127.0.0.1/svc/web" % domain
    assert (directory / "key.pem").stat().st_mode & 0o777 == 0o600
    way = ["--remote=" + node.server.address, "--token-from=%s" % (node.tunnel.path / "web.token")]
    node.create("redis")
    status, _, err = node.run("cert", "--once", "--out=%s" % directory, "--identity=redis", *way)
    assert status == 1 and "its own name alone" in err
    status, _, err = node.run("ca", "rotate", *way)
    assert status == 1 and "--operator" in err
    assert node.run("ca", "show", *way)[0] == 0
    # The operator names one.
    assert node.run("cert", "--once", "--out=%s" % directory)[0] == 2
    node.ok("cert", "--once", "--out=%s" % directory, "--identity=redis")
    assert names_of(directory).endswith("/svc/redis") and belong_together(directory)
    node.ok("token", "revoke", "redis")
    status, _, err = node.run("cert", "--once", "--out=%s" % directory, "--identity=redis")
    assert status == 1 and "redis is revoked" in err
    assert names_of(directory).endswith("/svc/redis") and belong_together(directory)
    node.ok("token", "revoke", "web")
    assert node.run("cert", "--once", "--out=%s" % directory, *way)[0] == 3


def test_without_a_server(node):
    node.server.stop()
    node.ok("ca", "init")
    node.ok("ca", "rotate")
    bundle = node.ok("ca", "show", "--pem")
    assert bundle.count("BEGIN CERTIFICATE") == 2
    assert node.run("cert", "--once", "--out=tls", "--identity=default")[0] == 5
    node.server.start()
    assert node.ok("ca", "show", "--pem") == bundle
    assert verify(get(node, "web") / "ca.pem", get(node, "web"))


# ---- Two programs ----

class TlsServer:
    """openssl s_server, which lets nobody in without a certificate that its roots vouch for, and says each line
    backwards."""

    def __init__(self, tunnel, directory):
        self.port = free_port()
        self.daemon = tunnel.stage.daemon(
            "s_server", ["openssl", "s_server", "-accept", "127.0.0.1:%d" % self.port, "-rev", "-Verify", "8",
                         "-verify_return_error", "-cert", directory / "cert.pem", "-cert_chain", directory / "cert.pem",
                         "-key", directory / "key.pem", "-CAfile", directory / "ca.pem"])
        self.daemon.expected_status |= {1, -15}
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "s_server")

    def answers(self, directory=None, ca=None):
        """Whether a client with such a certificate gets a line back, and trusts the server by these roots."""
        mine = [] if directory is None else ["-cert", directory / "cert.pem", "-cert_chain", directory / "cert.pem",
                                             "-key", directory / "key.pem"]
        p = openssl("s_client", "-connect", "127.0.0.1:%d" % self.port, "-CAfile", ca or directory / "ca.pem",
                    "-verify_return_error", "-quiet", *mine, input="hello\nCLOSE\n")
        return "olleh" in p.stdout


def test_mutual_tls(node, tunnel):
    node.ok("ca", "init")
    web, redis = get(node, "web"), get(node, "redis")
    for directory in (web, redis):
        assert verify(directory / "ca.pem", directory, "-purpose", "sslclient")
        assert verify(directory / "ca.pem", directory, "-purpose", "sslserver")
    server = TlsServer(tunnel, redis)
    assert server.answers(web)
    assert not server.answers(None, ca=web / "ca.pem")
    stranger = tunnel.ca().issue("web.example")
    assert openssl("s_client", "-connect", "127.0.0.1:%d" % server.port, "-CAfile", stranger.cert,
                   "-verify_return_error", "-quiet", input="hello\n").returncode != 0
    p = openssl("s_client", "-connect", "127.0.0.1:%d" % server.port, "-CAfile", web / "ca.pem",
                "-verify_return_error", "-quiet", "-cert", stranger.cert, "-key", stranger.key, input="hello\n")
    assert "olleh" not in p.stdout


def test_rotation_ends_nothing(node, tunnel):
    """Whoever has been renewed, and whoever has not, trust each other."""
    node.ok("ca", "init")
    web, old = get(node, "web"), get(node, "redis")
    server = TlsServer(tunnel, old)
    assert server.answers(web)
    first = (web / "ca.pem").read_text()
    node.ok("ca", "rotate")
    assert server.answers(web)
    get(node, "web")
    assert (web / "ca.pem").read_text() != first and (web / "ca.pem").read_text().endswith(first)
    assert (web / "cert.pem").read_text().count("BEGIN CERTIFICATE") == 2
    # The renewed one against a server that knows the old root alone, and has a certificate of it.
    assert server.answers(web)
    assert not verify(old / "ca.pem", web)
    assert verify(old / "ca.pem", web, "-untrusted", web / "cert.pem")
    assert verify(web / "ca.pem", web) and verify(web / "ca.pem", old)
    # A restart forgets neither root, a kill neither.
    node.server.kill()
    node.server.start()
    assert verify(get(node, "api") / "ca.pem", old)


# ---- Kept fresh ----

def test_renewal(node, tunnel):
    node.ok("ca", "init")
    token = node.create("web")
    told = tunnel.path / "told"
    keeper = Keeper(node, "tls", token, "--lifetime=5s", "--exec=echo renewed >> %s" % told)
    key = keeper.wait_for_another(None)
    for _ in range(2):
        key = keeper.wait_for_another(key)
        assert verify(keeper.out / "ca.pem", keeper.out) and belong_together(keeper.out)
    wait_until(lambda: told.read_text().count("renewed") >= 3, "the command")
    # The exit node is away for a while, and the certificate ends meanwhile.
    node.server.stop()
    keeper.daemon.log_contains("not renewed, and tried again")
    assert keeper.daemon.alive() and belong_together(keeper.out)
    key = keeper.key()
    node.server.start()
    keeper.wait_for_another(key)
    # Its token is another one from now on, in the same file.
    token.unlink()
    node.ok("token", "rotate", "web", "--overlap=1s", "--out=%s" % token)
    key = keeper.wait_for_another(keeper.key())
    keeper.wait_for_another(key)
    node.ok("token", "revoke", "web")
    assert keeper.daemon.wait(3 * PATIENCE) == 3
    keeper.daemon.expected_status.add(3)
    assert "does not know the token" in keeper.daemon.log()


def test_waits_for_the_first(node):
    node.ok("ca", "init")
    token = node.create("web")
    node.server.stop()
    keeper = Keeper(node, "tls", token)
    keeper.daemon.log_contains("no certificate yet, and tried again")
    node.server.start()
    keeper.wait_for_another(None)


def test_signals(node):
    node.ok("ca", "init")
    keeper = Keeper(node, "tls", node.create("web"))
    keeper.daemon.log_contains("valid until")
    key = keeper.key()
    keeper.daemon.send_signal(signal.SIGHUP)
    keeper.wait_for_another(key)
    keeper.daemon.send_signal(signal.SIGTERM)
    assert keeper.daemon.wait() == 0


@pytest.mark.parametrize("what, status, words", [
    (["--out=tls", "--exec=exit 7"], 1, "status 7"),
    (["--out=missing/tls"], 1, "cannot be made"),
    (["--out=tls", "--lifetime=100h"], 2, "from 5s to 72h"),
    (["--out=tls", "--lifetime=4s"], 2, "5s"),
    ([], 2, "--out"),
])
def test_failures(node, what, status, words):
    node.ok("ca", "init")
    got = node.run("cert", "--once", "--remote=" + node.server.address, "--token-from=%s" % node.create("web"), *what)
    assert got[0] == status and words in got[2], got


def test_no_authority(node):
    """It was asked too early: nothing to wait for."""
    status, _, err = node.run("cert", "--out=tls", "--remote=" + node.server.address,
                              "--token-from=%s" % node.create("web"))
    assert status == 4 and "tunnel ca init" in err
