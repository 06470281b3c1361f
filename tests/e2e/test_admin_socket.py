# SPDX-License-Identifier: MIT
"""The admin socket: where it is, who may use it, whose it is, and how it ends."""

import os
import pathlib
import pwd
import signal
import socket
import stat
import subprocess
import threading

import pytest

from harness.admin import Answer, ask, curl
from harness.upstream import response
from harness.wait import PATIENCE, wait_until

NOWHERE = "/api/v1/nowhere"


def test_default_place(tunnel):
    server = tunnel.server()
    assert stat.S_IMODE(os.stat(server.admin_socket).st_mode) == 0o600
    server.log_contains("the admin socket is %s" % server.admin_socket)
    answer = ask(server, NOWHERE)
    assert answer.status == 404 and answer.json["reason"] == "not_found"
    assert answer.fields["content-type"] == "application/problem+json"
    assert answer.fields["cache-control"] == "no-store"
    server.stop()
    assert not server.admin_socket.exists()
    # And once more where it was.
    server.start()
    assert ask(server, NOWHERE).status == 404


def test_runtime_directory(tunnel):
    """A unit's directory; of several the first."""
    runtime = tunnel.path / "run"
    runtime.mkdir()
    env = dict(tunnel.env, RUNTIME_DIRECTORY="%s:/none" % runtime)
    server = tunnel.server(env=env)
    assert ask(runtime / "admin.sock", NOWHERE).status == 404
    assert not server.admin_socket.exists()


def test_path_and_none(tunnel):
    path = tunnel.path / "my.sock"
    server = tunnel.server("--admin-socket=%s" % path)
    assert ask(path, NOWHERE).status == 404
    assert not server.admin_socket.exists()
    other = tunnel.server("--admin-socket=none")
    assert not other.admin_socket.exists()
    # No thread is there for it.
    assert "panel" in threads(server) and "panel" not in threads(other)


def threads(server):
    """Their names."""
    folder = pathlib.Path("/proc/%d/task" % server.pid)
    return [(thread / "comm").read_text().strip() for thread in folder.iterdir()]


def test_second_server_is_refused(tunnel):
    first = tunnel.server()
    command = ["server", "--port=0", "--bind-addr=127.0.0.1", "--token=" + tunnel.TOKEN]
    status, _, err = tunnel.run(*command, "--state-dir=%s" % first.state)
    assert status == 1 and "another tunnel works with the state directory %s" % first.state in err
    assert ask(first, NOWHERE).status == 404
    # One with another directory leaves the socket alone.
    status, _, err = tunnel.run(*command, "--state-dir=%s" % (tunnel.path / "other"),
                                "--admin-socket=%s" % first.admin_socket)
    assert status == 1 and "--admin-socket: another process listens at the socket" in err
    assert ask(first, NOWHERE).status == 404
    first.stop()
    second = tunnel.server(state=first.state)
    assert ask(second, NOWHERE).status == 404


def test_killed_server_leaves_it_behind(tunnel):
    server = tunnel.server()
    server.expected_status |= {-signal.SIGKILL}
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    assert server.admin_socket.exists()
    server.start()
    assert ask(server, NOWHERE).status == 404


@pytest.mark.parametrize("option, words", [
    ("--admin-socket=/proc/none/admin.sock", "the socket /proc/none/admin.sock cannot be made"),
    ("--admin-socket=/" + "a" * 120, "longer than the 107 bytes"),
    ("--admin-group=no-such-group", "--admin-group: there is no group no-such-group here"),
])
def test_what_cannot_be(tunnel, option, words):
    status, _, err = tunnel.run("server", "--port=0", "--bind-addr=127.0.0.1", "--token=" + tunnel.TOKEN,
                                "--state-dir=%s" % tunnel.path, option)
    assert status == 1 and words in err


@pytest.mark.regression
def test_ready_once_it_is_there(tunnel):
    """Whoever waits for the ready file finds the socket; where that cannot be had, nobody is told "ready"."""
    ready = tunnel.path / "never"
    status, _, _ = tunnel.run("server", "--port=0", "--bind-addr=127.0.0.1", "--token=" + tunnel.TOKEN,
                              "--state-dir=%s" % tunnel.path, "--ready-file=%s" % ready,
                              "--admin-socket=/proc/none/admin.sock")
    assert status == 1 and not ready.exists()


def test_a_file_is_no_socket(tunnel):
    """The default is given up, and the file stays."""
    server = tunnel.server(start=False)
    server.admin_socket.write_text("precious")
    server.start()
    server.log_contains("there is no admin socket: %s is there and is no socket"
                        % server.admin_socket)
    assert server.admin_socket.read_text() == "precious"


def test_check_config_knows_the_group(tunnel):
    _, out, err = tunnel.run("check-config", "server", "--admin-group=no-such-group")
    assert "--admin-group: there is no group no-such-group here" in out + err


@pytest.mark.root
def test_who_may(tunnel):
    """Root and its own user; with a group its members as well, by any of their groups."""
    nobody = pwd.getpwnam("nobody")
    tunnel.path.chmod(0o711)

    def as_nobody(server, *groups):
        return curl(server.admin_socket, NOWHERE, prefix=(
            "setpriv", "--reuid=%d" % nobody.pw_uid, "--regid=%d" % nobody.pw_gid,
            "--groups=" + ",".join(groups) if groups else "--clear-groups"))

    server = tunnel.server()
    server.state.chmod(0o711)
    p = as_nobody(server)
    assert p.returncode == 7, p  # the kernel: permission denied
    open_to_games = tunnel.server("--admin-group=games")
    open_to_games.state.chmod(0o711)
    assert stat.S_IMODE(os.stat(open_to_games.admin_socket).st_mode) == 0o666
    p = as_nobody(open_to_games)
    assert b"403 Forbidden" in p.stdout and b'"reason":"denied"' in p.stdout, p
    assert Answer(p.stdout).json["status"] == 403
    open_to_games.log_contains("user %d may not use the admin socket and is refused" % nobody.pw_uid)
    assert Answer(as_nobody(open_to_games, "games").stdout).status == 404
    assert Answer(as_nobody(open_to_games, "users", "games").stdout).status == 404
    assert ask(open_to_games, NOWHERE).status == 404  # root
    # However many of them come: they take no place of one who may.
    kept = socket.socket(socket.AF_UNIX)
    kept.connect(str(open_to_games.admin_socket))
    hold = "import socket, sys; s = [socket.socket(socket.AF_UNIX) for _ in range(100)]; " \
           "[x.connect(sys.argv[1]) for x in s]; print(s[0].recv(9), flush=True); input()"
    with subprocess.Popen(["setpriv", "--reuid=%d" % nobody.pw_uid, "--clear-groups", "/usr/bin/python3",
                           "-c", hold, str(open_to_games.admin_socket)], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as many:
        assert many.stdout.readline() == b"b''\n"  # the first had to go for the ninth
        kept.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert kept.recv(12) == b"HTTP/1.1 404"
        many.stdin.write(b"\n")
        many.stdin.close()
    kept.close()


@pytest.mark.root
def test_own_user(tunnel):
    """A server that is not root's: its user may."""
    nobody = pwd.getpwnam("nobody")
    prefix = ("setpriv", "--reuid=%d" % nobody.pw_uid, "--regid=%d" % nobody.pw_gid, "--clear-groups")
    tunnel.path.chmod(0o777)
    server = tunnel.server(start=False)
    os.chown(server.state, nobody.pw_uid, nobody.pw_gid)
    server.argv = [*prefix, os.path.abspath(server.argv[0]), *server.argv[1:]]
    server.start()
    assert Answer(curl(server.admin_socket, NOWHERE, prefix=prefix).stdout).status == 404


def test_methods_and_bodies(tunnel):
    server = tunnel.server()
    head = curl(server.admin_socket, NOWHERE, "--head")
    assert head.stdout.startswith(b"HTTP/1.1 404") and head.stdout.endswith(b"\r\n\r\n")
    assert ask(server, NOWHERE, "-X", "OPTIONS").status == 404
    assert ask(server, NOWHERE, "-X", "PATCH", "-d", "{}").status == 404
    big = tunnel.stage.file("big", "x" * ((1 << 20) + 1))
    assert ask(server, NOWHERE, "--data-binary", "@%s" % big).status == 413
    assert ask(server, NOWHERE, "-H", "Transfer-Encoding: chunked", "-d", "{}").status == 404


@pytest.mark.regression
def test_ready_is_said_behind_the_socket(tunnel):
    """Whoever waits for the ready file finds the socket: a server that cannot have one was never ready."""
    server = tunnel.server("--admin-socket=/nonexistent/admin.sock", start=False)
    server.expected_status = {1}
    server.start(wait=False)
    assert server.wait() == 1
    assert not server.ready_file.exists()


def test_end_with_connections(tunnel):
    """SIGTERM while peers hold it: in order, at once, with nothing left behind."""
    server = tunnel.server()
    peers = []
    for begun in (b"", b"GET /half", b"GET / HTTP/1.1\r\n\r\n",
                  b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(server.admin_socket))
        s.sendall(begun)
        peers.append(s)
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not server.alive(), "the end", 5)
    assert server.process.returncode == 0
    assert not server.admin_socket.exists()
    for s in peers:
        s.close()


def test_it_answers_while_requests_drain(tunnel):
    """What is under way is finished, and an operator can see that it is not over."""
    gate = threading.Event()

    def slow(conn):
        conn.read_request()
        gate.wait(PATIENCE)
        conn.send(response(b"ok"))
    upstream = tunnel.upstream(slow)
    server = tunnel.server()
    tunnel.client(server, upstream)
    with subprocess.Popen(["curl", "-sS", "--max-time", "30", "http://%s/" % server.address],
                          stdout=subprocess.PIPE) as visitor:
        upstream.wait_received(b"GET /")
        server.process.send_signal(signal.SIGTERM)
        server.log_contains("shutting down")
        assert ask(server, NOWHERE).status == 404
        gate.set()
        assert visitor.communicate()[0] == b"ok"
