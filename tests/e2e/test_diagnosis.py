# SPDX-License-Identifier: MIT
"""What goes wrong on either side has one true cause in a log, and what to do about it: with the
real programs that people point a tunnel at by mistake, or have in front of it."""

import datetime
import re
import socket
import threading

import pytest

from harness.netns import Namespace
from harness.public import free_port, port_of
from harness.upstream import FullBacklog, refused_port
from harness.visitor import Visitor, split
from harness.wait import wait_until

UPGRADE = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;'


def failing(tunnel, remote, *options, upstream=None, **kwargs):
    """A client that does not come up, and its log once it says why."""
    c = tunnel.client(remote, upstream or "http://127.0.0.1:9", *options, wait=False, **kwargs)
    wait_until(lambda: "cannot connect to" in c.log() or not c.alive(), "the cause")
    return c.log()


def once(log, *sentences):
    for s in sentences:
        assert log.count(s) == 1, "%r, once, in:\n%s" % (s, log)


# ---- In front of the exit node ----

@pytest.mark.parametrize("fields, lacks", [
    ("", 'without "Upgrade: websocket"'),
    ("proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;",
     'without "Connection: Upgrade"'),
    (UPGRADE, "as HTTP/1.0"),
])
def test_nginx_keeps_the_upgrade(tunnel, fields, lacks):
    server = tunnel.server()
    upstream = tunnel.upstream()
    tunnel.client(server, upstream)
    front = tunnel.nginx("location / { proxy_pass http://%s; %s }" % (server.address, fields))
    log = failing(tunnel, front.address)
    once(log, "the exit node answers 426: a reverse proxy on the way does not pass WebSockets on for "
              "/tunnel", UPGRADE)
    assert "--control-p" not in log and "--max-sessions" not in log and "password" not in log
    server.log_contains("refused a client's link request that came by way of 127.0.0.1 %s: the "
                        "reverse proxy there must pass WebSockets on" % lacks)
    once(server.log(), UPGRADE)
    assert b"/tunnel" not in upstream.received()  # it is asked nothing in the exit node's stead


def test_a_websocket_of_a_visitor_at_the_control_path_is_his(tunnel):
    """What is taken for a client's request offers the subprotocol that only clients offer."""
    server, _, upstream = tunnel.through()
    r = tunnel.visitor(server).get("/tunnel", fields=["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                                                      "Sec-WebSocket-Protocol: chat"])
    assert r.status == 200 and r.get("Proxy-Status") is None
    assert len(upstream.connections) == 1


@pytest.mark.parametrize("answer, says", [
    ("return 301 https://$host:8443$request_uri;", "it wants TLS: --remote wss://"),
    ("return 302 http://login.hotel.example/;", "this network has a login page"),
    ("return 511;", "this network has a login page: open it in a browser"),
    ("return 401;", "wants a password before it lets anybody to /tunnel"),
    ("return 403;", "does not let requests through to /tunnel"),
    ("return 404;", "do --control-path and the port fit the server's?"),
    ("proxy_pass http://127.0.0.1:9;", "502 Bad Gateway (nginx/"),
    ("return 503;", "a reverse proxy answers, and has no exit node behind it"),
    ("return 521;", "Cloudflare answers, and the exit node behind it refuses the connection"),
    ("", "404 Not Found (nginx/"),
])
def test_something_else_answers(tunnel, answer, says):
    front = tunnel.nginx("location / { %s }" % answer)
    once(failing(tunnel, front.address), says)


def test_another_control_path_and_another_port(tunnel):
    server = tunnel.server("--control-path=/secret", "--reconnect-grace=0s")
    once(failing(tunnel, server.address), "the exit node answers 503: it takes no links at /tunnel on "
         "this port: --control-path has to be the server's, and the port its --control-port")
    split = tunnel.server("--control-port=0", "--reconnect-grace=0s", "--control-path=/secret")
    once(failing(tunnel, "127.0.0.1:%d" % split.port_for("visitors")), "the port its --control-port")
    once(failing(tunnel, "127.0.0.1:%d" % split.port_for("clients")),
         "the exit node answers 404: its port for clients takes no links at /tunnel")


def test_tls_and_none(tunnel):
    ca = tunnel.ca()
    cert = ca.issue("127.0.0.1")
    tls = tunnel.nginx("ssl_certificate %s; ssl_certificate_key %s;" % (cert.cert, cert.key), listen="ssl")
    once(failing(tunnel, "ws://" + tls.address), "it speaks TLS there: --remote wss://" + tls.address)
    plain = tunnel.server()
    once(failing(tunnel, "wss://" + plain.address),
         "it answers in plain HTTP, not TLS: --remote ws://" + plain.address)
    plain.log_contains("refused TLS from 127.0.0.1 on port %d: this server has no certificate; give "
                       "it one (--tls-cert or --auto-tls), or use http:// and ws://" % plain.port)
    python = tunnel.upstream(tls=cert.server_context())
    once(failing(tunnel, "ws://" + python.address), "does it want wss://?")


def test_nobody_is_there(tunnel):
    sock, port = refused_port()
    once(failing(tunnel, "127.0.0.1:%d" % port), "connection refused by 127.0.0.1:%d: is the tunnel "
         "server running, and is this its port?" % port)
    sock.close()
    once(failing(tunnel, "no-such-host.invalid:8000"), "cannot resolve no-such-host.invalid: ")


# ---- Upstreams ----

class Scene:
    """An exit node, a client of it, and what a visitor gets."""

    def __init__(self, tunnel, upstream, *options):
        self.server = tunnel.server()
        self.client = tunnel.client(self.server, upstream, *options)

    def visit(self, n=1):
        return [Visitor(self.server.address).get() for _ in range(n)][-1]

    def says(self, *sentences):
        wait_until(lambda: "the upstream " in self.client.log(), "the cause")
        once(self.client.log(), "the upstream ", *sentences)


def test_http_for_nginx_with_tls(tunnel):
    cert = tunnel.ca().issue("127.0.0.1")
    nginx = tunnel.nginx("ssl_certificate %s; ssl_certificate_key %s;" % (cert.cert, cert.key), listen="ssl")
    scene = Scene(tunnel, "http://" + nginx.address)
    assert scene.visit(3).status == 400
    scene.says("the upstream http://%s speaks TLS: write https://%s" % (nginx.address, nginx.address))


def test_http_for_a_server_that_answers_with_an_alert(tunnel):
    port = free_port()
    cert = tunnel.ca().issue("127.0.0.1")
    server = tunnel.stage.daemon("s_server", ["openssl", "s_server", "-accept", "127.0.0.1:%d" % port,
                                              "-cert", cert.cert, "-key", cert.key, "-quiet"])
    server.expected_status |= {1, -15}
    wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "s_server")
    scene = Scene(tunnel, "http://127.0.0.1:%d" % port)
    assert scene.visit().status == 502
    scene.says("https://127.0.0.1:%d" % port)


def test_http_for_http2(tunnel):
    nginx = tunnel.nginx("location / { return 200; }", listen="http2")
    scene = Scene(tunnel, "http://" + nginx.address)
    assert scene.visit().status == 502
    scene.says("speaks HTTP/2 alone, and is asked in HTTP/1.1",
               "publish gRPC and the like as h2c://%s" % nginx.address)
    assert Scene(tunnel, "h2c://" + nginx.address).visit().status == 200


@pytest.mark.parametrize("banner, says", [
    (b"SSH-2.0-OpenSSH_9.2p1\r\n", "is an SSH server and does not speak HTTP"),
    (b"-ERR unknown command 'GET'\r\n", "is a Redis server and does not speak HTTP"),
    (b"<!DOCTYPE HTML>\n", 'answers what is not HTTP ("<!DOCTYPE HTML>")'),
    (b"", "closed the connection instead of answering"),
])
def test_http_for_something_else(tunnel, banner, says):
    def script(conn):
        conn.read_head()
        conn.send(banner)
    upstream = tunnel.upstream(script)
    scene = Scene(tunnel, upstream.url)
    assert scene.visit(2).status == 502
    scene.says(says)


def test_https_for_plain_http(tunnel):
    nginx = tunnel.nginx("location / { return 200; }")
    scene = Scene(tunnel, "https://" + nginx.address, "--upstream-insecure")
    assert scene.visit(2).status == 502
    wait_until(lambda: "cannot be reached" in scene.client.log(), "the cause")
    once(scene.client.log(), "it answers in plain HTTP, not TLS: write http://" + nginx.address)


def test_an_upstream_that_is_not_there(tunnel):
    sock, port = refused_port()
    scene = Scene(tunnel, "http://127.0.0.1:%d" % port)
    assert scene.visit().status == 502
    scene.says("connection refused by 127.0.0.1:%d: is the service running, and is this its port?" % port)
    sock.close()


@pytest.mark.parametrize("ports, at", [(1, 0), (3, 1)])
def test_the_exit_nodes_own_port(tunnel, ports, at):
    server = tunnel.server()
    first = server.port - at
    key, to = (str(first), "22") if ports == 1 else ("%d-%d" % (first, first + ports - 1), "22-%d" % (21 + ports))
    client = tunnel.client(server, "%s=tcp://127.0.0.1:%s" % (key, to), wait=False)
    client.expected_status = {1}
    assert client.wait() == 1
    once(client.log(), "port %d is the exit node's own: HTTP is published there without a port "
         "(--upstream http://" % server.port)
    assert "another program" not in client.log() + server.log()


def test_an_upstream_that_does_not_answer(tunnel):
    """As behind a firewall that drops what it does not let through: a full backlog is as silent."""
    address = tunnel.stage.add(FullBacklog()).address
    scene = Scene(tunnel, "http://" + address, "--dial-timeout=500ms")
    assert scene.visit().status == 504
    scene.says(address + " did not answer in time: a firewall or security group may not let the port through")


@pytest.mark.root
def test_no_way_there(tunnel):
    """On a machine without a network, and where a router says that there is nothing."""
    space = tunnel.stage.add(Namespace())
    space.ip("route", "add", "unreachable", "198.51.100.1")
    for to, says in (("203.0.113.1", "this machine has no route to %s: is its network up?"),
                     ("198.51.100.1", "no machine answers at %s, or a firewall refuses")):
        client = space.move(tunnel.client(to + ":8000", "http://127.0.0.1:9", start=False))
        client.start()
        client.log_contains("cannot connect to %s:8000: %s" % (to, says % (to + ":8000")))
        client.stop()


def test_a_datagram_that_is_refused(tunnel):
    # A port that nobody else gets meanwhile, and that takes nothing: it is connected to somebody else.
    held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    held.bind(("127.0.0.1", 0))
    held.connect(("127.0.0.2", 9))
    server = tunnel.server()
    client = tunnel.client(server, "0=udp://127.0.0.1:%d" % held.getsockname()[1])
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    address = ("127.0.0.1", port_of(client))
    # A datagram may be dropped: while the port moves to the worker that has the link, say.
    wait_until(lambda: sock.sendto(b"x", address) and
               "nothing listens there: is the service running, and is this its port?" in client.log(),
               "the cause in the client's log")
    sock.close()
    held.close()


# ---- Certificates and clocks ----

def day(days):
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)).strftime("%Y-%m-%d at ")


def test_a_certificate_that_ended_in_front(tunnel):
    """Which, when, and by what clock; nginx says what time it is there."""
    cert = tunnel.ca().issue("127.0.0.1", days=-2)
    front = tunnel.nginx("ssl_certificate %s; ssl_certificate_key %s; location / { return 404; }"
                         % (cert.cert, cert.key), listen="ssl")
    log = failing(tunnel, "wss://" + front.address, "--tls-ca=" + cert.cert)
    once(log, "its certificate ended on " + day(-2), "(it is for 127.0.0.1); the clock here says " + day(0),
         "it has to be renewed there, unless this clock is ahead")


def test_a_clock_that_is_ahead(tunnel):
    """By the clock of who answers the certificate is valid: it is ours that is wrong."""
    ca = tunnel.ca()
    cert = ca.issue("127.0.0.1", days=-2)
    server = tunnel.server()

    def script(conn):
        """An exit node behind TLS that another ends, some days ago."""
        request = conn.read_head()
        with socket.create_connection(split(server.address)) as sock:
            sock.sendall(request)
            answer = b""
            while b"\r\n\r\n" not in answer:
                answer += sock.recv(4096)
            then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=4)
            line = then.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").encode()
            conn.send(re.sub(rb"Date: .*?\r\n", line, answer))
            conn.sock.settimeout(None)
            threading.Thread(target=pump, args=(conn.sock, sock), daemon=True).start()
            pump(sock, conn.sock)

    def pump(one, other):
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            pass

    front = tunnel.upstream(script, tls=cert.server_context())
    log = failing(tunnel, "wss://" + front.address, env=dict(tunnel.env, SSL_CERT_FILE=ca.cert))
    once(log, "its certificate ended on " + day(-2), "the clock here says " + day(0),
         "and the one there %s" % day(-4), "when it is valid: set the clock here")
    assert "renewed" not in log


def test_the_servers_own_certificate(tunnel):
    ca = tunnel.ca()
    old, fine = ca.issue("old.example", "*.old.example", days=-2), ca.issue("127.0.0.1")
    server = tunnel.server(*fine.options(), *old.options())
    server.log_contains("the certificate for old.example and *.old.example ended on " + day(-2))
    soon = tunnel.server(*ca.issue("soon.example", days=3).options())
    soon.log_contains("the certificate for soon.example ends on " + day(3))
    assert "127.0.0.1 ended" not in server.log()


def test_a_client_certificate_is_wanted(tunnel):
    ca = tunnel.ca()
    old = ca.issue("laptop", days=-2, client=True)
    server = tunnel.server(*ca.issue("127.0.0.1").options(), "--tls-client-ca=" + ca.cert)
    wss = "wss://" + server.address
    once(failing(tunnel, wss), "the exit node answers 403: it takes no client without a certificate of its "
         "--tls-client-ca")
    server.log_contains("refused client 127.0.0.1: --tls-client-ca requires a client certificate, "
                        "and it showed none")
    again = tunnel.server(*ca.issue("127.0.0.1").options(), "--tls-client-ca=" + ca.cert)
    log = failing(tunnel, "wss://" + again.address, "--tls-client-cert=" + old.cert,
                  "--tls-client-key=" + old.key)
    once(log, "the certificate of --tls-client-cert (laptop) ended on " + day(-2))
    again.log_contains("requires a client certificate, and its certificate ended on " + day(-2))
    once(again.log(), "(it is for laptop)")


def test_an_upstreams_certificate(tunnel):
    ca = tunnel.ca()
    upstream = tunnel.upstream(tls=ca.issue("127.0.0.1", days=-2).server_context())
    scene = Scene(tunnel, upstream.url, "--upstream-ca=" + ca.cert)
    assert scene.visit().status == 502
    scene.says("its certificate ended on " + day(-2), "(it is for 127.0.0.1)", "the clock here says ")


# ---- What the exit node sees of an upstream, in its client's log ----

def test_an_upstream_that_never_answers(tunnel):
    """What hangs is the client's to see: the exit node's operator cannot mend it."""
    upstream = tunnel.upstream(lambda conn: conn.read_to_end())
    server = tunnel.server("--response-head-timeout=500ms")
    client = tunnel.client(server, upstream)
    assert tunnel.visitor(server).get().status == 504
    client.log_contains("the exit node says: the upstream %s did not respond to request "
                        % upstream.url)
    once(client.log(), "the upstream ", " within 0.5 s (--response-head-timeout of the exit node)")


@pytest.mark.parametrize("answer, says", [
    (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "that was refused: "),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
     "malformed: Content-Length"),
    (b"HTTP/1.1 200 OK\r\nX-Space : a\r\nContent-Length: 0\r\n\r\n", ": X-Space"),
    (b"HTTP/2.0 200 OK\r\n\r\n", "that was refused: "),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "that was refused: "),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf",
     "closed the connection in the middle of its response"),
    (b"HTTP/1.1 200 O", "closed the connection in the middle of its response"),
])
def test_http_that_is_broken(tunnel, answer, says):
    def script(conn):
        conn.read_head()
        conn.send(answer)
        if "middle" not in says:
            conn.read_to_end()
    upstream = tunnel.upstream(script)
    scene = Scene(tunnel, upstream.url)
    tunnel.visitor(scene.server).request("/", method="POST", body=b"x")
    scene.says("the exit node says: the upstream %s " % upstream.url, " request ", says)
    assert scene.client.alive()
