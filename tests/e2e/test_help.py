# SPDX-License-Identifier: MIT
"""What is shown to who asks what to type."""

import http.server
import os
import re
import threading

import pytest

from harness.netns import Namespace
from harness.programs import TUNNEL
from harness.stage import Daemon

# Any terminal.
ROWS, COLUMNS = 24, 80

# As wide as the sources.
ALL_COLUMNS = 100

COMMANDS = ["server", "client", "connect", "http", "tcp", "udp", "tls"]


def one_text(tunnel, *forms):
    """What all these print."""
    texts = {tunnel.run(*argv) for argv in forms}
    assert len(texts) == 1, texts
    status, out, err = texts.pop()
    assert status == 0 and not err
    return out


def options(text):
    """Those that it lists."""
    return re.findall(r"^  (?:-\w, |    )--([a-z0-9-]+)", text, re.M)


def table(tunnel, command):
    return [line.split("\t")[0] for line in tunnel.run("help", "--table", command)[1].splitlines()]


def fits(text):
    assert len(text.splitlines()) <= ROWS, text
    assert max(len(line) for line in text.splitlines()) <= COLUMNS, text


def test_overview_fits_a_screen(tunnel):
    text = one_text(tunnel, ["help"], ["--help"], ["-h"], ["help", "--help"])
    fits(text)
    for command in COMMANDS + ["check-config", "version", "help"]:
        assert re.search("^  %s " % command, text, re.M), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_screen(tunnel, command):
    text = one_text(tunnel, [command, "--help"], ["help", command], [command, "-h"])
    fits(text)
    assert len(options(text)) == 10 + len(["help"])
    assert set(options(text)) <= set(table(tunnel, command))
    for option in ("token", "token-from", "config", "log-level"):
        assert option in options(text)
    assert "--help[=all]" in text


@pytest.mark.parametrize("command", COMMANDS)
def test_help_with_everything(tunnel, command):
    text = one_text(tunnel, [command, "--help=all"], ["help", command, "all"],
                    ["help", command, "--all"], ["help", "--all", command], [command, "--help", "--help=all"])
    assert sorted(options(text)) == sorted(table(tunnel, command))
    assert max(len(line) for line in text.splitlines()) <= ALL_COLUMNS
    sections = re.findall(r"^[A-Z].*$", text, re.M)
    assert "Running it" in sections and len(sections) == len(set(sections))


def examples(text):
    """The commands that it shows, a line each, with what a shell continues put together."""
    shown = re.search(r"^Examples.*?\n((?:  .*\n)+)", text, re.M).group(1).replace("\\\n", "")
    return [" ".join(line.split()) for line in shown.splitlines()]


@pytest.mark.root
def test_examples_work_as_they_stand(tunnel, stage):
    """On a machine of its own, where the default ports are free and a web server is at 3000."""
    server, client, visitor = examples(tunnel.run("help")[1])
    space = stage.add(Namespace())
    bin_dir = stage.path / "bin"
    bin_dir.mkdir()
    (bin_dir / "tunnel").symlink_to(os.path.abspath(TUNNEL))
    env = {"HOME": str(stage.path), "PATH": "%s:%s" % (bin_dir, os.environ["PATH"])}

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    with space.inside():
        web = http.server.ThreadingHTTPServer(("127.0.0.1", 3000), Page)
    threading.Thread(target=web.serve_forever, daemon=True).start()

    def typed(name, line):
        return space.move(Daemon(stage, name, ["bash", "-c", "exec " + line], env=env))
    try:
        stage.add(typed("exit", server)).start().log_contains("listening on port 8000")
        stage.add(typed("home", client)).start().log_contains("is published at")
        asked = typed("visitor", visitor + " --silent")
        assert asked.start().wait() == 0
        assert asked.log() == "ok"
    finally:
        web.shutdown()
        web.server_close()
