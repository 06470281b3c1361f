# SPDX-License-Identifier: MIT
"""Completion in real shells, by the scripts that are installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest

from harness.fake_admin import FakeAdmin, answer
from harness.programs import TUNNEL
from harness.wait import PATIENCE

SCRIPT = {"bash": "source <(tunnel completion bash)",
          "zsh": "autoload -U compinit; compinit -u -D; source <(tunnel completion zsh)",
          "fish": "tunnel completion fish | source"}
START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"],
         "fish": ["fish", "--no-config", "-i"]}

NAMES = {"items": [{"name": "web"}, {"name": "redis-host"}, {"name": "$(touch pwned)"}], "next": None}


def env_of(stage, **more):
    """Where `tunnel` is the program under test, and nothing of the person's own is read."""
    bin_dir = stage.path / "bin"
    bin_dir.mkdir(exist_ok=True)
    if not (bin_dir / "tunnel").exists():
        os.symlink(os.path.abspath(TUNNEL), bin_dir / "tunnel")
    return {"PATH": "%s:%s" % (bin_dir, os.environ["PATH"]), "HOME": str(stage.path), "TERM": "xterm",
            "LANG": "C.UTF-8", "PS1": "ready> ", "XDG_CONFIG_HOME": str(stage.path / "config"),
            "XDG_DATA_HOME": str(stage.path / "data"), **more}


BASH = """
source <(tunnel completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
compopt() { echo "compopt $*"; }
_tunnel
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(shell, stage, words, env):
    """What the shell would offer for the words of a line, the last of which is typed in part."""
    if shell == "bash":
        argv = ["bash", "-c", BASH, "bash"] + words
    else:
        line = " ".join(words)
        argv = ["fish", "--no-config", "-c", SCRIPT["fish"] + '; complete -C "%s"' % line]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, cwd=stage.path, timeout=PATIENCE)
    assert not done.stderr, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def missing(shell):
    return pytest.param(shell, marks=[] if shutil.which(shell) else pytest.mark.skip("there is no " + shell))


CASES = [
    (["tunnel", "sta"], ["status"]),
    (["tunnel", "help", "sto"], ["store"]),
    (["tunnel", "token", "cr"], ["create"]),
    (["tunnel", "help", "token", "ro"], ["rotate"]),
    (["tunnel", "token", "list", "--pre"], ["--prefix"]),
    (["tunnel", "token", "create", "x", "--udp"], ["--udp-ports"]),
    (["tunnel", "token", "list", "--output", "t"], ["table", "tsv"]),
    (["tunnel", "token", "list", "-o", "j"], ["json"]),
    (["tunnel", "sessions", "--adm"], ["--admin-socket"]),
    (["tunnel", "http", "--upstream-host-"], ["--upstream-host-only"]),
    (["tunnel", "server", "--log-level", "w"], ["warn"]),
    (["tunnel", "status", "x"], []),
    (["tunnel", "frobnicate", ""], []),
]


@pytest.mark.parametrize("shell", [missing("bash"), missing("fish")])
def test_candidates(stage, shell):
    env = env_of(stage)
    for words, expected in CASES:
        got = offered(shell, stage, words, env)
        assert [w for w in got if w] == expected, words


@pytest.mark.parametrize("shell", [missing("bash"), missing("fish")])
def test_names_from_the_server(stage, shell):
    server = stage.add(FakeAdmin(stage, lambda _: answer(NAMES)))
    env = env_of(stage, TUNNEL_ADMIN_SOCKET=server.path)
    assert sorted(offered(shell, stage, ["tunnel", "token", "show", ""], env)) == ["redis-host", "web"]
    assert offered(shell, stage, ["tunnel", "token", "revoke", "--name", "w"], env) == ["web"]
    for noun, verb, path in (("service", "show", "/services"), ("service", "delete", "/services"),
                             ("endpoint", "approve", "/endpoints")):
        assert sorted(offered(shell, stage, ["tunnel", noun, verb, ""], env)) == ["redis-host", "web"]
        assert server.asked[-1].target.startswith("/api/v1" + path)
    # A new name is nobody's yet.
    n = len(server.asked)
    assert [w for w in offered(shell, stage, ["tunnel", "token", "create", ""], env) if w] == []
    assert len(server.asked) == n
    assert not (stage.path / "pwned").exists()


def test_bash_takes_a_word_apart_at_the_sign(stage):
    env = env_of(stage)
    assert offered("bash", stage, ["tunnel", "token", "list", "--output", "=", "t"], env) == ["table", "tsv"]
    assert offered("bash", stage, ["tunnel", "token", "list", "--output", "="], env) == [
        "table", "json", "name", "tsv"]


def test_files(stage):
    env = env_of(stage)
    (stage.path / "identities.yaml").touch()
    assert "compopt -o default" in offered("bash", stage, ["tunnel", "apply", "-f", "ident"], env)
    if shutil.which("fish"):
        assert offered("fish", stage, ["tunnel", "apply", "-f", "ident"], env) == ["identities.yaml"]
        assert offered("fish", stage, ["tunnel", "token", "create", "x", "--out=ident"], env) == [
            "--out=identities.yaml"]


def shown(leader, text):
    """Reads the terminal until the text is there, whatever the shell colours."""
    seen = b""
    deadline = time.monotonic() + PATIENCE
    while text not in re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen):
        assert time.monotonic() < deadline, "not seen: %r in %r" % (text, seen)
        if select.select([leader], [], [], 0.1)[0]:
            seen += os.read(leader, 65536)


@pytest.mark.parametrize("shell", [missing("bash"), missing("zsh")])
def test_the_key(stage, shell):
    """Pressed on a terminal: a verb, then a name that its server has."""
    server = stage.add(FakeAdmin(stage, lambda _: answer(NAMES)))
    pid, leader = pty.fork()
    if pid == 0:
        os.chdir(stage.path)
        os.execvpe(START[shell][0], START[shell], env_of(stage, TUNNEL_ADMIN_SOCKET=server.path))
    try:
        shown(leader, b"ready> ")
        os.write(leader, SCRIPT[shell].encode() + b"; echo set''up\n")
        shown(leader, b"setup")
        os.write(leader, b"tunnel token sh\t")
        shown(leader, b"show")
        os.write(leader, b"w\t")
        shown(leader, b"web")
        os.write(leader, b"-o j\t")
        shown(leader, b"json")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(leader)
