# SPDX-License-Identifier: MIT
"""tunnel top and tunnel tail, on an exit node and beside a client: on a terminal and in pipes."""

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import threading

import pytest

from harness.admin import ask
from harness.programs import TUNNEL
from harness.public import free_ports
from harness.terminal import Terminal
from harness.upstream import response
from harness.visitor import Visitor
from harness.wait import PATIENCE, wait_until

BEGIN, END = "\x1b[?1049h", "\x1b[?1049l"


class Scene:
    def __init__(self, tunnel, client_options=("--panel=127.0.0.1:0",)):
        def answer(conn):
            conn.read_request()
            conn.send(response(b"x" * 2000))
        self.tunnel = tunnel
        self.upstream = tunnel.upstream(answer)
        self.server = tunnel.server("--workers=2")
        self.client = tunnel.client(self.server, ["busy.example.org=" + self.upstream.url, "idle.example.org=" + self.upstream.url,
                                                  "dead.example.org=http://127.0.0.1:1"], *client_options)
        self.sockets = {
            "server": str(self.server.admin_socket),
            "client": "%s/tunnel/client-%d.sock" % (tunnel.env["XDG_RUNTIME_DIR"], self.client.pid)}
        self.over = threading.Event()

    def run(self, side, *argv):
        status, out, err = self.tunnel.run(*argv, "--admin-socket=" + self.sockets[side])
        assert status == 0, err
        return out

    @contextlib.contextmanager
    def traffic(self):
        """Some requests, again and again."""
        def visit():
            while not self.over.wait(0.02):
                Visitor(self.server.address).get("/one?token=s3cret", host="busy.example.org")
        thread = threading.Thread(target=visit)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()


@pytest.fixture
def scene(tunnel):
    return Scene(tunnel)


@pytest.mark.parametrize("side", ["server", "client"])
def test_once(scene, side):
    visitor = scene.tunnel.visitor(scene.server)
    assert visitor.get("/", host="dead.example.org").status == 502
    with scene.traffic():
        scene.upstream.wait_received(b"GET /one")
        lines = scene.run(side, "top").splitlines()
        whole = json.loads(scene.run(side, "top", "--json"))
        names = scene.run(side, "top", "--once", "-o", "name").splitlines()
    assert "requests/s" in lines[1]
    rows = [line.split() for line in lines[4:]]
    assert "busy.example.org" in rows[0][0] and "busy.example.org" in names[0] and len(rows) == len(names) == 3
    assert any("refused" in line for line in lines if "dead.example.org" in line)
    first = whole["items"][0]
    assert whole["overview"]["rps"] > 0 and first["rps" if side == "server" else "cps"] > 0
    assert first["out"] > 2000 and whole["items"][1]["out"] == 0


def test_clients_and_requests(scene):
    with scene.traffic():
        scene.upstream.wait_received(b"GET /one")
        clients = scene.run("server", "top", "--by=clients", "--sort=out").splitlines()
        requests = scene.run("server", "top", "--by=requests").splitlines()
    assert clients[3].split()[:2] == ["CLIENT", "FROM"] and clients[4].startswith("default ") and len(clients) == 5
    assert len(requests) > 5 and all("busy.example.org" in line and "s3cret" not in line for line in requests[4:])
    status, _, err = scene.tunnel.run("top", "--by=clients", "--admin-socket=" + scene.sockets["client"])
    assert status == 2 and "a client has no clients to show" in err


class Full:
    """`tunnel top` on a terminal of 120 columns and 20 lines."""

    def __init__(self, scene, side, argv=None):
        self.terminal = scene.tunnel.stage.add(Terminal())
        fcntl.ioctl(self.terminal.follower, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 120, 0, 0))
        self.before = termios.tcgetattr(self.terminal.follower)
        self.process = subprocess.Popen(
            argv or [TUNNEL, "top", "--admin-socket=" + scene.sockets[side]], stdin=self.terminal.follower,
            stdout=self.terminal.follower, stderr=self.terminal.follower, env={**scene.tunnel.env, "TERM": "xterm"},
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def screen(self):
        """What was drawn last."""
        return self.terminal.raw().split("\x1b[H")[-1]

    def wait(self, condition, what):
        self.terminal.wait(lambda: condition(self.screen()), what)

    def press(self, key):
        os.write(self.terminal.leader, key.encode())

    def ended(self):
        """With the terminal as it was."""
        status = self.process.wait(PATIENCE)
        # What the program wrote last may still be on its way to whoever reads the terminal.
        self.terminal.wait(lambda: self.terminal.raw().count(BEGIN) == self.terminal.raw().count(END) > 0,
                           "the terminal to be as it was")
        assert self.terminal.raw().rstrip("\r\n").endswith(END) and "\x1b[?25h" in self.terminal.raw()
        after = termios.tcgetattr(self.terminal.follower)
        assert after[:4] == self.before[:4]
        return status


def test_tail_goes_on(scene):
    """The server is started anew, and then the client: each says so, and requests behind it are told of."""
    tails = {side: scene.tunnel.stage.daemon("tail-" + side, [TUNNEL, "tail", "--json", "--admin-socket=" + scene.sockets[side]])
             for side in ("server", "client")}
    for tail in tails.values():
        tail.expected_status.add(-signal.SIGTERM)

    def shows(tail, path):
        def shown():
            Visitor(scene.server.address).get(path, host="busy.example.org")
            return [line for line in tail.log().splitlines() if line.startswith("{") and '"%s"' % path in line]
        return wait_until(shown, "%s in what tail prints" % path)
    for side, tail in tails.items():
        shows(tail, "/before-" + side)
    scene.server.kill()
    tails["server"].log_contains("; trying again")
    assert tails["server"].alive() and tails["server"].log().count("trying again") == 1
    scene.server.start()
    scene.server.log_contains("publishes busy.example.org", PATIENCE)
    tails["server"].log_contains("the server answers again")
    shows(tails["server"], "/behind-it")
    assert tails["client"].alive() and "trying again" not in tails["client"].log()


def test_full_screen(scene):
    with scene.traffic():
        top = Full(scene, "server")
        top.wait(lambda text: "services by rate" in text and "busy.example.org" in text, "the services")
        assert all(len(line.replace("\x1b[K", "").replace("\x1b[J", "")) <= 120 for line in top.screen().split("\r\n")[3:])
        top.press("s")
        top.wait(lambda text: "services by out" in text, "another order")
        top.press("w")
        top.wait(lambda text: "clients by out" in text and "CONNECTED" in text, "the clients")
        top.press("r")
        top.wait(lambda text: "METHOD" in text and "/one" in text, "the requests")
        top.press("q")
        assert top.ended() == 0


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_leave_the_terminal_as_it_was(scene, sig):
    top = Full(scene, "client")
    top.wait(lambda text: "services by rate" in text, "the services")
    top.process.send_signal(sig)
    assert top.ended() == 0


def test_stopped_and_continued(scene):
    """By Ctrl-Z and fg, of a shell."""
    shell = Full(scene, "server", argv=["bash", "--norc", "-i"])
    shell.press("%s top --admin-socket=%s\n" % (TUNNEL, scene.sockets["server"]))
    shell.wait(lambda text: "services by rate" in text, "the services")
    shell.press("\x1a")
    wait_until(lambda: "Stopped" in shell.terminal.raw().rpartition(END)[2], "the terminal to be the shell's")
    shell.press("fg\n")
    wait_until(lambda: "services by rate" in shell.terminal.raw().split(BEGIN)[-1] and shell.terminal.raw().count(BEGIN) == 2,
               "the screen to be back")
    shell.press("q")
    wait_until(lambda: shell.terminal.raw().count(END) == 2, "its end")
    shell.press("exit\n")
    assert shell.process.wait(PATIENCE) == 0


def test_server_that_is_started_anew(scene):
    top = Full(scene, "server")
    top.wait(lambda text: "services by rate" in text, "the services")
    scene.server.stop()
    top.wait(lambda text: "! " in text, "the trouble")
    scene.server.start()
    top.wait(lambda text: "services by rate" in text, "its end")
    top.press("q")
    assert top.ended() == 0


class Tail:
    def __init__(self, scene, side, *options):
        self.process = subprocess.Popen(
            [TUNNEL, "tail", "--admin-socket=" + scene.sockets[side], *options], stdout=subprocess.PIPE, text=True,
            env=scene.tunnel.env)

    def line(self):
        return self.process.stdout.readline()

    def end(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@pytest.mark.parametrize("side", ["server", "client"])
def test_tail(scene, side):
    tail = Tail(scene, side, "--json", "--host=busy.example.org", "--status=2xx")
    try:
        # It tells of what comes when it has looked once, which shows in nothing else.
        with scene.traffic():
            first = json.loads(tail.line())
        assert (first["method"], first["host"], first["status"]) == ("GET", "busy.example.org", 200)
        assert first["path"].startswith("/one") and "s3cret" not in json.dumps(first)
        for path, host in (("/left-out", "idle.example.org"), ("/last", "busy.example.org")):
            scene.tunnel.visitor(scene.server).get(path, host=host)
        told = [first["id"]]
        while (row := json.loads(tail.line()))["path"] != "/last":
            assert row["host"] == "busy.example.org"
            told.append(row["id"])
        assert len(set(told)) == len(told) and row["duration"] > 0
    finally:
        tail.end()


def test_tail_of_a_slow_request(scene):
    """A client has it from its beginning; it is told of once, when it ends, and nothing behind it is lost."""
    gate = threading.Event()

    def slow(conn):
        while request := conn.read_request():
            if b"GET /slow" in request[0]:
                gate.wait(PATIENCE)
            conn.send(response(b"ok"))
    u = scene.tunnel.upstream(slow)
    client = scene.tunnel.client(scene.server, "slow.example.org=" + u.url, "--panel=127.0.0.1:0")
    scene.sockets["client"] = "%s/tunnel/client-%d.sock" % (scene.tunnel.env["XDG_RUNTIME_DIR"], client.pid)
    tail = Tail(scene, "client", "-o", "tsv")
    try:
        warm = threading.Event()

        def visit():
            while not warm.wait(0.1):
                Visitor(scene.server.address).get("/warm", host="slow.example.org")
        thread = threading.Thread(target=visit)
        thread.start()
        assert "/warm" in tail.line()
        warm.set()
        thread.join()
        waiting = scene.tunnel.visitor(scene.server)
        waiting.send(b"GET /slow HTTP/1.1\r\nHost: slow.example.org\r\n\r\n")
        u.wait_received(b"/slow")
        for n in range(3):
            scene.tunnel.visitor(scene.server).get("/quick/%d" % n, host="slow.example.org")
        paths = []
        while len(paths) < 3:
            path = tail.line().split("\t")[5]
            paths += [path] if path != "/warm" else []
        assert paths == ["/quick/0", "/quick/1", "/quick/2"]
        gate.set()
        assert tail.line().split("\t")[5] == "/slow"
    finally:
        tail.end()


def test_of_a_client_by_what_is_open(tunnel):
    """Which no rate says: of two that do nothing, the one with a connection is first."""
    server = tunnel.server()
    idle, busy = free_ports(2)
    upstreams = [tunnel.upstream(), tunnel.upstream(lambda conn: conn.read_to_end())]
    places = ["%d=tcp://%s" % (port, u.address) for port, u in zip((idle, busy), upstreams, strict=True)]
    client = tunnel.client(server, places, services=2)
    socket = "%s/tunnel/client-%d.sock" % (tunnel.env["XDG_RUNTIME_DIR"], client.pid)
    with Visitor(("127.0.0.1", busy)) as v:
        v.send(b"held")
        upstreams[1].wait_received(b"held")
        out = tunnel.run("top", "--once", "--sort=open", "-o", "tsv", "--admin-socket=" + socket)[1]
    first, second = out.splitlines()[-2:]
    assert ":%d\t" % busy in first and ":%d\t" % idle in second, out


def test_without_an_inspector(tunnel):
    scene = Scene(tunnel, client_options=())
    status, out, err = tunnel.run("tail", "--admin-socket=" + scene.sockets["client"])
    assert (status, out) == (4, "") and "this client keeps no requests" in err
    assert json.loads(scene.run("client", "top", "--json"))["overview"]["rps"] is None
    for wrong in (["tail", "--status=5"], ["tail", "--status=abc"], ["top", "--by=colour"], ["top", "--every=0s"]):
        assert tunnel.run(*wrong)[0] == 2


def test_over_a_link(scene):
    token = scene.tunnel.path / "operator.token"
    scene.run("server", "token", "create", "ops", "--operator", "--out=%s" % token)
    status, out, err = scene.tunnel.run("top", "--once", "--json", "--remote=" + scene.server.address, "--token-from=%s" % token)
    assert status == 0 and len(json.loads(out)["items"]) == 3, err


def test_several_clients(tunnel):
    scene = Scene(tunnel)
    env = {**tunnel.env, "XDG_STATE_HOME": str(tunnel.path / "nothing-here")}
    out = subprocess.run([TUNNEL, "top", "--once"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert out.returncode == 0 and "connections/s" in out.stdout, out.stderr
    tunnel.client(scene.server, "other.example.org=" + scene.upstream.url)
    out = subprocess.run([TUNNEL, "top", "--once"], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert out.returncode == 2 and out.stderr.count("client-") == 2, out.stderr


def test_attention(scene):
    """The upstream that refuses is named, with what to do, until it is reached."""
    def attention():
        return [item["what"] for item in ask(scene.sockets["client"], "/api/v1/attention").json["items"]]
    assert attention() == []
    scene.tunnel.visitor(scene.server).get("/", host="dead.example.org")
    what, = attention()
    assert what.startswith("The upstream http://127.0.0.1:1 was not reached when a visitor asked last: connection refused")
