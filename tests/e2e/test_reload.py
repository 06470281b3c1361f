# SPDX-License-Identifier: MIT
"""The configuration file: checked before it is used, and read again on SIGHUP."""

import signal
import socket
import threading

import pytest

from harness.programs import TUNNEL
from harness.public import free_port, free_ports, is_free, port_of
from harness.upstream import echo_bytes, head_of, one, response
from harness.visitor import Visitor
from harness.wait import wait_until


class Configured:
    """A client that reads all it does from a file."""

    def __init__(self, tunnel, server, *services, **options):
        self.stage = tunnel.stage
        self.options = {"remote": server if isinstance(server, str) else server.address,
                        "token-from": tunnel.stage.file("token", tunnel.TOKEN), **options}
        self.file = tunnel.path / "client.yaml"
        self.write(*services)
        self.daemon = tunnel.stage.daemon("client", [TUNNEL, "client", "--config", self.file])

    def write(self, *services, **options):
        """Each service a mapping; its upstream comes first."""
        self.options.update(options)
        text = "".join("%s: %s\n" % row for row in self.options.items()) + "services:\n"
        for service in services:
            rows = ["%s: %s" % row for row in service.items()]
            text += "  - " + "\n    ".join(rows) + "\n"
        self.raw(text)

    def raw(self, text):
        self.file.write_text(text)
        self.file.chmod(0o600)

    def reload(self, *services, **options):
        self.write(*services, **options)
        self.daemon.send_signal(signal.SIGHUP)

    def published(self, n):
        wait_until(lambda: self.daemon.log().count(" is published at ") >= n,
                   "%d services to be published" % n)


def at(host, upstream, **more):
    return dict(upstream="%s=%s" % (host, upstream.url), **more)


def get(server, host):
    with Visitor(server.address) as v:
        return v.get(host=host)


def serves(server, host, body):
    def right():
        r = get(server, host)
        return r.status == 200 and r.body == body
    wait_until(right, "%s to answer %r" % (host, body))


@pytest.fixture
def server(tunnel):
    return tunnel.server("--reconnect-grace=0s")


class Drip:
    """A download that lasts for as long as a test wants it to."""

    SIZE = 40

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.SIZE)
        conn.send(b"1" * (self.SIZE // 2))
        self.go.wait(30)
        conn.send(b"2" * (self.SIZE // 2))


# Services in a file


def test_services_of_a_file(tunnel, server):
    a, b = tunnel.upstream("a"), tunnel.upstream(lambda c: c.send(b"raw"))
    public = free_port()
    client = Configured(tunnel, server, at("a.example", a, **{"upstream-host": "inner.example"}),
                        {"upstream": "tcp://" + b.address, "port": public})
    client.published(2)
    assert get(server, "a.example").body == b"a"
    assert one(head_of(a), "host") == "inner.example"
    assert tunnel.visitor("127.0.0.1:%d" % public).read_to_end() == b"raw"


def test_settings_belong_to_their_service(tunnel, server):
    plain, told = [tunnel.upstream() for _ in range(2)]

    def script(conn):
        assert conn.read_until(b"\r\n").startswith(b"PROXY TCP4 127.0.0.1 ")
        conn.read_request()
        conn.send(response("told"))
    told.script = script
    client = Configured(tunnel, server, at("told.example", told, **{"proxy-protocol": "v1"}),
                        at("plain.example", plain))
    client.published(2)
    assert get(server, "told.example").body == b"told"
    assert get(server, "plain.example").body == b"ok\n"


# Reload


def test_service_is_added(tunnel, server):
    a, b = tunnel.upstream("a"), tunnel.upstream("b")
    client = Configured(tunnel, server, at("a.example", a))
    client.published(1)
    assert get(server, "b.example").status == 503
    client.reload(at("a.example", a), at("b.example", b))
    serves(server, "b.example", b"b")
    assert get(server, "a.example").body == b"a"
    assert client.daemon.log().count("connected to") == 1


def test_service_is_removed(tunnel, server):
    a, b = tunnel.upstream("a"), tunnel.upstream("b")
    client = Configured(tunnel, server, at("a.example", a), at("b.example", b))
    client.published(2)
    assert get(server, "b.example").body == b"b"
    client.reload(at("a.example", a))
    wait_until(lambda: get(server, "b.example").status == 503, "b.example to be gone")
    assert get(server, "a.example").body == b"a"


def test_service_is_changed(tunnel, server):
    a, b = tunnel.upstream("a"), tunnel.upstream("b")
    client = Configured(tunnel, server, at("a.example", a))
    client.published(1)
    v = tunnel.visitor(server)
    assert v.get(host="a.example").body == b"a"  # its stream to the old one is kept
    client.reload(at("a.example", b))
    wait_until(lambda: v.get(host="a.example").body == b"b", "the new upstream")
    assert get(server, "a.example").body == b"b"


def test_setting_of_a_service_is_changed(tunnel, server):
    a = tunnel.upstream()
    client = Configured(tunnel, server, at("a.example", a))
    client.published(1)
    get(server, "a.example")
    client.reload(at("a.example", a, **{"upstream-host": "inner.example"}))

    def seen():
        get(server, "a.example")
        return b"Host: inner.example\r\n" in a.received()
    wait_until(seen, "the new Host")


def test_ports_open_and_close(tunnel, server):
    one_port, two_port = free_ports(2)
    upstream = tunnel.upstream(lambda c: c.send(b"raw"))

    def on(port):
        return {"upstream": "%d=tcp://%s" % (port, upstream.address)}
    client = Configured(tunnel, server, on(one_port))
    client.published(1)
    client.reload(on(two_port))
    wait_until(lambda: is_free(one_port) and not is_free(two_port), "the other port")
    assert tunnel.visitor("127.0.0.1:%d" % two_port).read_to_end() == b"raw"


def test_streams_of_the_others_go_on(tunnel, server):
    """A download and a TCP connection, while everything beside them is added, changed, removed."""
    drip = Drip()
    long, other, third = tunnel.upstream(drip), tunnel.upstream("b"), tunnel.upstream("c")

    raw = {"upstream": "0=tcp://" + tunnel.upstream(echo_bytes).address}
    stays = [at("long.example", long), raw]
    client = Configured(tunnel, server, *stays, at("b.example", other))
    client.published(3)
    download = Visitor(server.address).request(host="long.example")
    assert download.read_head().status == 200
    assert download.read(20) == b"1" * 20
    held = tunnel.visitor("127.0.0.1:%d" % port_of(client.daemon, "tcp"))
    assert held.send(b"one").read(3) == b"one"

    client.reload(at("c.example", third), *stays, at("b.example", other))  # another order, too
    serves(server, "c.example", b"c")
    assert held.send(b"two").read(3) == b"two"
    client.reload(*stays, at("c.example", other))
    serves(server, "c.example", b"b")
    wait_until(lambda: get(server, "b.example").status == 503, "b.example to be gone")
    assert held.send(b"more").read(4) == b"more"
    drip.go.set()
    assert download.read(20) == b"2" * 20
    assert client.daemon.log().count("connected to") == 1
    assert len(long.connections) == 1


@pytest.mark.parametrize("text,words", [
    ("remote: a\nservices:\n  - upstream: a.example=gopher://x\n", ["client.yaml:3", "gopher"]),
    ("remote: [\n", ["client.yaml"]),
    ("nonsense: 1\n", ["client.yaml:1", "nonsense"]),
], ids=["service", "no YAML", "option"])
def test_invalid_file_changes_nothing(tunnel, server, text, words):
    drip = Drip()
    long, a = tunnel.upstream(drip), tunnel.upstream("a")
    client = Configured(tunnel, server, at("a.example", a), at("long.example", long))
    client.published(2)
    download = Visitor(server.address).request(host="long.example")
    assert download.read_head().status == 200
    client.raw(text)
    client.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: all(w in client.daemon.log() for w in words), "%s in the log" % words)
    assert get(server, "a.example").body == b"a"
    drip.go.set()
    assert download.read(40) == b"1" * 20 + b"2" * 20
    assert client.daemon.alive() and client.daemon.log().count("connected to") == 1
    # And it can be put right.
    client.reload(at("a.example", a), at("b.example", a))
    serves(server, "b.example", b"a")


def test_file_that_is_gone_changes_nothing(tunnel, server):
    a = tunnel.upstream("a")
    client = Configured(tunnel, server, at("a.example", a))
    client.published(1)
    client.file.unlink()
    client.daemon.send_signal(signal.SIGHUP)
    wait_until(lambda: "client.yaml" in client.daemon.log(), "a complaint")
    assert get(server, "a.example").body == b"a"


def test_what_cannot_change_says_so(tunnel, server):
    a = tunnel.upstream("a")
    client = Configured(tunnel, server, at("a.example", a), links=1)
    client.published(1)
    client.reload(at("a.example", a), links=3)
    wait_until(lambda: [li for li in client.daemon.log().split("\n")
                        if "links" in li and "next start" in li], "a word about links")
    assert get(server, "a.example").body == b"a"
    assert client.daemon.alive()


def test_log_level_can_change(tunnel, server):
    a = tunnel.upstream("a")
    client = Configured(tunnel, server, at("a.example", a))
    client.published(1)
    assert " debug " not in client.daemon.log()
    client.reload(at("a.example", a), **{"log-level": "debug"})
    client.daemon.log_contains("reloaded")
    client.reload(at("a.example", a), at("b.example", a))  # something to talk about
    wait_until(lambda: " debug " in client.daemon.log(), "more to read")


def test_server_reload(tunnel):
    """What can change does, what cannot says so, and a mistake changes nothing."""
    config = tunnel.stage.file("server.yaml", "log-level: info\nvisitor-idle: 75s\n")
    server = tunnel.server("--config=%s" % config)
    client = tunnel.client(server, tunnel.upstream("ok"))
    assert " debug " not in server.log()
    held = tunnel.visitor(server)
    assert held.get().body == b"ok"

    config.write_text("log-level: debgu\n")
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: "server.yaml:1" in server.log(), "file and line")
    config.write_text("log-level: debug\nworkers: 3\n")
    server.send_signal(signal.SIGHUP)
    server.log_contains("next start")
    assert held.get().body == b"ok"
    tunnel.client(server, tunnel.upstream())  # something to talk about
    server.log_contains(" debug ")
    wait_until(lambda: [li for li in server.log().split("\n")
                        if "workers" in li and "next start" in li], "a word about workers")
    assert client.log().count("connected to") == 1


def test_sighup_without_a_file_is_no_end(tunnel):
    server, client, _ = tunnel.through("ok")
    for d in (server, client):
        d.send_signal(signal.SIGHUP)
    assert tunnel.visitor(server).get().body == b"ok"
    assert server.alive() and client.alive() and client.log().count("connected to") == 1


def test_many_reloads_in_a_row(tunnel, server):
    ups = [tunnel.upstream("%d" % i) for i in range(4)]
    client = Configured(tunnel, server, at("0.example", ups[0]))
    client.published(1)
    for i in range(20):
        client.reload(*[at("%d.example" % j, ups[(i + j) % 4]) for j in range(4)])
    for j in range(4):
        serves(server, "%d.example" % j, b"%d" % ((19 + j) % 4))
    assert client.daemon.alive()


# check-config


CLIENT = """remote: wss://exit.example
token-from: %s
links: 2
services:
  - upstream: a.example=http://127.0.0.1:3000
    proxy-protocol: v2
  - upstream: tcp://127.0.0.1:22
    port: 2222
  - upstream: 7000-7010=tcp://127.0.0.1:7000-7010
"""

SERVER = """port: [80, 443]
control-port: 8443
allow-ports: 2000-3000
accept-proxy-protocol: [10.0.0.0/8]
log-level: warn
workers: 2
"""


def check(tunnel, text, name="x.yaml"):
    file = tunnel.stage.file(name, text)
    status, out, err = tunnel.run("check-config", str(file))
    return status, out + err


def test_check_config_of_good_files(tunnel):
    token = tunnel.stage.file("token", tunnel.TOKEN)
    for text in (CLIENT % token, SERVER):
        status, said = check(tunnel, text)
        assert status == 0, said


@pytest.mark.parametrize("text,words", [
    (SERVER.replace("warn", "loud"), [":5", "log-level", "debug", "info", "warn", "error"]),
    (SERVER.replace("workers: 2", "wrokers: 2"), [":6", "wrokers", "workers"]),
    (SERVER.replace("workers: 2", "workers: 1000"), [":6", "workers", "1000"]),
    (SERVER.replace("10.0.0.0/8", "10.0.0.0/40"), [":4", "10.0.0.0/40"]),
    (SERVER.replace("2000-3000", "3000-2000"), [":3", "allow-ports"]),
    (SERVER + "port: 1\n", [":7", "port"]),
    (CLIENT.replace("v2", "v7"), [":6", "v7", "v1", "v2"]),
    (CLIENT.replace("proxy-protocol", "proxy-protokoll"), [":6", "proxy-protocol"]),
    (CLIENT.replace("a.example=http", "a.example=gopher"), [":5", "gopher"]),
    (CLIENT.replace("7000-7010\n", "7000-7020\n"), [":9"]),
    (CLIENT.replace("port: 2222", "port: 99999"), [":8", "port"]),
    ("services: 3\nremote: a\nupstream: http://b\n", [":1", "services"]),
    ("remote: a\n  indented: wrong\n", [":2"]),
], ids=lambda x: x[-1] if isinstance(x, list) else "")
def test_check_config_names_line_and_values(tunnel, text, words):
    if "%s" in text:
        text %= tunnel.stage.file("token", tunnel.TOKEN)
    status, said = check(tunnel, text)
    assert status != 0 and status < 100
    for w in ["x.yaml"] + words:
        assert w in said, said


def test_check_config_of_no_file(tunnel):
    status, _, err = tunnel.run("check-config", str(tunnel.path / "nowhere.yaml"))
    assert status != 0 and "nowhere.yaml" in err
    status, _, err = tunnel.run("check-config")
    assert status == 2 and "check-config" in err


def test_check_config_opens_nothing(tunnel):
    """It says the same of a file whose server is running."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        status, said = check(tunnel, "port: %d\nbind-addr: 127.0.0.1\n" % s.getsockname()[1])
    assert status == 0, said
    assert {p.name for p in tunnel.path.iterdir() if p.is_dir()} == {"home", "xdg"}


def test_a_path_becomes_a_fence(tunnel, server):
    """Dot segments are refused from when an upstream has a path, and taken again without (rule
    41)."""
    up = tunnel.upstream("fine")
    client = Configured(tunnel, server, at("a.test", up))
    client.published(1)

    def climbs(status):
        def right():
            with Visitor(server.address) as v:
                return v.get("/x/../y", host="a.test").status == status
        return right
    assert climbs(200)()
    client.reload(dict(upstream="a.test=%s/public" % up.url))
    wait_until(climbs(400), "the path to be a fence")
    client.published(2)
    client.reload(dict(upstream="a.test=%s/other" % up.url))
    client.published(3)
    assert climbs(400)()
    client.reload(at("a.test", up))
    wait_until(climbs(200), "the fence to go")
