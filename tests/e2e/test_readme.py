# SPDX-License-Identifier: MIT
"""The README's walk-through, word for word."""

import os
import re
import shlex
import sys

import pytest

from harness import TOP, programs
from harness.netns import Namespace, join
from harness.stage import SANITIZED
from harness.terminal import Shell

sys.path.append(str(TOP / "tests"))

from documents import blocks
from documents.script import Script

SECTIONS = ("Use it", "What it can publish")
NODE, HOME = "198.51.100.1", "198.51.100.2"


def typed():
    """The README's blocks that run the program, and change nothing else on a machine."""
    found, _ = blocks.parse("README.md", (TOP / "README.md").read_text())
    return [b for b in found if b.section in SECTIONS and b.kind == "run"
            and "sudo" not in " ".join(b.lines)]


@pytest.mark.root
def test_verbatim(stage, tunnel):
    """Each of the README's commands, on terminals of an exit node and of a client, which is the
    visitor's too; ports and all else as they stand there. scripts/fresh-root runs the rest."""
    node, home = stage.add(Namespace()), stage.add(Namespace())
    join(node, NODE, home, HOME)
    with home.inside():
        tunnel.upstream("hello from home\n", port=3000)
    path = stage.path / "bin"
    path.mkdir()
    (path / "tunnel").symlink_to(os.path.abspath(programs.TUNNEL))
    env = dict(stage.env, PATH="%s:%s" % (path, stage.env["PATH"]))

    def terminal(machine):
        space = node if machine == "exit-node" else home
        fixed = ["setarch", "-R"] if SANITIZED else []
        return Shell([*fixed, "ip", "netns", "exec", space.name, "bash", "-c",
                      'cd "$0" && exec bash --norc --noediting -i', TOP], env=env)

    script = Script(terminal, {"IP-OF-EXIT-NODE": NODE})
    pages = 0
    try:
        for block in typed():
            script.run(block)
            if block.machines == ["visitor"]:
                assert script.printed == "hello from home\n"
                pages += 1
    finally:
        script.close()
    assert pages
    assert len(script.placeholders["TOKEN-OF-EXIT-NODE"]) == 40


def test_what_it_can_publish(tunnel):
    """What each row of the table puts behind the client's command, the client takes."""
    section = (TOP / "README.md").read_text().split("\n## What it can publish\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| [^|\s].*\|$", section, re.M)
    typed = re.findall(r"^\| \S.* \| `(--.*)` \|$", section, re.M)
    assert typed and len(typed) == len(rows)
    for options in typed:
        status, _, err = tunnel.run(
            "check-config", "client", "--remote=exit.example.org", *shlex.split(options),
            env=dict(tunnel.env, TUNNEL_TOKEN=programs.TOKEN))
        assert status == 0, err
