# SPDX-License-Identifier: MIT
"""HTTP/2 as others speak it: Go's client, Node.js', and a browser."""

import shutil
import subprocess

import pytest

from harness import browser
from harness.http2 import CACHE
from harness.upstream import CHUNKED, response
from harness.wait import wait_until

GO_CLIENT = CACHE / "http2_client"  # of http2_client.go
NODE = browser.CACHE / "python" / "bin" / "node"

NODE_CLIENT = """
const session = require('http2').connect(process.argv[2], {rejectUnauthorized: false});
let left = 50;
for (let i = 0; i < 50; i++) {
  const stream = session.request({':method': 'POST', ':path': '/'});
  let body = '', status, trailer;
  stream.on('response', (headers) => { status = headers[':status']; });
  stream.on('trailers', (headers) => { trailer = headers['grpc-status']; });
  stream.on('data', (data) => { body += data; });
  stream.on('error', (error) => console.log(error.message));
  stream.on('close', () => {
    console.log('HTTP/2.0', status, body, trailer, '<nil>');
    if (!--left) session.close();
  });
  stream.end('hello');
}
"""


def answers(conn):
    while (request := conn.read_request()) is not None:
        conn.send(CHUNKED + b"%x\r\n%s\r\n0\r\nGrpc-Status: 0\r\n\r\n" % (len(request[1]), request[1]))


@pytest.fixture
def served(tunnel, ca):
    server = tunnel.server("--workers=4", *ca.issue("127.0.0.1", "localhost").options())
    upstream = tunnel.upstream(answers)
    tunnel.client(server, upstream)
    return server, upstream


def check(served, *argv):
    p = subprocess.run([*argv, "https://127.0.0.1:%d" % served[0].port], capture_output=True, text=True, timeout=50)
    assert p.stdout.splitlines() == ["HTTP/2.0 200 hello 0 <nil>"] * 50, p.stdout + p.stderr


@pytest.mark.skipif(not GO_CLIENT.exists(), reason="Go's client is not there: scripts/check builds it")
def test_go(served):
    check(served, str(GO_CLIENT))
    assert served[1].received().count(b"\r\n0\r\nx-sum: 7\r\n\r\n") == 50


@pytest.mark.skipif(not NODE.exists(), reason="there is no Node.js: scripts/check installs it")
def test_node(served, tmp_path):
    (tmp_path / "client.js").write_text(NODE_CLIENT)
    check(served, str(NODE), str(tmp_path / "client.js"))


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no Chromium")
def test_chromium(tunnel, ca, tmp_path):
    """A page, its pictures, and a post from it: all by one connection of HTTP/2."""
    page = (b"<html><body><p id=a>no</p><script>"
            b"Promise.all([...Array(20).keys()].map(i => fetch('/n' + i, {method: 'POST', body: 'n' + i})"
            b".then(r => r.text()))).then(all => document.getElementById('a').textContent = all.join(','))"
            b"</script></body></html>")

    def script(conn):
        while (request := conn.read_request()) is not None:
            conn.send(response(request[1] or page, fields=["Content-Type: text/html"]))
    server = tunnel.server(*ca.issue("localhost").options())
    tunnel.client(server, tunnel.upstream(script))
    p = subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors",
                        "--user-data-dir=%s" % (tmp_path / "profile"), "--virtual-time-budget=10000", "--dump-dom",
                        "https://localhost:%d/" % server.port], capture_output=True, text=True, timeout=120)
    assert ",".join("n%d" % i for i in range(20)) in p.stdout, p.stdout + p.stderr[-2000:]
    lines = wait_until(lambda: [line for line in server.log().splitlines() if "path=/n" in line], "the access lines")
    assert all("protocol=HTTP/2.0" in line for line in lines)
