# SPDX-License-Identifier: MIT
"""docs/reverse-proxies.md: each of its configurations, word for word, on a machine of its own where
the names, ports and files are those of the document; with a client, visitors, a WebSocket, events
and an upload."""

import json
import re
import shlex
import shutil
import socket
import threading

import pytest
from websockets.utils import accept_key

from harness import TOP
from harness.names import NameServer
from harness.programs import TOKEN, TUNNEL
from harness.stage import Daemon
from harness.tls import TlsVisitor
from harness.upstream import Upstream, response
from harness.wait import wait_until

NAME = "exit.example.org"
CERTIFICATE = "/etc/ssl/private/exit.example.org.pem"
DOCUMENT = TOP / "docs" / "reverse-proxies.md"

# Heading of the document → how its program is started with the block, and what else it needs around
# it.
NGINX = """user root;
daemon off;
pid HOME/pid;
error_log stderr;
events { }
http {
    access_log off;
    client_body_temp_path HOME/a;
    proxy_temp_path HOME/b;
    fastcgi_temp_path HOME/c;
    uwsgi_temp_path HOME/d;
    scgi_temp_path HOME/e;
    include HOME/block;
}
"""
APACHE = """ServerRoot /usr/lib/apache2
ServerName localhost
DefaultRuntimeDir HOME
PidFile HOME/pid
ErrorLog /dev/stderr
User www-data
Group www-data
Listen 80
Listen 443
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule alias_module modules/mod_alias.so
LoadModule ssl_module modules/mod_ssl.so
LoadModule headers_module modules/mod_headers.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
Include HOME/block
"""
PROXIES = {
    "nginx": ("nginx", NGINX, ["nginx", "-c", "HOME/around"]),
    "HAProxy": ("haproxy", "", ["haproxy", "-db", "-f", "HOME/block"]),
    "HAProxy that passes TLS on": ("haproxy", "", ["haproxy", "-db", "-f", "HOME/block"]),
    "Apache": ("apache", APACHE, ["apache2", "-X", "-f", "HOME/around"]),
    "Caddy": ("caddy", "", ["caddy", "run", "--adapter", "caddyfile", "--config", "HOME/block"]),
}


def blocks(heading, kind):
    text = DOCUMENT.read_text().split("\n## %s\n" % heading)[1].split("\n## ")[0]
    return re.findall(r"^```%s\n(.*?)^```$" % kind, text, re.M | re.S)


def test_every_configuration_is_tried():
    """What is not Cloudflare's has a row above, and the document names no configuration that none
    reads."""
    kinds = {kind for kind, _, _ in PROXIES.values()} | {"sh"}
    assert set(re.findall(r"^```(\w+)$", DOCUMENT.read_text(), re.M)) == kinds
    assert all(len(blocks(h, kind)) == 1 for h, (kind, _, _) in PROXIES.items())


class Site(Upstream):
    """What is published."""

    def __init__(self):
        self.go_on = threading.Event()
        super().__init__(self.serve, port=3000)

    def serve(self, conn):
        while (head := conn.read_head()) is not None:
            target = head.split(b" ")[1]
            fields = {k.lower(): v for k, v in re.findall(r"\r\n([^:\r]+): ([^\r]*)", head.decode())}
            if fields.get("upgrade", "").lower() == "websocket":
                return self.echo(conn, fields["sec-websocket-key"])
            if target == b"/events":
                return self.events(conn)
            if "expect" in fields:
                conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")  # Apache waits for it
            body = conn.read_body(head)
            conn.send(response(json.dumps({"fields": fields, "body": len(body or b"")})))
        return None

    def echo(self, conn, key):
        conn.send(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(key)).encode())
        while data := conn.sock.recv(4096):
            conn.send(data)

    def events(self, conn):
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n%x\r\ndata: first\n\n\r\n" % len("data: first\n\n"))
        if self.go_on.wait(20):
            conn.send(b"%x\r\ndata: last\n\n\r\n0\r\n\r\n" % len("data: last\n\n"))


class Machine:
    """One on which nothing else runs: its names, ports and /etc/ssl are the document's."""

    def __init__(self, tunnel):
        self.tunnel = tunnel
        self.net = tunnel.stage.add(NameServer("127.0.0.1 %s a.%s\n" % (NAME, NAME)))
        self.ca = tunnel.ca()
        cert = self.ca.issue(NAME, "*." + NAME)
        private = self.net.etc / "ssl" / "private"
        private.mkdir(parents=True)
        assert CERTIFICATE == "/etc/ssl/private/" + NAME + ".pem"
        shutil.copy(cert.both, private / (NAME + ".pem"))  # with its mode
        with self.net.space.inside():
            self.site = tunnel.stage.add(Site())

    def daemon(self, name, argv, status=()):
        d = Daemon(self.tunnel.stage, self.tunnel.stage.name(name), argv)
        d.expected_status |= set(status)
        return self.tunnel.stage.add(self.net.space.move(d)).start()

    def command(self, name, text, *more):
        """One of the document's, with a token that needs no file outside of the test's own."""
        argv = shlex.split(text.replace("\\\n", " "))
        assert argv[0] == "tunnel" and any(a.startswith("--token-from=") for a in argv)
        argv = [TUNNEL] + [a for a in argv[1:] if not a.startswith("--token-from=")]
        return self.daemon(name, argv + ["--token=" + TOKEN, *more])

    def proxy(self, heading):
        kind, around, argv = PROXIES[heading]
        home = self.tunnel.path / kind
        home.mkdir()
        home.chmod(0o755)
        self.tunnel.path.chmod(0o755)
        (home / "block").write_text(blocks(heading, kind)[0])
        (home / "around").write_text(around.replace("HOME", str(home)))
        d = self.daemon(kind, [a.replace("HOME", str(home)) for a in argv], (-15, 143))
        if kind == "apache":
            # It is one process (-X), which waits for as long as a link or a WebSocket is open.
            d.stop = d.kill
            d.ask = lambda *_: None
        wait_until(lambda: self.answers() or not d.alive(), kind)
        assert d.alive(), d.log()
        return d

    def answers(self):
        with self.net.space.inside(), socket.socket() as s:
            return s.connect_ex(("127.0.0.1", 443)) == 0

    def curl(self, *argv):
        return self.net.space.run("curl", "-sS", "--noproxy", "*", "--max-time", "20",
                                  "--cacert", self.ca.cert, *argv)

    def visitor(self):
        with self.net.space.inside():
            return TlsVisitor(("127.0.0.1", 443), self.ca.context(), "a." + NAME)


@pytest.mark.root
@pytest.mark.parametrize("heading", PROXIES)
def test_as_it_stands_in_the_document(tunnel, heading):
    m = Machine(tunnel)
    usual, beside = blocks("The exit node", "sh")
    server = m.command("server", (blocks(heading, "sh") or [usual])[0],
                       "--state-dir=%s" % tunnel.path, "--ready-file=%s/up" % tunnel.path)
    server.log_contains("tunnel client --remote=wss://%s:443 " % NAME)
    m.proxy(heading)
    client = m.command("client", beside, "--tls-ca=" + m.ca.cert)
    client.log_contains(" is published at https://%s/" % NAME)
    assert ("TLS to %s:443 ends before the exit node; the link is sealed" % NAME in client.log()) \
        == (heading != "HAProxy that passes TLS on")
    look_around(m, server)


def look_around(m, server):
    # A visitor: his address, his scheme, his Host, in the upstream's eyes and in the log.
    seen = json.loads(m.curl("--interface", "127.0.0.9", "https://a.%s/x" % NAME))["fields"]
    assert seen["x-forwarded-for"].split(", ")[0] == "127.0.0.9"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["host"] == "a." + NAME
    server.log_contains("visitor=127.0.0.9 method=GET host=a.%s path=/x status=200" % NAME)
    # He cannot say that he is somebody else.
    m.curl("--interface", "127.0.0.9", "-H", "X-Forwarded-For: 203.0.113.7", "https://a.%s/y" % NAME)
    server.log_contains("visitor=127.0.0.9 method=GET host=a.%s path=/y status=200" % NAME)
    # Without TLS he is sent where it is.
    head = m.curl("-i", "http://%s/z" % NAME)
    assert re.match(r"HTTP/1.1 30[18] ", head), head
    assert "\nlocation: https://%s/z\n" % NAME in head.lower(), head
    # More than nginx' 1 MiB.
    blob = m.tunnel.stage.file("blob", b"x" * (3 << 20))
    assert json.loads(m.curl("--data-binary", "@%s" % blob, "https://%s/" % NAME))["body"] == 3 << 20
    # The first event comes before the last one is sent.
    v = m.visitor()
    v.send("GET /events HTTP/1.1\r\nHost: a.%s\r\n\r\n" % NAME)
    assert b"data: first" in read_until(v, b"data: first")
    m.site.go_on.set()
    read_until(v, b"data: last")
    v.close()
    # A WebSocket.
    v = m.visitor()
    v.send("GET /chat HTTP/1.1\r\nHost: a.%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" % NAME)
    assert b" 101 " in read_until(v, b"\r\n\r\n")
    v.send(b"\x81\x85\0\0\0\0hello")
    read_until(v, b"hello")
    v.close()


def read_until(visitor, mark):
    got = b""
    visitor.sock.settimeout(20)
    while mark not in got:
        data = visitor.sock.recv(65536)
        assert data, got
        got += data
    return got
