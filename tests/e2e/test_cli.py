# SPDX-License-Identifier: MIT
"""What people type."""

import re
import socket

import pytest

from harness import TOP
from harness.programs import TOKEN, TUNNEL

CLIENT = ["client", "--remote=127.0.0.1:1", "--upstream=http://127.0.0.1:1", "--token=" + TOKEN]


def test_version(tunnel):
    project = re.search(r"version: '([^']+)'", (TOP / "meson.build").read_text()).group(1)
    for argv in (["version"], ["--version"]):
        status, out, err = tunnel.run(*argv)
        assert status == 0 and out.startswith("tunnel " + project) and not err


def test_no_command(tunnel):
    status, out, err = tunnel.run()
    assert status == 2 and "server" in err and not out


@pytest.mark.parametrize("argv,words", [
    (["sever"], ["sever", "server"]),
    (["frobnicate"], ["frobnicate"]),
    (["server", "--prot=80"], ["--prot", "--port"]),
    (["server", "--bind-adr=x"], ["--bind-adr", "--bind-addr"]),
    (["client", "--remot=x"], ["--remot", "--remote"]),
    (["server", "--port=65536"], ["--port", "65536"]),
    (["server", "--port=-1"], ["--port"]),
    (["server", "--port=http"], ["--port", "http"]),
    (["server", "--port"], ["--port"]),
    (["server", "--grace=fast"], ["--grace", "fast"]),
    (["server", "--grace=10"], ["--grace"]),
    (["server", "--base-window=many"], ["--base-window"]),
    (["server", "--log-level=loud"], ["--log-level", "loud", "info"]),
    (["server", "--trusted-proxies=10.0.0.0/33"], ["--trusted-proxies", "10.0.0.0/33"]),
    (["server", "extra"], ["extra"]),
    (["server", "--no-token=perhaps"], ["--no-token", "perhaps"]),
    (["server", "--config=/nonexistent.yaml"], ["/nonexistent.yaml"]),
    (["client", "--upstream=http://a", "--token=" + TOKEN], ["--remote"]),
    (["client", "--remote=a:1", "--token=" + TOKEN], ["--upstream"]),
    (["client", "--remote=ftp://a", "--upstream=http://a", "--token=" + TOKEN], ["ftp"]),
    (["client", "--remote=a:99999", "--upstream=http://a", "--token=" + TOKEN], ["99999"]),
    (["client", "--remote=a:1", "--upstream=ftp://a", "--token=" + TOKEN], ["ftp"]),
    (["client", "--remote=a:1", "--upstream=http://u:p@a", "--token=" + TOKEN], ["--upstream"]),
    (["client", "--remote=a:1", "--upstream=http://a#b", "--token=" + TOKEN], ["--upstream"]),
    (["client", "--remote=a:1", "--upstream=a=http://b,a=http://c", "--token=" + TOKEN], ["a"]),
    (["client", "--remote=a:1", "--upstream=b\u00fccher.example=http://b", "--token=" + TOKEN],
     ["xn--"]),
])
def test_wrong_usage(tunnel, argv, words):
    status, out, err = tunnel.run(*argv)
    assert status == 2, err
    assert not out
    for word in words:
        assert word in err, err
    assert len(err.strip().splitlines()) == 1, "one sentence: %r" % err
    assert TOKEN not in err


def test_port_in_use_is_status_1_with_a_sentence(tunnel):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
        status, _, err = tunnel.run("server", "--port=%d" % port, "--bind-addr=127.0.0.1",
                                    "--token=" + TOKEN, "--state-dir=%s" % tunnel.path)
    assert status == 1 and str(port) in err and "in use" in err.lower()


def test_options_of_inlets(tunnel):
    """The documented forms, and the ones that change nothing say so."""
    server = tunnel.server("--disable-transport-wrapping")
    server.log_contains("nothing to disable")
    client = tunnel.client("ws://" + server.address, tunnel.upstream("ok"),
                           "--strict-forwarding=false")
    client.log_contains("changes nothing")
    assert tunnel.visitor(server).get().body == b"ok"


def test_url_is_remote(tunnel):
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream("ok"), start=False)
    client.argv = [a.replace("--remote=", "--url=ws://") for a in client.argv]
    client.start()
    client.log_contains("is published at")
    assert tunnel.visitor(server).get().body == b"ok"


def test_config_file(tunnel, stage):
    upstream = tunnel.upstream("from the file")
    server = tunnel.server()
    config = stage.file("client.yaml", "remote: ws://%s\nupstream:\n  - %s\ntoken-from: %s\n"
                        % (server.address, upstream.url, stage.file("t", TOKEN)))
    client = tunnel.stage.daemon("client", [TUNNEL, "client", "--config", config])
    client.log_contains("is published at")
    assert tunnel.visitor(server).get().body == b"from the file"


def test_command_line_goes_before_the_file(tunnel, stage):
    config = stage.file("server.yaml", "log-level: error\nvisitor-idle: 75s\n")
    server = tunnel.server("--config=%s" % config, "--log-level=info")
    tunnel.client(server, tunnel.upstream("ok"))
    tunnel.visitor(server).get("/seen-in-the-log")
    server.log_contains("/seen-in-the-log")


def test_mistake_in_the_file_names_the_line(tunnel, stage):
    config = stage.file("server.yaml", "port: 0\n\nvisitor-idel: 75s\n")
    status, _, err = tunnel.run("server", "--config=%s" % config, "--token=" + TOKEN)
    assert status == 2 and ":3" in err and "visitor-idle" in err


def test_ready_line_names_the_port(tunnel):
    server = tunnel.server()
    server.log_contains("listening on port %d " % server.port)


def test_standard_output_is_not_the_log(tunnel, stage):
    """One line per change of state on standard error; nothing else anywhere."""
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream("ok"))
    assert client.log().count("connected to") == 1
