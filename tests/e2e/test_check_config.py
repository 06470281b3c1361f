"""tunnel check-config: what people are told of a file before they run it."""

import pathlib

import pytest

EXAMPLES = pathlib.Path(__file__).parents[2] / "docs" / "examples"


def check(tunnel, stage, text):
    path = stage.file("checked.yaml", text)
    status, out, err = tunnel.run("check-config", path)
    return status, out.replace(str(path), "FILE"), err.replace(str(path), "FILE")


@pytest.mark.parametrize("text,words", [
    ("port: 80\ntls-cert: /etc/cert.pem\n",
     ["FILE is a valid server configuration", "port = 80 (FILE:1)", "tls-cert = /etc/cert.pem"]),
    ("services:\n- upstream: tcp://a:22\n  port: 2222\nremote: b:1\n",
     ["FILE is a valid client configuration", "upstream = tcp://a:22 port=2222 (FILE:2)"]),
    # What the command line may still say is no mistake of the file's.
    ("upstream: http://a\n", ["valid client", "note: --remote has to be given besides"]),
    ("log-level: debug\n", ["valid server or client"]),
    ("token: 0123456789abcdef\nport: 80\n", ["token = (set)"]),
])
def test_valid(tunnel, stage, text, words):
    status, out, err = check(tunnel, stage, text)
    assert status == 0 and not err, err
    for word in words:
        assert word in out
    assert "grace" not in out, "only what the file says"


@pytest.mark.parametrize("text,words", [
    ("port: 80\nallow-ports: 0\n", ["FILE:2: allow-ports", "1 to 65535"]),
    ("remote: a\nlog-level: loud\n", ["FILE:2: log-level", "error, warn, info or debug"]),
    ("remote: a\nservices:\n- upstream: tcp://a:1\n  prot: 1\n", ["FILE:4", "prot", "port"]),
    ("services:\n- upstream: http://a\n- upstream: udp://a:53\n", ["FILE:3", "public port"]),
    ("services:\n- port: 22\n", ["FILE:2", "upstream"]),
    # Options that depend on each other are judged too.
    ("port: 80\nhttps-redirect: true\n", ["--https-redirect needs"]),
    ("remote: ws://a\ntls-ca: x\n", ["--tls-ca"]),
    ("port: [80\n", ["FILE:"]),
])
def test_mistakes(tunnel, stage, text, words):
    status, out, err = check(tunnel, stage, text)
    assert status == 2 and not out
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err, err


@pytest.mark.parametrize("side", ["server", "client"])
def test_examples(tunnel, side):
    path = EXAMPLES / (side + ".yaml")
    status, out, err = tunnel.run("check-config", path)
    assert status == 0 and not err, err
    assert "is a valid %s configuration" % side in out and "note:" not in out


def test_usage(tunnel):
    assert tunnel.run("check-config")[0] == 2
    assert tunnel.run("check-config", "--help")[0] == 0
    status, _, err = tunnel.run("check-config", "/nonexistent.yaml")
    assert status == 2 and "/nonexistent.yaml" in err
