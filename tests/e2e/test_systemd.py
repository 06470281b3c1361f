# SPDX-License-Identifier: MIT
"""What systemd is told (sd_notify). The units themselves are tests/lint/units.py's."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import certs, programs


class Manager:
    """The other end of sd_notify."""

    def __init__(self, path):
        self.path = str(path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(10)

    def receive(self):
        return self.sock.recv(4096).decode()

    def wait_for(self, word):
        while True:
            text = self.receive()
            if word in text.split("\n"):
                return text

    def wait_for_line(self, beginning):
        while True:
            for line in self.receive().split("\n"):
                if line.startswith(beginning):
                    return line

@pytest.fixture
def manager(stage):
    return Manager(stage.path / "notify")

def test_ready_after_the_listeners_are_open(tunnel, manager):
    env = dict(tunnel.env, NOTIFY_SOCKET=manager.path)
    server = tunnel.server(env=env, start=False)
    server.start(wait=False)
    manager.wait_for("READY=1")
    server.wait_ready()
    socket.create_connection(("127.0.0.1", server.port), 1).close()
    server.stop()
    manager.wait_for("STOPPING=1")

def test_abstract_socket(tunnel):
    name = "\0tunnel-e2e-%d" % os.getpid()
    manager = Manager.__new__(Manager)
    manager.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.sock.bind(name)
    manager.sock.settimeout(10)
    tunnel.server(env=dict(tunnel.env, NOTIFY_SOCKET="@" + name[1:]))
    manager.wait_for("READY=1")

def test_client_is_ready_without_its_server(tunnel, manager):
    """A unit that waited for the server would be killed by its start timeout at boot; or the client
    is ready when it is connected. Either way READY comes once the tunnel works."""
    env = dict(tunnel.env, NOTIFY_SOCKET=manager.path)
    server = tunnel.server()
    tunnel.client(server, tunnel.upstream(), env=env)
    manager.wait_for("READY=1")

@pytest.mark.parametrize("who", ["server", "client"])
def test_watchdog(tunnel, manager, who):
    env = dict(tunnel.env, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
    if who == "server":
        tunnel.server(env=env)
    else:
        tunnel.client(tunnel.server(), tunnel.upstream(), env=env)
    for _ in range(3):
        manager.wait_for("WATCHDOG=1")
        began = time.monotonic()
    manager.wait_for("WATCHDOG=1")
    assert time.monotonic() - began < 0.4

@pytest.mark.parametrize("who", ["server", "client"])
def test_reload(tunnel, manager, who):
    """ExecReload= sends SIGHUP; RELOADING comes with the time that Type=notify-reload asks for."""
    env = dict(tunnel.env, NOTIFY_SOCKET=manager.path)
    if who == "server":
        daemon = tunnel.server(env=env)
    else:
        daemon = tunnel.client(tunnel.server(), tunnel.upstream(), env=env)
    manager.wait_for("READY=1")
    before = time.monotonic_ns() // 1000
    daemon.send_signal(signal.SIGHUP)
    lines = manager.wait_for("RELOADING=1").split("\n")
    told = [line for line in lines if line.startswith("MONOTONIC_USEC=")]
    assert len(told) == 1 and int(told[0].split("=")[1]) >= before
    manager.wait_for("READY=1")
    assert daemon.alive()

def test_ready_when_the_reload_is_over(tunnel, manager):
    """Behind READY=1 no worker answers with the certificate from before."""
    def renewed():
        return certs.self_signed(tunnel.stage.path, "exit.example")

    server = tunnel.server("--workers=4", *renewed().options(),
                           env=dict(tunnel.env, NOTIFY_SOCKET=manager.path))
    manager.wait_for("READY=1")
    for _ in range(3):
        new = renewed()
        server.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1")
        served = {certs.serial_served(("127.0.0.1", server.port)) for _ in range(8)}
        assert served == {new.serial}
    read, over = (server.log().index(text) for text in ("certificates were read again", "reloaded"))
    assert read < over


def test_watchdog_of_somebody_else(tunnel, manager):
    env = dict(tunnel.env, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    tunnel.server(env=env)
    manager.wait_for("READY=1")
    manager.sock.settimeout(1)
    with pytest.raises(socket.timeout):
        manager.wait_for("WATCHDOG=1")

def test_a_manager_that_is_gone(tunnel, stage):
    server, _, _ = tunnel.through()
    other = tunnel.server(env=dict(tunnel.env, NOTIFY_SOCKET=str(stage.path / "nobody")))
    assert other.alive() and server.alive()

class Journal:
    """The other end of a unit's standard output and error."""

    def __init__(self, tunnel):
        self.ours, self.theirs = socket.socketpair()
        self.env = dict(tunnel.env, JOURNAL_STREAM=self.stream(self.theirs.fileno()))
        self.text = ""

    @staticmethod
    def stream(fd):
        st = os.fstat(fd)
        return "%d:%d" % (st.st_dev, st.st_ino)

    def given_to(self, start):
        daemon = start(env=self.env, stderr=self.theirs)
        self.theirs.close()
        return daemon

    def wait_for(self, text):
        self.ours.settimeout(10)
        while text not in self.text:
            data = self.ours.recv(65536)
            assert data, self.text
            self.text += data.decode()
        return next(line for line in self.text.splitlines() if text in line)

    def all_lines(self):
        while data := self.ours.recv(65536):
            self.text += data.decode()
        return self.text.splitlines()

@pytest.mark.parametrize("options,access", [
    ([], r"<6>access visitor=127.0.0.1 .* path=/seen "),
    (["--access-log=/dev/stderr"], r"<6>access visitor=127.0.0.1 .* path=/seen "),
    (["--log-format=json"], r'<6>{"time":"[^"]+","level":"info","log":"access",.*"path":"/seen"'),
])
def test_journal(tunnel, options, access):
    """A priority for each line, the access log's too, and in text no second time."""
    journal = Journal(tunnel)
    server = journal.given_to(lambda **stderr: tunnel.server(*options, "--no-seal", **stderr))
    tunnel.client(server, tunnel.upstream())
    tunnel.visitor(server).get("/seen")
    assert re.match(access, journal.wait_for("/seen"))
    server.stop()
    lines = journal.all_lines()
    assert all(re.match(r"<[3467]>[a-z{]", line) for line in lines), lines
    assert [line for line in lines if line.startswith("<4>") and "not encrypted" in line]

class Entries:
    """A journal of systemd's kind, which has a socket for entries beside the stream: there each line has fields."""

    def __init__(self, stage):
        folder = stage.path / "journal"
        folder.mkdir()
        self.listener, self.socket, self.stream = socket.socket(socket.AF_UNIX), socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "stdout"))
        self.listener.listen()
        self.socket.bind(str(folder / "socket"))
        self.socket.settimeout(10)
        self.stream.connect(str(folder / "stdout"))

    def given_to(self, tunnel, start):
        return start(env=dict(tunnel.env, JOURNAL_STREAM=Journal.stream(self.stream.fileno())), stderr=self.stream)

    def wait_for(self, text):
        """The next entry with this in its message, as its fields."""
        while True:
            found = dict(line.split("=", 1) for line in self.socket.recv(1 << 16).decode().splitlines())
            if text in found["MESSAGE"]:
                return found

    def close(self):
        for s in self.listener, self.socket, self.stream:
            s.close()


@pytest.fixture
def entries(stage):
    with contextlib.closing(Entries(stage)) as e:
        yield e


@pytest.mark.parametrize("options,begins", [
    ((), "access visitor=127.0.0.1 "),
    (("--access-log=/dev/stderr",), "access visitor=127.0.0.1 "),
    (("--access-log-format=logfmt",), "time="),
    (("--log-format=json",), '{"time":'),
    (("--access-log-format=combined",), "127.0.0.1 - - "),
])
def test_journal_with_fields(tunnel, entries, options, begins):
    """The access log's lines have the same fields there, whatever their form."""
    server = entries.given_to(tunnel, lambda **given: tunnel.server("--no-seal", *options, **given))
    assert entries.wait_for("not encrypted")["PRIORITY"] == "4"
    tunnel.client(server, tunnel.upstream())
    tunnel.visitor(server).get("/seen?a=b c=%20\"\\".replace(" ", "%20"), host="app.test")
    seen = entries.wait_for("/seen")
    assert (seen["PRIORITY"], seen["SYSLOG_IDENTIFIER"], seen["TUNNEL_LOG"]) == ("6", "tunnel", "access")
    assert seen["MESSAGE"].startswith(begins) and "TUNNEL_" not in seen["MESSAGE"]
    assert (seen["TUNNEL_METHOD"], seen["TUNNEL_HOST"], seen["TUNNEL_STATUS"], seen["TUNNEL_PROTOCOL"]) == (
        "GET", "app.test", "200", "HTTP/1.1")
    assert seen["TUNNEL_PATH"].startswith("/seen?a=b%20c=%20")
    assert len(seen["TUNNEL_REQUEST_ID"]) == 32 and int(seen["TUNNEL_CONNECTION"]) > 0
    assert "TUNNEL_WHY" not in seen and "TUNNEL_CONSUMER" not in seen


def test_journal_of_a_connection(tunnel, entries):
    """Sentences have its number, as the access log has; what a visitor writes does not make one."""
    server = entries.given_to(tunnel, lambda **given: tunnel.server("--log-level=debug", **given))
    with tunnel.visitor(server) as visitor:
        visitor.send("GET / HTTP/1.1\r\nHost: a\r\nNo connection=77\r\n\r\n").read_response()
    refused = entries.wait_for("refused request")
    seen = entries.wait_for("status=400")
    assert refused["TUNNEL_CONNECTION"] == seen["TUNNEL_CONNECTION"] != "77"
    assert refused["MESSAGE"].endswith(" connection=" + refused["TUNNEL_CONNECTION"])
    assert "TUNNEL_LOG" not in refused


def test_journal_of_the_audit_log(tunnel, entries):
    server = entries.given_to(tunnel, lambda **given: tunnel.server("--audit-log=/dev/stderr", **given))
    tunnel.client(server, tunnel.upstream())
    seen = entries.wait_for("session.begin")
    assert (seen["TUNNEL_LOG"], seen["TUNNEL_ACTION"], seen["TUNNEL_ACTOR"]) == ("audit", "session.begin", "default")


def test_journal_of_a_client_without_its_exit_node(tunnel):
    """What `journalctl -p warning` finds: the cause, and that it was lost."""
    server = tunnel.server()
    journal = Journal(tunnel)
    journal.given_to(lambda **stderr: tunnel.client(server, "http://127.0.0.1:1", wait=False,
                                                    **stderr))
    journal.wait_for("is published at")
    server.kill()
    assert journal.wait_for("lost the connection").startswith("<4>warn ")
    assert journal.wait_for("cannot connect to").startswith("<4>warn ")

def test_journal_of_a_mistake(tunnel):
    ours, theirs = os.pipe()
    env = dict(tunnel.env, JOURNAL_STREAM=Journal.stream(theirs))
    p = subprocess.run([programs.TUNNEL, "server", "--prot=1"], env=env, stderr=theirs, timeout=30)
    os.close(theirs)
    with open(ours) as text:
        assert p.returncode == 2 and text.read().startswith("<3>tunnel server: ")

def test_status(tunnel, manager, stage):
    """`systemctl status`: who is connected, what is published, and why not."""
    other = Manager(stage.path / "notify-client")
    server = tunnel.server("--allow-ports=1024-65535",
                           env=dict(tunnel.env, NOTIFY_SOCKET=manager.path))
    manager.wait_for("STATUS=Serving; no client is connected")
    upstream = tunnel.upstream()
    client = tunnel.client(server, [upstream.url, "0=tcp://127.0.0.1:22", "1=tcp://127.0.0.1:22"],
                           services=2, env=dict(tunnel.env, NOTIFY_SOCKET=other.path))
    manager.wait_for("STATUS=Serving; clients: 1, services: 2")
    text = other.wait_for_line("STATUS=Connected to %s; published: %s at http://"
                               % (server.address, upstream.url))
    while "; refused: 1" not in text or " at tcp://" not in text:
        text = other.wait_for_line("STATUS=Connected to ")
    server.ask()
    manager.wait_for("STATUS=Finishing what is under way")
    server.stop()
    text = other.wait_for_line("STATUS=Not connected to %s, trying again: " % server.address)
    assert "refused" in text
    client.stop()
    other.wait_for("STATUS=Finishing what is under way")

def test_status_is_one_line_a_second(tunnel, manager):
    """Clients that come and go as fast as they can cost the server a line a second."""
    server = tunnel.server(env=dict(tunnel.env, NOTIFY_SOCKET=manager.path))
    manager.wait_for("STATUS=Serving; no client is connected")
    began, lines = time.monotonic(), 0
    for _ in range(8):
        tunnel.client(server, "http://127.0.0.1:1").stop()
    client = tunnel.client(server, ["http://127.0.0.1:1", "a.example=http://127.0.0.1:1"])
    text = ""
    while "clients: 1, services: 2" not in text:
        text = manager.receive()
        lines += "STATUS=" in text
    assert lines <= time.monotonic() - began + 2
    client.stop()
