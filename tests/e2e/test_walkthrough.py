"""The README's walk-through, word for word but for the addresses, and what may go wrong in it."""

import os
import re
import time

from house import programs
from house.stage import Daemon
from house.wait import wait_until


def shell(stage, name, script, **env):
    """A line as a person types it; exec, so that the process is the program itself."""
    path = os.path.dirname(os.path.abspath(programs.TUNNEL))
    full = dict(stage.env, PATH=path + ":" + stage.env["PATH"], **env)
    return stage.add(Daemon(stage, name, ["bash", "-c", script], env=full)).start()


def test_verbatim(stage, tunnel):
    upstream = tunnel.upstream("hello from home\n")
    port_file = stage.path / "ready"
    # on the exit node; 9090 and the ready file are what differs
    node = shell(stage, "server", """
        export token=$(head -c 16 /dev/urandom | shasum | cut -d" " -f1)
        echo "$token" > "$HOME/token"
        exec tunnel server --port=0 --token="$token" --ready-file=%s""" % port_file)
    wait_until(lambda: port_file.exists() and port_file.read_text(), "the ready file")
    port = int(re.fullmatch(r"all (\d+)\n", port_file.read_text()).group(1))
    token = (stage.path / "home" / "token").read_text().strip()
    assert re.fullmatch("[0-9a-f]{40}", token)

    # beside the service
    client = shell(stage, "client", """
        export REMOTE="127.0.0.1:%d"
        exec tunnel client --remote=$REMOTE --upstream=%s --token $TOKEN""" % (port, upstream.url),
                   TOKEN=token)
    client.log_contains("is published at")

    # anyone
    assert tunnel.curl("http://127.0.0.1:%d/" % port) == b"hello from home\n"
    assert token not in node.log() + client.log()


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
