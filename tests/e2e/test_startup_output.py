# SPDX-License-Identifier: MIT
"""What both sides say first: a command that can be pasted, and where visitors find what is
published."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from harness.programs import TOKEN, TUNNEL
from harness.stage import Daemon
from harness.terminal import Terminal

UPSTREAM = "--upstream=http://127.0.0.1:3000"


def messages(text):
    """The sentences of a log that is no terminal."""
    return [line.split(" ", 2)[2].strip() for line in text.splitlines()]


def commands(lines, name):
    return [line for line in lines if line.startswith(name + " ")]


@pytest.fixture
def elsewhere(stage):
    """Types a line on another machine: in a directory of its own, with nothing but the program."""
    home = stage.path / "elsewhere"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "tunnel").symlink_to(os.path.abspath(TUNNEL))

    def type_line(line):
        env = {"HOME": str(home), "PATH": "%s:%s" % (home / "bin", os.environ["PATH"])}
        return stage.add(Daemon(stage, stage.name("pasted"), ["bash", "-c", line], env=env,
                                cwd=home)).start()
    type_line.home = home
    return type_line


def published(tunnel, server, pasted, upstream):
    """Whether that client publishes, now that its upstream is a real one."""
    pasted.log_contains("is published at")
    assert tunnel.visitor(server).get().body == b"ok"


def with_upstream(line, upstream):
    assert line.count(UPSTREAM) == 1
    return "exec " + line.replace(UPSTREAM, "--upstream=" + upstream.url)


def test_command_on_a_terminal(tunnel, stage, elsewhere):
    """Alone on its line, with the token: pasted elsewhere it publishes."""
    terminal = stage.add(Terminal())
    server = tunnel.server(token=None, bind="0.0.0.0", stderr=terminal.follower)
    terminal.wait_for("--advertise")
    line, = commands(terminal.lines(), "tunnel client")
    after = terminal.lines()[terminal.lines().index(line) + 1]
    assert " is a guess" in after and "--advertise=HOST[:PORT]" in after
    remote = re.search(r"--remote=(\S+):(\d+)", line)
    assert int(remote[2]) == server.port
    here = line.replace(remote[1], "127.0.0.1")  # the guess may be an address of somewhere else
    upstream = tunnel.upstream("ok")
    published(tunnel, server, elsewhere(with_upstream(here, upstream)), upstream)
    server.stop()


def test_command_with_a_file(tunnel, stage, elsewhere):
    """Where nobody looks on, the token stays in its file, which is copied by the line before."""
    server = tunnel.server(token=None, bind="0.0.0.0")
    server.log_contains("--advertise")
    said = messages(server.log())
    copy, = commands(said, "scp")
    line, = commands(said, "tunnel client")
    assert said.index(line) == said.index(copy) + 1
    assert " is a guess" in said[said.index(line) + 1]
    _, source, target = shlex.split(copy)
    shutil.copy(source.split(":", 1)[1], elsewhere.home / target)
    token = (elsewhere.home / target).read_text().strip()
    assert token not in server.log()
    here = re.sub(r"--remote=\S+:", "--remote=127.0.0.1:", line)
    upstream = tunnel.upstream("ok")
    published(tunnel, server, elsewhere(with_upstream(here, upstream)), upstream)


def test_command_for_this_machine(tunnel, elsewhere):
    """Bound to loopback, the address is none that others could use, and the file is at hand."""
    server = tunnel.server(token=None)
    server.log_contains("only this machine reaches 127.0.0.1:%d" % server.port)
    line, = commands(messages(server.log()), "tunnel client")
    assert "--remote=127.0.0.1:%d " % server.port in line and "guess" not in server.log()
    upstream = tunnel.upstream("ok")
    published(tunnel, server, elsewhere(with_upstream(line, upstream)), upstream)


def test_command_without_a_file(tunnel):
    server = tunnel.server("--advertise=exit.example.org")
    server.log_contains("--token-from=token")
    line, = commands(messages(server.log()), "tunnel client")
    assert line == "tunnel client --remote=exit.example.org:%d %s --token-from=token" % (
        server.port, UPSTREAM)
    server.log_contains('write the token of this server to the file "token"')
    assert TOKEN not in server.log()


@pytest.mark.parametrize("env,coloured", [
    ({"TERM": "xterm"}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False),
    ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "dumb"}, False),
    ({}, False),
])
def test_colour_is_for_terminals(tunnel, stage, env, coloured):
    terminal = stage.add(Terminal())
    base = {k: v for k, v in stage.env.items() if k not in ("TERM", "NO_COLOR")}
    server = tunnel.server("--no-token", token=None, stderr=terminal.follower, env={**base, **env})
    terminal.wait_for("--no-token")
    assert ("\x1b[" in terminal.raw()) == coloured
    server.stop()


def test_no_colour_in_files(tunnel, stage):
    server = tunnel.server(env=dict(stage.env, TERM="xterm"))
    tunnel.client(server, tunnel.upstream("ok"), env=dict(stage.env, TERM="xterm"))
    assert "\x1b" not in server.log()


def test_client_on_a_terminal(tunnel, stage):
    """It says how to try what it publishes, once."""
    server = tunnel.server()
    terminal = stage.add(Terminal())
    client = tunnel.client(server, [tunnel.upstream("ok").url, "a.example.org=http://127.0.0.1:9"],
                           wait=False, stderr=terminal.follower)
    terminal.wait_for("a.example.org:%d/" % server.port)
    line, = commands(terminal.lines(), "curl")
    assert typed(line) == "ok"
    client.stop()


def typed(line):
    return subprocess.run(["bash", "-c", line + " --silent --noproxy '*'"], check=True, capture_output=True,
                          text=True, timeout=30).stdout


# ---- Where visitors find it ----

def addresses(client):
    return re.findall(r" is published at (\S+)", client.log())


def test_behind_nat_the_client_knows_better(tunnel):
    """What it dialled leads there; what the server is bound to does not."""
    server = tunnel.server()
    nat = tunnel.mitm(server)
    client = tunnel.client("localhost:%d" % nat.port, [
        tunnel.upstream("ok").url, "a.example.org=" + tunnel.upstream("a").url,
        "*.b.example.org=" + tunnel.upstream("b").url, "0=tcp://" + tunnel.upstream("tcp").address])
    at = "http://localhost:%d/" % nat.port
    every, one, below, port = addresses(client)
    assert every == at and one == "http://a.example.org:%d/" % nat.port
    assert below == "*.b.example.org"
    client.log_contains("*.b.example.org on " + at)
    assert re.fullmatch(r"tcp://localhost:\d+", port)
    assert tunnel.curl(every) == b"ok"
    server.log_contains(" publishes %s from " % port)


def test_advertised_is_what_is_told(tunnel):
    server = tunnel.server("--advertise=exit.example.org:80")
    client = tunnel.client(server, [tunnel.upstream("ok").url,
                                    "0=tcp://" + tunnel.upstream("tcp").address])
    every, port = addresses(client)
    assert every == "http://exit.example.org/" and port.startswith("tcp://exit.example.org:")


def test_clients_and_visitors_apart(tunnel):
    """The port that the client dialled is not for visitors."""
    server = tunnel.server("--control-port=0")
    client = tunnel.client("127.0.0.1:%d" % server.port_for("clients"), tunnel.upstream("ok"))
    assert addresses(client) == ["http://127.0.0.1:%d/" % server.port_for("visitors")]
    assert tunnel.curl(addresses(client)[0]) == b"ok"


def test_behind_a_proxy_with_tls(tunnel):
    """nginx ends the TLS and names another host to the server: wss://localhost is what leads
    there."""
    server = tunnel.server()
    cert = tunnel.ca().issue("localhost")
    nginx = tunnel.nginx("""
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            proxy_pass http://%s;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
        }""" % (cert.cert, cert.key, server.address), listen="ssl")
    ca = str(tunnel.path / "test-ca.ca")
    client = tunnel.client("wss://localhost:%d" % nginx.port, tunnel.upstream("ok"),
                           "--tls-ca=" + ca)
    at, = addresses(client)
    assert at == "https://localhost:%d/" % nginx.port
    assert tunnel.curl(at, "--cacert", ca) == b"ok"
