# SPDX-License-Identifier: MIT
"""tunnel check-config: what people are told of a file before they run it."""


import pytest

from harness import TOP

EXAMPLES = TOP / "docs" / "examples"


def check(tunnel, stage, text):
    path = stage.file("checked.yaml", text)
    status, out, err = tunnel.run("check-config", path)
    return status, out.replace(str(path), "FILE"), err.replace(str(path), "FILE")


@pytest.mark.parametrize("text,words", [
    ("port: 80\nadvertise: a.example\n",
     ["FILE is a valid server configuration", "port = 80 (FILE:1)", "advertise = a.example"]),
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
    # Its files are of a machine that is set up.
    assert all("warning: " in line and "/etc/tunnel" in line for line in err.splitlines()), err
    assert status == 0 and "is a valid %s configuration" % side in out and "note:" not in out


@pytest.mark.parametrize("text,words", [
    ("port: 80\ntoken-from: DIR/none\n", ["the token file DIR/none cannot be opened: No such file"]),
    ("tls-cert: DIR/none/x.pem\n",
     ["--tls-cert: the certificate DIR/none/x.pem cannot be read: No such file or directory",
      "there is no DIR/none"]),
    ("tls-cert: CERT\ntls-key: OTHER\n", ["--tls-cert: the private key in OTHER is not the one of CERT"]),
    ("tls-cert: CERT\ntls-key: CERT\n", ["--tls-cert: there is no private key in CERT"]),
    ("tls-cert: ENDED\n", ["--tls-cert: the certificate for c.example ended on 20"]),
    ("tls-cert: BOTH\ntls-client-ca: DIR\n", ["--tls-client-ca: the CA file DIR cannot be read"]),
    ("port: 80\naccess-log: DIR/none/access.log\n", ["--access-log: DIR/none/access.log cannot be opened"]),
    ("port: 80\nready-file: DIR/none/ready\n", ["--ready-file: DIR/none/ready cannot be made"]),
    ("remote: wss://a\ntls-ca: OTHER\n", ["--tls-ca: the CA file OTHER cannot be read"]),
    ("remote: wss://a\ntls-client-cert: CERT\ntls-client-key: OTHER\n",
     ["--tls-client-cert: ", "the private key in OTHER is not the one of CERT"]),
    ("remote: wss://a\ntls-client-cert: ENDED\n",
     ["--tls-client-cert: the certificate for c.example ended on 20"]),
    ("remote: a\nservices:\n- upstream: https://a\n  ca: DIR/none\n",
     ["https://a: the CA file DIR/none cannot be read: No such file or directory"]),
    ("tls-cert: BOTH\naccess-log: DIR/access.log\nready-file: DIR/ready\ntls-client-ca: CERT\n", []),
])
def test_files(tunnel, stage, text, words):
    """What a start would fail by: a warning, and with --strict a mistake. Nothing is made."""
    ca = tunnel.ca()
    certificate, other = ca.issue("a.example"), ca.issue("b.example")
    names = {"CERT": certificate.cert, "OTHER": other.key, "BOTH": certificate.both,
             "ENDED": ca.issue("c.example", days=-1).both, "DIR": str(stage.path)}

    def named(line):
        for name, path in names.items():
            line = line.replace(name, path)
        return line
    path = stage.file("checked.yaml", named(text))
    before = sorted(stage.path.iterdir())
    status, _, err = tunnel.run("check-config", path)
    assert status == 0 and len(err.splitlines()) == (1 if words else 0), err
    strict, out, told_strictly = tunnel.run("check-config", "--strict", path)
    assert strict == (2 if words else 0) and ("valid" in out) == (not words)
    assert told_strictly == err.replace("warning: ", "")
    for word in words:
        assert named(word) in err and "warning: " in err, err
    assert tunnel.run("check-config", "--quiet", path)[1] == ""
    assert sorted(stage.path.iterdir()) == before


def test_a_whole_command(tunnel, stage):
    """As the command would see it: its options, the environment, the file and the token."""
    path = stage.file("c.yaml", "upstream: http://a\n")

    def check(*argv, **env):
        return tunnel.run("check-config", *argv, env=dict(tunnel.env, **env))
    status, out, err = check("client", "--remote=b:1", TUNNEL_CONFIG=str(path), TUNNEL_TOKEN="x" * 32)
    assert status == 0 and not err
    for line in ("this is a valid client configuration", "remote = b:1 (command line)",
                 "token = (set) (environment variable TUNNEL_TOKEN)", "upstream = http://a"):
        assert line in out
    for argv, env, why in [
            (["client", "--remote=b:1"], {}, "--upstream is missing"),
            (["client", "--remote=b:1", "--config=%s" % path], {}, "no token is given"),
            (["server", "--prot=1"], {}, "did you mean --port?"),
            (["server", "--token-from=/none"], {}, "/none cannot be opened"),
            (["server"], {"CREDENTIALS_DIRECTORY": str(stage.path)}, "tunnel.token is empty")]:
        stage.file("tunnel.token", "\n")
        status, out, err = check(*argv, **env)
        assert status == 2 and not out and why in err and len(err.splitlines()) == 1, err
    stage.file("tunnel.token", "y" * 32)
    assert check("--strict", "server", "--port=0", CREDENTIALS_DIRECTORY=str(stage.path))[0] == 0


def test_usage(tunnel):
    assert tunnel.run("check-config")[0] == 2
    assert tunnel.run("check-config", "--help")[0] == 0
    status, _, err = tunnel.run("check-config", "/nonexistent.yaml")
    assert status == 2 and "/nonexistent.yaml" in err


@pytest.mark.parametrize("text", [
    'advertise: "a\\e[31mred\\nb"',             # it is refused
    '"bad\\e[2Joption\\nb": x',                 # so is this
    'access-log: "/none/\\e[31m\\nb"',           # shown, and warned of
    'access-log: "/none/\\u202eb\\u009b2J\\n"',
])
def test_a_file_steers_no_terminal(tunnel, stage, text):
    """Who judges a stranger's file reads its words, and no lines but the program's."""
    path = stage.file("stranger.yaml", text + "\n")
    _, out, err = tunnel.run("check-config", path)
    for line in out.splitlines() + err.splitlines():
        assert line.isprintable(), line
        assert line.startswith(("tunnel check-config: ", str(path), "  ")), line
    assert "\\x" in err
    _, _, err = tunnel.run("server", "--config=%s" % path, "--port=0", "--state-dir=/none")
    assert all(line.isprintable() for line in err.splitlines()), err
