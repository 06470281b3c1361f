# SPDX-License-Identifier: MIT
"""An application and the ways to it: what every entry of the table has in common."""

import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess

from harness.programs import Client, Server
from harness.public import free_port, port_of
from harness.stage import Daemon
from harness.wait import wait_until

HERE = "127.0.0.1"
FILES = pathlib.Path(__file__).parent / "files"
# scripts/compatibility installs there, and says where; who only reads the table needs none.
CACHE = pathlib.Path(os.environ.get("COMPATIBILITY_CACHE", "/nonexistent"))
PYTHON, NODE = CACHE / "python" / "bin", CACHE / "node" / "node_modules"
# How long an application may take until it listens: JupyterLab imports much, on a busy machine.
START = 60.0  # seconds
# How long a program may run that checks something.
PROGRAM = 60.0  # seconds


class Failed(AssertionError):
    """A check that did not come out as it should; the text is one line."""


class Way:
    """How a visitor comes to the application."""

    def __init__(self, name, tunnel=True, tls=False, own_host=False):
        self.name, self.tunnel, self.tls, self.own_host = name, tunnel, tls, own_host


DIRECT = Way("direct", tunnel=False)
PLAIN = Way("tunnel, http")
TLS = Way("tunnel, https", tls=True)
HOST_PLAIN = Way("--upstream-host, http", own_host=True)
HOST_TLS = Way("--upstream-host, https", own_host=True, tls=True)
WAYS = [DIRECT, PLAIN, TLS, HOST_PLAIN, HOST_TLS]
# The table's columns.
COLUMNS = [("direct", [DIRECT]), ("tunnel", [PLAIN, TLS]),
           ("with `--upstream-host`", [HOST_PLAIN, HOST_TLS])]


class Place:
    """Where a visitor finds the application."""

    def __init__(self, way, name, port):
        self.way, self.name, self.port = way, name, port
        self.scheme = "https" if way.tls else "http"
        self.host = "%s:%d" % (name, port)
        self.url = "%s://%s" % (self.scheme, self.host)

    def local(self):
        """The same for programs that know no names of ours."""
        return "localhost:%d" % self.port


class Application:
    """Subclasses say what they are, how they start, and what has to work."""

    title = None  # with {package} where that one's version goes
    checks = None  # what is checked, in words
    # Its own options for visitors of another name; it is started without them first.
    options = ()
    advice = None  # the same in words, where they are not the words
    needs = None  # what the tunnel has to be told, beside --upstream=http://HOST:PORT
    ways = WAYS
    visitors = "visitors.test"  # the name that they ask for

    def __init__(self, stage, browser):
        self.stage, self.browser = stage, browser
        self.env = dict(stage.env)
        self.path = stage.path / "app"
        self.path.mkdir()
        self.path.chmod(0o755)
        # Of its own, or it meets what another user's run left in the machine's.
        temporary = self.path / "tmp"
        temporary.mkdir()
        temporary.chmod(0o1777)
        self.env["TMPDIR"] = str(temporary)
        self.rounds = 0
        self.daemon = None
        self.port = free_port()
        self.prepare()

    def prepare(self):
        """Files that it serves."""

    def argv(self, options):
        raise NotImplementedError

    def check(self, place):
        raise NotImplementedError

    def start(self, options):
        self.daemon = self.stage.add(Group(self.stage, self.stage.name("application"),
                                           self.argv(options), env=self.env, cwd=self.path))
        self.daemon.start()

        def up():
            if not self.daemon.alive():
                raise Failed("it ended: " + self.daemon.log()[-300:])
            try:
                return self.ask()
            except (OSError, http.client.HTTPException):
                return False
        wait_until(up, "the application to answer", START)

    def ask(self):
        """Whether it answers at all; some listen for a moment before they do."""
        connection = http.client.HTTPConnection(HERE, self.port, timeout=START)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        finally:
            connection.close()

    def stop(self):
        self.daemon.stop()

    def place(self, way):
        """Of the way, which is begun if it has to be."""
        if not way.tunnel:
            return Place(way, HERE, self.port)
        server = self.stage.add(Server(self.stage, *(["--auto-tls"] if way.tls else []))).start()
        upstream, options = self.upstream(way)
        client = self.stage.add(Client(self.stage, server, upstream, *options)).start()
        wait_until(lambda: " is published at " in client.log(), "the tunnel")
        return Place(way, self.visitors, self.public_port(server, client))

    def upstream(self, way):
        host = "%s:%d" % (HERE, self.port)
        return "http://" + host, (["--upstream-host=" + host] if way.own_host else [])

    def public_port(self, server, client):
        del client
        return server.port

    def folder(self):
        """A new one for each round of checks."""
        self.rounds += 1
        folder = self.path / ("round-%d" % self.rounds)
        folder.mkdir()
        return folder

    def run(self, *argv, status=0, **kwargs):
        """A program's standard output."""
        argv = [str(a) for a in argv]
        p = subprocess.run(argv, env=self.env, capture_output=True, timeout=PROGRAM,
                           stdin=subprocess.DEVNULL, check=False, **kwargs)
        if p.returncode != status:
            words = (p.stderr or p.stdout).decode("utf-8", "replace").strip().splitlines()
            raise Failed("%s: status %d: %s" % (argv[0], p.returncode, " ".join(words[-2:])[-300:]))
        return p.stdout


class TcpApplication(Application):
    """One that is published at a port of its own, and speaks first; TLS ends at the exit node."""

    ways = (DIRECT, PLAIN, TLS)

    def ask(self):
        with socket.create_connection((HERE, self.port), START) as s:
            return s.recv(1)

    def upstream(self, way):
        return "0=%stcp://%s:%d" % ("tls+" if way.tls else "", HERE, self.port), []

    def public_port(self, server, client):
        return port_of(client)


class Group(Daemon):
    """A daemon with all that it starts: kernels, workers, compilers."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, preexec_fn=os.setsid, **kwargs)
        self.expected_status |= {-signal.SIGTERM, 1, 130, 143}  # they have manners of their own

    def stop(self, number=signal.SIGTERM):
        try:
            super().stop(number)
        except AssertionError:
            self.expected_status.add(-signal.SIGKILL)  # who does not listen is ended all the same
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def expect(what, is_, wanted):
    if is_ != wanted:
        raise Failed("%s: %.200r, expected %.200r" % (what, is_, wanted))
