"""What systemd is told (sd_notify). The units themselves are tests/lint/units.py's."""

import os
import signal
import socket
import time

import pytest


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
