"""The README's walk-through, word for word, and what may go wrong in it."""

import os
import pathlib
import sys
import time

import pytest

from harness import programs
from harness.netns import Namespace, join
from harness.stage import SANITIZED

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(TOP / "tests"))

from documents import blocks  # noqa: E402
from documents.script import Script  # noqa: E402
from documents.terminal import Terminal  # noqa: E402

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
        return Terminal([*fixed, "ip", "netns", "exec", space.name, "bash", "-c",
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


def test_client_first(tunnel):
    upstream = tunnel.upstream("late\n")
    server = tunnel.server()
    server.stop()
    client = tunnel.client(server, upstream, wait=False)
    time.sleep(0.3)
    assert client.alive()
    server.start()
    client.log_contains("is published at")
    assert tunnel.curl("http://%s/" % server.address) == b"late\n"


def test_server_killed(tunnel):
    server, client, _ = tunnel.through("again\n")
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"
    server.kill()
    server.start()
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"


def test_client_killed(tunnel):
    server, client, _ = tunnel.through("again\n")
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"
    client.kill()
    client.start()
    # No waiting here: the request itself waits for the session that was lost just now.
    assert tunnel.curl("http://%s/" % server.address) == b"again\n"


def test_many_requests_share_one_connection(tunnel):
    upstream = tunnel.upstream("ok\n")
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    for _ in range(20):
        assert tunnel.curl("http://%s/" % server.address) == b"ok\n"
    assert len(relay.pairs) == 1
    # And the upstream connection is opened once and used often.
    assert len(upstream.connections) <= 2


def test_ipv6(tunnel):
    upstream = tunnel.upstream("six\n", host="::1")
    server = tunnel.server(bind="::1")
    tunnel.client("[::1]:%d" % server.port, upstream)
    assert tunnel.curl("http://[::1]:%d/" % server.port) == b"six\n"


def test_both_families_by_default(tunnel, stage):
    upstream = tunnel.upstream("both\n")
    server = tunnel.server()
    server.stop()
    server.argv = [a for a in server.argv if not a.startswith("--bind-addr")]
    server.start()
    tunnel.client("localhost:%d" % server.port, upstream)
    assert tunnel.curl("http://127.0.0.1:%d/" % server.port) == b"both\n"
    assert tunnel.curl("http://[::1]:%d/" % server.port) == b"both\n"


def test_several_ports_answer_alike(tunnel):
    server = tunnel.server(port="0,0")
    tunnel.client(server, tunnel.upstream("ok\n"))
    ports = {row[1] for row in server.ready}
    assert len(ports) == 2
    for port in ports:
        assert tunnel.curl("http://127.0.0.1:%d/" % port) == b"ok\n"


def test_control_port_of_its_own(tunnel):
    server = tunnel.server("--control-port=0")
    assert len(server.ready) == 2
    data, control = server.port_for("visitors"), server.port_for("clients")
    client = tunnel.client("127.0.0.1:%d" % data, tunnel.upstream("ok\n"), wait=False)
    # Rule 3: no request on another port is a link.
    time.sleep(0.5)
    assert "connected" not in client.log().replace("not connected", "")
    client.stop()
    tunnel.client("127.0.0.1:%d" % control, tunnel.upstream("ok\n"))
    assert tunnel.curl("http://127.0.0.1:%d/" % data) == b"ok\n"
