# SPDX-License-Identifier: MIT
"""/metrics of the exit node: names, labels, and that what is counted is what passed."""

import http.client
import socket

import pytest

from harness.admin import ask
from harness.metrics import OPEN_METRICS, Metrics, promtool_check, scrape, wait_for
from harness.panel import Panel
from harness.public import port_of
from harness.upstream import response
from harness.visitor import split
from harness.wait import wait_until


def test_names(tunnel):
    """With something in each family that has samples only by use."""
    upstream = tunnel.upstream(response(b"hello"))
    server = tunnel.server()
    client = tunnel.client(server, [upstream.url, "0=tcp://" + upstream.address])
    tunnel.curl("http://" + server.address)
    tunnel.curl("http://127.0.0.1:%d/" % port_of(client, "tcp://"))
    text = ask(server, "/metrics").body
    assert promtool_check(text) == ""
    assert text.decode().count("# TYPE ") == len({
        line for line in text.decode().splitlines() if line.startswith("# TYPE ")})


def test_open_metrics(tunnel):
    server, _, _ = tunnel.through(response(b"hello"))
    tunnel.curl("http://" + server.address)
    answer = ask(server, "/metrics", "-H", "Accept: %s;version=1.0.0,text/plain;q=0.5" % OPEN_METRICS)
    assert answer.fields["content-type"] == OPEN_METRICS + "; version=1.0.0; charset=utf-8"
    text = answer.body.decode()
    assert text.endswith("\n# EOF\n")
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE ")]
    assert len(families) == len(set(families))
    assert "# TYPE tunnel_http_requests counter\n" in text
    # The samples are the same ones.
    assert set(Metrics(text)) == set(scrape(server))


def test_http(tunnel):
    def answers(conn):
        while request := conn.read_request():
            status = "404 Not Found" if request[0].startswith(b"GET /none ") else "200 OK"
            conn.send(response(b"x" * 1000, status))
    server, _, _ = tunnel.through(answers)
    for path in "/", "/", "/none":
        tunnel.curl("http://" + server.address + path)
    route = {"route": "*"}
    m = wait_for(server, "tunnel_http_requests_total", 3, **route)
    assert m.of("tunnel_http_requests_total", code="2xx", **route) == 2
    assert m.of("tunnel_http_requests_total", code="4xx", **route) == 1
    assert m.of("tunnel_http_request_duration_seconds_count", **route) == 3
    assert m.of("tunnel_http_upstream_wait_seconds_bucket", le="+Inf", **route) == 3
    assert 3000 < m.of("tunnel_http_bytes_total", direction="out", **route) < 6000
    assert m.of("tunnel_sessions") == m.of("tunnel_services", kind="http") == 1
    assert m.of("tunnel_http_protocol_requests_total", protocol="HTTP/1") == 3
    tunnel.curl("http://" + server.address, "--http2-prior-knowledge")
    wait_for(server, "tunnel_http_protocol_requests_total", 1, protocol="HTTP/2")
    assert m.of("tunnel_handshakes_total", result="ok") >= 1


def test_strangers_make_no_series(tunnel):
    """Hosts that nobody publishes are `none`, however many are asked for."""
    server = tunnel.server()
    tunnel.client(server, "app.example=" + tunnel.upstream(response(b"")).url)
    before = len(scrape(server))
    c = http.client.HTTPConnection(*split(server.address))
    for i in range(500):
        c.request("GET", "/", headers={"Host": "%d.example" % i})
        assert c.getresponse().read() is not None
    m = wait_for(server, "tunnel_http_requests_total", 500, route="none", code="5xx")
    assert len(m) == before
    assert m.of("tunnel_http_refused_total", why="no-route") == 500


def test_so_many_routes(tunnel):
    server = tunnel.server("--metrics-routes=1")
    upstream = tunnel.upstream(response(b""))
    hosts = "a.example", "b.example", "c.example"
    tunnel.client(server, ",".join("%s=%s" % (host, upstream.url) for host in hosts))
    for host in hosts:
        assert tunnel.visitor(server).get(host=host).status == 200
    m = wait_for(server, "tunnel_http_requests_total", 2, route="other")
    assert m.labels("tunnel_http_requests_total", "route") == {"a.example", "other", "none"}


def test_tcp(tunnel):
    """A connection is counted while it lives."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = tunnel.server()
    client = tunnel.client(server, "0=tcp://127.0.0.1:%d" % listener.getsockname()[1])
    port = port_of(client)
    with socket.create_connection(("127.0.0.1", port)) as visitor:
        visitor.sendall(b"a" * 1000)
        upstream, _ = listener.accept()
        with upstream:
            upstream.sendall(b"b" * 3000)
            labels = {"port": str(port)}
            m = wait_for(server, "tunnel_tcp_bytes_total", 4000, **labels)
            assert m.of("tunnel_tcp_connections", **labels) == 1
            assert m.of("tunnel_tcp_bytes_total", direction="in", **labels) == 1000
    wait_until(lambda: scrape(server).of("tunnel_tcp_connections") == 0, "its end")
    assert scrape(server).of("tunnel_tcp_connections_total", **labels) == 1
    listener.close()


def test_a_client_comes_back(tunnel):
    """Its series goes on where it was."""
    upstream = tunnel.upstream(response(b"hello"))
    server = tunnel.server()
    for n in 1, 2:
        client = tunnel.client(server, upstream)
        tunnel.curl("http://" + server.address)
        wait_for(server, "tunnel_http_requests_total", n, route="*", code="2xx")
        client.stop()
        wait_until(lambda: scrape(server).of("tunnel_sessions") == 0, "its session's end")
    assert scrape(server).of("tunnel_sessions_ended_total", why="ended") == 2


def test_dead_upstream(tunnel):
    """What a client could not reach is its route's."""
    upstream = tunnel.upstream(response(b""))
    server = tunnel.server()
    tunnel.client(server, upstream)
    upstream.stop()
    tunnel.curl("http://" + server.address)
    m = wait_for(server, "tunnel_http_requests_total", 1, route="*", code="5xx")
    assert m.of("tunnel_http_refused_total", why="refused") == 1


@pytest.mark.parametrize("is_open", [False, True])
def test_open(tunnel, is_open):
    """Without a token, as --metrics-open says; nothing else is open by it."""
    server = tunnel.server("--panel=127.0.0.1:0", *["--metrics-open"] * is_open)
    panel = Panel(server, server.state)
    assert panel.ask("/metrics", token=False)[0] == (200 if is_open else 401)
    assert panel.ask("/metrics/inlets", token=False)[0] == 401
    assert panel.ask("/api/v1/status", token=False)[0] == 401
    assert panel.ask("/metrics")[0] == 200


def test_inlets(tunnel):
    server, _, _ = tunnel.through(response(b"hello"))
    tunnel.curl("http://" + server.address)
    wait_for(server, "tunnel_http_requests_total", 1, route="*")
    m = scrape(server, "/metrics/inlets")
    assert m.of("http_controlplane_connected_gauge") == 1
    assert m.of("http_dataplane_requests_total", code="200", host="*") == 1
    assert m.of("http_dataplane_request_duration_seconds_count", host="*") == 1
