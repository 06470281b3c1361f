# SPDX-License-Identifier: MIT
"""The stage of one row of the table of mistakes and habits (test_habits.py): what is typed on
either side, what that side then says and must not say, and how it ends."""

import dataclasses
import os
import shlex

import pytest

from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.stage import Daemon
from harness.wait import wait_until

RUNS = "keeps running"


@dataclasses.dataclass
class Side:
    """What is typed behind `tunnel`, as in a shell, with quotes; a list is taken word by word.

    says, never    sentences of its output, standard output included; each of `says` exactly once
    status         the exit status, or RUNS: the sentences are waited for, and it is still there
    low_ports      whether it may open ports below 1024
    """
    typed: object
    says: tuple = ()
    never: tuple = ()
    status: object = 2
    low_ports: bool = True


@dataclasses.dataclass
class Habit:
    """One row. In what is typed, in files and in `env`:

    {server}         HOST:PORT of the server's side; of an ordinary server, where none is typed
    {server_port}    its port alone
    {upstream}       HOST:PORT of a web server that answers "ok"; {upstream_port}: its port alone
    {port}           a free port

    files            name → text, in the directory in which both sides run
    env              name → value; TUNNEL_TOKEN is the right token, unless it says otherwise
                     (None: unset)
    no_files         names of files that must not be there afterwards
    visit            the path that a visitor then gets "ok" for; None: nobody visits
    """
    id: str
    server: Side = None
    client: Side = None
    files: dict = dataclasses.field(default_factory=dict)
    env: dict = dataclasses.field(default_factory=dict)
    visit: str = None
    no_files: tuple = ()


def unprivileged():
    """What has the program behind it run without the right to open low ports."""
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
        if int(f.read()) < 1024:
            pytest.skip("everybody may open low ports here")
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]


class Scene:
    def __init__(self, tunnel, habit):
        self.tunnel = tunnel
        self.habit = habit
        self.words = Words(tunnel)
        self.dir = tunnel.path / "typed"
        self.dir.mkdir()
        for name, text in habit.files.items():
            path = self.dir / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.words.fill(text))
            path.chmod(0o600)
        env = dict(tunnel.env, TUNNEL_TOKEN=TOKEN)
        for name, value in habit.env.items():
            env[name] = self.words.fill(value) if value is not None else None
        self.env = {k: v for k, v in env.items() if v is not None}

    def play(self):
        sides = [(name, getattr(self.habit, name)) for name in ("server", "client")]
        started = [(side, self.start(name, side)) for name, side in sides if side]
        if self.habit.visit:
            visitor = self.tunnel.visitor(self.words["server"])
            assert visitor.get(self.habit.visit).body == b"ok"
        # The server may have something to say of its client.
        for side, daemon in started:
            self.settle(side, daemon)
        for name in self.habit.no_files:
            assert not (self.dir / name).exists()

    def start(self, name, side):
        typed = side.typed if isinstance(side.typed, list) else shlex.split(side.typed)
        argv = [TUNNEL] + [self.words.fill(a) for a in typed]
        if not side.low_ports:
            argv = unprivileged() + argv
        ready = self.tunnel.path / "typed.ready"
        if name == "server" and side.status == RUNS:
            argv.append("--ready-file=%s" % ready)
        daemon = self.tunnel.stage.add(Daemon(self.tunnel.stage, "typed-" + name, argv,
                                              env=self.env, cwd=self.dir)).start()
        if side.status != RUNS:
            daemon.expected_status = {side.status}
        elif name == "server":
            wait_until(lambda: ready.exists() and ready.read_text().endswith("\n"), "the server")
            self.words["server"] = "127.0.0.1:" + ready.read_text().split()[1]
        elif self.habit.visit:
            self.await_sentences(side, daemon)
        return daemon

    def await_sentences(self, side, daemon):
        for sentence in side.says:
            daemon.log_contains(self.words.fill(sentence))

    def settle(self, side, daemon):
        if side.status == RUNS:
            self.await_sentences(side, daemon)
            assert daemon.alive(), "it ended with status %d: %s" % (daemon.wait(), daemon.log())
        else:
            daemon.wait()
        self.judge(side, daemon.log())

    def judge(self, side, said):
        for sentence in side.says:
            assert said.count(self.words.fill(sentence)) == 1, "%r, once, in:\n%s" % (
                self.words.fill(sentence), said)
        for sentence in side.never:
            assert self.words.fill(sentence) not in said, said
        assert TOKEN not in said
        if side.status == 2:
            assert len(said.strip().splitlines()) == 1, "one sentence: %s" % said


class Words(dict):
    """What stands for {…}, made when it is first needed."""

    def __init__(self, tunnel):
        self.tunnel = tunnel

    def __missing__(self, name):
        make = {"server": lambda: self.tunnel.server().address,
                "upstream": lambda: self.tunnel.upstream("ok").address,
                "server_port": lambda: self["server"].rsplit(":", 1)[1],
                "upstream_port": lambda: self["upstream"].rsplit(":", 1)[1],
                "port": lambda: str(free_port())}
        self[name] = make[name]()
        return self[name]

    def fill(self, text):
        for name in ("server", "server_port", "upstream", "upstream_port", "port"):
            if "{%s}" % name in text:
                text = text.replace("{%s}" % name, self[name])
        return text
