# SPDX-License-Identifier: MIT
"""Files that options name: those that this user may not have, and links in their place."""

import os
import shutil
import subprocess

import pytest

from harness import programs

NOBODY = 65534
TOKEN = "--token=" + programs.TOKEN


class Stranger:
    """Runs the program as somebody who owns nothing here."""

    def __init__(self, tunnel):
        tunnel.path.chmod(0o755)
        self.env = tunnel.env
        self.state = tunnel.path / "own"
        self.state.mkdir(mode=0o700)
        os.chown(self.state, NOBODY, NOBODY)
        self.program = tunnel.path / "tunnel"
        shutil.copy(programs.TUNNEL, self.program)

    def run(self, *argv):
        return subprocess.run(
            ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups",
             self.program, *argv], env=self.env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def stranger(tunnel):
    return Stranger(tunnel)


@pytest.mark.root
def test_files_of_somebody_else(tunnel, stranger):
    """Which user is kept out by what: one line. A server that cannot keep its token just ends."""
    certificate = tunnel.ca().issue("a.example")
    os.chmod(certificate.cert, 0o644)
    closed = tunnel.path / "closed"
    closed.mkdir(mode=0o700)
    for options, words in [
            ([TOKEN, *certificate.options()],
             ["the private key %s cannot be read: Permission denied" % certificate.key,
              "mode 0600", "this is user nobody", "chgrp"]),
            # Beside its certificate, where it is looked for.
            ([TOKEN, "--tls-cert=%s" % certificate.cert],
             ["the private key %s cannot be read: Permission denied" % certificate.key]),
            ([TOKEN, "--tls-cert=%s/x.pem" % closed],
             ["user nobody may not enter the directory %s: it is root's, mode 0700" % closed]),
            (["--token-from=%s" % certificate.key],
             ["the token file %s cannot be opened" % certificate.key, "chown"]),
            (["--state-dir=%s/state" % closed],
             ["a token can be neither found nor kept", "may not enter the directory %s" % closed]),
            (["--state-dir=/proc/a/b"], ["the state directory /proc/a/b cannot be made"])]:
        p = stranger.run("server", "--port=0", "--bind-addr=127.0.0.1",
                         "--state-dir=%s" % stranger.state, *options)
        assert p.returncode in (1, 2), p
        lines = [line for line in p.stderr.splitlines() if " info " not in line]
        assert len(lines) == 1, lines
        for word in words:
            assert word in lines[0]


@pytest.mark.root
def test_check_config_as_somebody_else(tunnel, stranger):
    """It judges for the user who asks."""
    certificate = tunnel.ca().issue("a.example")
    path = tunnel.path / "s.yaml"
    path.write_text("port: 0\ntls-cert: %s\naccess-log: /proc/x\n" % certificate.both)
    path.chmod(0o644)
    assert "--tls-cert" not in tunnel.run("check-config", path)[2]
    p = stranger.run("check-config", path)
    assert p.returncode == 0 and "valid server" in p.stdout
    assert "--tls-cert: the certificate %s cannot be read: Permission denied (" % certificate.both \
        in p.stderr and "this is user nobody" in p.stderr
    assert "--access-log: /proc/x cannot be opened" in p.stderr


@pytest.mark.regression
def test_ready_file_follows_no_link(tunnel):
    """Whoever may write into the ready file's directory could choose what is overwritten."""
    victim = tunnel.stage.file("victim", "precious")
    server = tunnel.server(start=False)
    server.ready_file.with_name(server.ready_file.name + ".new").symlink_to(victim)
    server.start()
    assert victim.read_text() == "precious"
    assert not server.ready_file.is_symlink()
