# SPDX-License-Identifier: MIT
"""The token: where it may come from, where it must not go, and what happens without one."""

import pathlib
import stat
import time

import pytest

from harness.programs import TOKEN, random_token
from harness.terminal import Terminal
from harness.tunnel import PUBLISHED
from harness.upstream import response
from harness.wait import quiet_for


def cmdline(daemon):
    return pathlib.Path("/proc/%d/cmdline" % daemon.pid).read_bytes()


@pytest.mark.parametrize("form", ["--token=%s", "--token %s", "-t %s", "-t%s"])
def test_argument_is_wiped_at_once(tunnel, form):
    token = random_token()
    server = tunnel.server(*(form % token).split(" "), token=None)
    client = tunnel.client(server, tunnel.upstream(), *(form % token).split(" "), token=None)
    for daemon in (server, client):
        assert token.encode() not in cmdline(daemon)
        assert b"tunnel" in cmdline(daemon)
        assert token not in daemon.log()


def test_token_from_file_and_trailing_newline(tunnel, stage):
    for ending in ("", "\n", "\r\n"):
        path = stage.file("token", TOKEN + ending)
        server = tunnel.server("--token-from=%s" % path, token=None)
        client = tunnel.client(server, tunnel.upstream("ok"))
        assert tunnel.visitor(server).get().body == b"ok"
        server.stop()
        client.stop()


def test_token_from_the_environment(tunnel):
    env = dict(tunnel.env, TUNNEL_TOKEN=TOKEN)
    server = tunnel.server(token=None, env=env)
    tunnel.client(server, tunnel.upstream("ok"), token=None, env=env)
    assert tunnel.visitor(server).get().body == b"ok"


def test_token_from_systemd_credentials(tunnel, stage):
    """Also 0444, as the directory itself is private; without any option."""
    directory = stage.path / "credentials"
    directory.mkdir()
    (directory / "tunnel.token").write_text(TOKEN + "\n")
    (directory / "tunnel.token").chmod(0o444)
    env = dict(tunnel.env, CREDENTIALS_DIRECTORY=str(directory))
    server = tunnel.server(token=None, env=env)
    tunnel.client(server, tunnel.upstream("ok"), token=None, env=env)
    assert tunnel.visitor(server).get().body == b"ok"


@pytest.mark.parametrize("command", ["server", "client"])
@pytest.mark.parametrize("options,word", [
    (["--token="], "empty"),
    (["--token-from=/nonexistent/token"], "/nonexistent/token"),
    (["--token-from=%(empty)s"], "empty"),
    (["--token-from=%(readable)s"], "%(readable)s"),
    (["--token-from=%(directory)s"], "%(directory)s"),
    (["--token=abc", "--token-from=%(good)s"], "token"),
])
def test_refused_with_a_sentence(tunnel, stage, command, options, word):
    names = {
        "empty": stage.file("empty", "\n"),
        "readable": stage.file("readable", TOKEN, 0o644),
        "good": stage.file("good", TOKEN),
        "directory": stage.path,
    }
    rest = (["--port=0", "--state-dir=%s" % stage.path] if command == "server"
            else ["--remote=127.0.0.1:1", "--upstream=http://127.0.0.1:1"])
    status, _, err = tunnel.run(command, *rest, *[o % names for o in options])
    assert status in (1, 2), err
    assert word % names in err
    assert len(err.strip().splitlines()) <= 2
    assert TOKEN not in err


def test_short_token_is_warned_about(tunnel):
    server = tunnel.server(token="short")
    server.log_contains("the token has only 5 characters")


def test_wrong_token_ends_with_status_3(tunnel):
    """Rule 11: believed slowly, after three rejections over at least 10 s."""
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream(), token=random_token(), wait=False)
    began = time.monotonic()
    client.expected_status = {3}
    assert client.wait(timeout=40) == 3
    assert time.monotonic() - began >= 9
    assert "token" in client.log()
    assert TOKEN not in client.log() + server.log()


def test_right_token_after_a_wrong_one_elsewhere(tunnel):
    server = tunnel.server()
    bad = tunnel.client(server, tunnel.upstream("bad"), token=random_token(), wait=False)
    tunnel.client(server, tunnel.upstream("good"))
    assert tunnel.visitor(server).get().body == b"good"
    bad.stop()
    bad.expected_status.add(3)


def test_made_token(tunnel, stage):
    """Kept in the state directory, 0600, shown only by name, and the same after a restart."""
    server = tunnel.server(token=None)
    files = [p for p in server.state.rglob("*") if p.is_file()]
    assert files
    for p in files:
        assert stat.S_IMODE(p.stat().st_mode) == 0o600, p
    server.log_contains("tunnel client")
    named = [p for p in files if "--token-from" in server.log() and str(p) in server.log()]
    assert len(named) == 1, "the log names the token's file in the client command"
    token = named[0].read_text().strip()
    assert len(token) >= 32
    assert token not in server.log()
    tunnel.client(server, tunnel.upstream("ok"), "--token-from=%s" % named[0], token=None)
    assert tunnel.visitor(server).get().body == b"ok"
    server.stop()
    server.start()
    assert named[0].read_text().strip() == token
    assert tunnel.visitor(server).get().body == b"ok"


def test_print_token(tunnel):
    server = tunnel.server("--print-token", token=None)
    token = next(p for p in server.state.rglob("*token*") if p.is_file()).read_text().strip()
    server.log_contains(token)


def test_made_token_on_a_terminal(tunnel):
    """Standard error is a terminal: the command can be copied as it stands."""
    terminal = tunnel.stage.add(Terminal())
    server = tunnel.server(token=None, stderr=terminal.follower)
    token = next(p for p in server.state.rglob("*token*") if p.is_file()).read_text().strip()
    terminal.wait_for(token)


def test_advertise_a_proxy_that_ends_tls(tunnel):
    server = tunnel.server("--advertise=https://exit.example.org")
    server.log_contains("tunnel client --remote=wss://exit.example.org:443 ")
    upstream = tunnel.upstream().url
    client = tunnel.client(server, [upstream, "a.example=" + upstream, "*.b.example=" + upstream])
    for address in ("https://exit.example.org/", "https://a.example/",
                    "*.b.example on https://exit.example.org/"):
        client.log_contains(" is published at %s\n" % address)
    plain = tunnel.server("--advertise=http://exit.example.org:8080", "--auto-tls")
    plain.log_contains("tunnel client --remote=exit.example.org:8080 ")


def test_advertise(tunnel):
    server = tunnel.server("--advertise=exit.example.org:443", token=None)
    server.log_contains("exit.example.org:443")
    assert "guess" not in server.log()


def test_open_mode_needs_both_ends(tunnel):
    server = tunnel.server("--no-token", token=None)
    server.log_contains("without a token")
    tunnel.client(server, tunnel.upstream("open"), "--no-token", token=None)
    assert tunnel.visitor(server).get().body == b"open"


def test_open_client_at_a_server_with_a_token(tunnel):
    server = tunnel.server("--reconnect-grace=0s")
    client = tunnel.client(server, tunnel.upstream(), "--no-token", token=None, wait=False)
    server.log_contains("failed the handshake: it came without a token, which this server asks for")
    quiet_for(0.5, lambda: PUBLISHED in client.log(), "that it publishes")
    assert tunnel.visitor(server).get().status == 503
    client.expected_status.add(3)


def test_client_with_a_token_at_an_open_server(tunnel):
    server = tunnel.server("--no-token", "--reconnect-grace=0s", token=None)
    client = tunnel.client(server, tunnel.upstream(), wait=False)
    server.log_contains("the token is not one of this server's; this server runs with --no-token: "
                        "run the client with --no-token, or both with a token")
    assert tunnel.visitor(server).get().status == 503
    client.expected_status.add(3)


def test_no_token_and_a_token_contradict(tunnel):
    status, _, err = tunnel.run("server", "--port=0", "--no-token", "--token=" + TOKEN)
    assert status in (1, 2) and "token" in err


def test_client_without_a_token(tunnel):
    status, _, err = tunnel.run("client", "--remote=127.0.0.1:1", "--upstream=http://127.0.0.1:1")
    assert status in (1, 2) and "token" in err


def test_state_directory_from_the_environment(tunnel, stage):
    state = stage.path / "var"
    state.mkdir()
    server = tunnel.server(token=None, start=False)
    server.argv = [a for a in server.argv if not a.startswith("--state-dir")]
    server.env = dict(tunnel.env, STATE_DIRECTORY=str(state))
    server.start()
    assert any(state.rglob("*"))


def test_xdg_state_home(tunnel, stage):
    server = tunnel.server(token=None, start=False)
    server.argv = [a for a in server.argv if not a.startswith("--state-dir")]
    server.start()
    assert [p for p in (stage.path / "home").rglob("*") if p.is_file()]


def test_state_that_cannot_be_written(tunnel, stage):
    """With a token of its own a server runs on a fresh salt per start, and says so."""
    blocked = stage.file("blocked", "a file where a directory should be")
    server = tunnel.server(state=None, start=False)
    server.argv = [a if not a.startswith("--state-dir") else "--state-dir=%s/x" % blocked
                   for a in server.argv]
    server.start()
    tunnel.client(server, tunnel.upstream(response("ok")))
    assert tunnel.visitor(server).get().body == b"ok"
    server.log_contains(str(blocked))


def test_no_seal_on_one_end_alone(tunnel):
    """One end alone cannot turn it off; both can, and are warned."""
    secret = b"visible-only-without-the-seal"
    for server_off in (False, True):
        for client_off in (False, True):
            server = tunnel.server(*["--no-seal"] * server_off)
            relay = tunnel.mitm(server)
            client = tunnel.client(relay.address, tunnel.upstream(secret),
                                   *["--no-seal"] * client_off)
            assert tunnel.visitor(server).get().body == secret
            unmasked_down = b"GET / HTTP/1.1" in relay.recorded("down")
            assert unmasked_down == (server_off and client_off)
            if server_off:
                server.log_contains("seal")
            if client_off:
                client.log_contains("seal")
            server.stop()
            client.stop()
