# SPDX-License-Identifier: MIT
"""The server's panel over TCP: where it is, who may, and strangers, who get nothing but an error and keep nobody out."""

import asyncio
import contextlib
import json
import stat
import time

import pytest
import websockets

from harness.panel import Panel
from harness.wait import wait_until


@pytest.fixture
def server(tunnel):
    return tunnel.server("--panel=127.0.0.1:0")


@pytest.fixture
def panel(server):
    return Panel(server, server.state)


# ---- Where it is ----

def test_address_and_token(tunnel, server, panel):
    """The token is kept: who has the file comes in, and its mode lets nobody else."""
    path = server.state / "panel.token"
    assert panel.token_path == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and len(panel.token) == 40
    assert panel.token not in server.log()
    assert panel.json("/api/v1/info")["side"] == "server"
    server.stop()
    again = tunnel.server("--panel=127.0.0.1:0", "--print-token", state=server.state)
    again.log_contains("/#%s" % panel.token)


def test_token_file(tunnel):
    path = tunnel.path / "token"
    path.write_text("my own token, of 26 bytes\n")
    path.chmod(0o600)
    server = tunnel.server("--panel=127.0.0.1:0", "--panel-token-from=%s" % path)
    server.log_contains("its token is in %s" % path)
    assert not (server.state / "panel.token").exists()


def test_not_without_being_asked(tunnel):
    server = tunnel.server()
    assert "the panel" not in server.log() and not (server.state / "panel.token").exists()


@pytest.mark.parametrize("options, words", [
    (["--panel=0.0.0.0:0"], "other machines reach 0.0.0.0:0"),
    (["--panel=localhost:1"], "is no address to listen on"),
    (["--panel=1", "--panel-host=http://x"], "--panel-host: \"http://x\" is no host name"),
    (["--panel=1", "--panel-key=x"], "--panel-key is the key of a --panel-cert"),
    (["--panel=1", "--panel-cert=x", "--panel-insecure"], "--panel-insecure is for a panel without TLS"),
])
def test_what_cannot_be(tunnel, options, words):
    status, out, err = tunnel.run("check-config", "server", *options)
    assert status == 2 and words in out + err


def test_taken_port(tunnel, panel):
    status, _, err = tunnel.run("server", "--port=0", "--bind-addr=127.0.0.1", "--state-dir=%s" % (tunnel.path / "o"),
                                "--panel=%s" % panel.name)
    assert status == 1 and "--panel: " in err and str(panel.port) in err


def test_insecure_for_a_proxy(tunnel):
    server = tunnel.server("--panel=0.0.0.0:0", "--panel-insecure", "--panel-host=panel.example.org")
    panel = Panel(server, server.state)
    assert panel.ask("/api/v1/info")[0] == 200
    assert panel.ask("/api/v1/info", headers={
        "Host": "panel.example.org", "Origin": "https://panel.example.org"})[0] == 200
    assert panel.ask("/api/v1/info", headers={"Host": "other.example.org"})[0] == 421


def test_tls(tunnel):
    """Beyond this machine the server's own certificate is the panel's, too; a cookie is of TLS then."""
    server = tunnel.server("--auto-tls", "--panel=0.0.0.0:0")
    panel = Panel(server, server.state)
    assert panel.tls and panel.json("/api/v1/info")["side"] == "server"
    status, headers, _ = panel.ask("/api/v1/login", "POST", token=False, body=json.dumps({"token": panel.token}))
    assert status == 204
    assert headers["Set-Cookie"].startswith("__Host-tunnel_panel=") and headers["Set-Cookie"].endswith("; Secure")
    # Without TLS there is no word.
    with pytest.raises(OSError):
        assert not panel.exchange("GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % panel.name)
        raise ConnectionResetError
    # More than one record's worth of a body, with its head in the first.
    big = json.dumps({"token": "x" * 40000})
    assert panel.ask("/api/v1/login", "POST", token=False, body=big)[0] == 401


def test_own_certificate(tunnel):
    ca = tunnel.ca()
    issued = ca.issue("panel.example.org")
    cert, key = issued.cert, issued.key
    server = tunnel.server("--panel=127.0.0.1:0", "--panel-cert=%s" % cert, "--panel-key=%s" % key)
    assert Panel(server, server.state).json("/api/v1/info")["side"] == "server"
    status, _, err = tunnel.run("server", "--port=0", "--state-dir=%s" % (tunnel.path / "o"), "--panel=127.0.0.1:0",
                                "--panel-cert=%s" % key, "--panel-key=%s" % key)
    assert status == 1 and "--panel" in err


# ---- Pages ----

def test_pages(panel):
    status, headers, body = panel.ask("/", token=False)
    assert status == 200 and b"<!doctype html>" in body
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    assert panel.ask("/", token=False, headers={"If-None-Match": headers["ETag"]})[0] == 304
    status, headers, packed = panel.ask("/", token=False, headers={"Accept-Encoding": "gzip"})
    assert status == 200 and headers["Content-Encoding"] == "gzip" and packed[:2] == b"\x1f\x8b"


# ---- Strangers ----

def status_of(answer):
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else None


def test_strangers(panel):
    """Proof 4: nothing but an error."""
    host, bearer = "Host: %s\r\n" % panel.name, "Authorization: Bearer %s\r\n" % panel.token
    rows = [
        ("GET /api/v1/info HTTP/1.1\r\n" + host, 401),
        ("GET /api/v1/info HTTP/1.1\r\n" + host + "Authorization: Bearer wrong\r\n", 401),
        ("GET /api/v1/info?token=%s HTTP/1.1\r\n" % panel.token + host, 401),
        ("GET /api/v1/info HTTP/1.1\r\nHost: evil.example\r\n" + bearer, 421),
        ("GET /api/v1/info HTTP/1.1\r\n" + host + bearer + "Origin: http://evil.example\r\n", 403),
        ("GET /api/v1/info HTTP/1.1\r\n" + host + bearer + "Origin: http://127.0.0.1:1\r\n", 403),
        ("POST /api/v1/intentions HTTP/1.1\r\n" + host + bearer + "Content-Type: text/plain\r\nContent-Length: 0\r\n",
         415),
        ("POST /api/v1/login HTTP/1.1\r\n" + host + "Content-Type: application/x-www-form-urlencoded\r\n"
         "Content-Length: 0\r\n", 415),
        ("GET /../../etc/passwd HTTP/1.1\r\n" + host, None),
        ("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + host, 401),
        ("GET /./api/v1/info HTTP/1.1\r\n" + host, 401),
        ("GET /index.html/../../api/v1/info HTTP/1.1\r\n" + host, None),
        ("HEAD /api/v1/info HTTP/1.1\r\n" + host, 401),
        ("GET /api/v1/info HTTP/1.1\r\n" + host + "X: %s\r\n" % ("x" * 65536), None),
        ("GET /%s HTTP/1.1\r\n" % ("x" * 65536) + host, None),
        ("CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + host, None),
        ("GET http://127.0.0.1/api/v1/info HTTP/1.1\r\n" + host, None),
        ("PRI * HTTP/2.0\r\n", None),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),
    ]
    for request, status in rows:
        got = status_of(panel.exchange(request + "\r\n"))
        assert got == status or (status is None and (got is None or got >= 400)), (request[:90], got)
    assert panel.ask("/api/v1/info")[0] == 200


def test_pipelined_strangers(panel):
    request = "GET /api/v1/info HTTP/1.1\r\nHost: %s\r\n\r\n" % panel.name
    assert panel.exchange(request * 50).count(b"HTTP/1.1 401 ") == 1  # nothing behind the first is read
    bearer = request[:-2] + "Authorization: Bearer %s\r\n\r\n" % panel.token
    assert panel.exchange(bearer * 3).count(b"HTTP/1.1 200 ") == 3


def test_locked_out(panel):
    for _ in range(10):
        assert panel.ask("/api/v1/info", token="wrong")[0] == 401
    status, headers, _ = panel.ask("/api/v1/info", token="wrong")
    assert status == 429 and 0 < int(headers["Retry-After"]) <= 60
    # Nobody guesses the token that the program made, and who has it is not kept out.
    assert panel.ask("/api/v1/info")[0] == 200


def handshake(panel, **fields):
    head = {"Host": panel.name, "Upgrade": "websocket", "Connection": "Upgrade", "Origin": panel.origin,
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "tunnel.panel.v1", "Authorization": "Bearer " + panel.token}
    head.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = "".join("%s: %s\r\n" % each for each in head.items() if each[1] is not None)
    with panel.socket() as s:
        s.sendall(("GET %s HTTP/1.1\r\n%s\r\n" % (fields.get("path", "/api/v1/live"), lines)).encode())
        return status_of(s.recv(4096))


@pytest.mark.parametrize("fields, status", [
    ({}, 101),
    ({"Origin": None}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Authorization": None}, 401),
    ({"Authorization": "Bearer wrong"}, 401),
    ({"Host": "evil.example", "Origin": "http://evil.example"}, 421),
    ({"Sec_WebSocket_Protocol": None}, 400),
    ({"Sec_WebSocket_Protocol": "http"}, 400),
    ({"Sec_WebSocket_Protocol": "listener"}, 400),
    ({"Sec_WebSocket_Key": "x"}, 400),
    ({"Sec_WebSocket_Version": "8"}, 400),
    ({"Connection": "close"}, 400),
    ({"Upgrade": "h2c"}, None),
    ({"path": "/api/v1/info"}, 404),
])
def test_websocket_of_strangers(panel, fields, status):
    got = handshake(panel, **fields)
    assert got == status or (status is None and (got is None or got >= 400))
    assert panel.ask("/api/v1/info")[0] == 200


def test_silent_strangers(panel):
    """Connections that say nothing, and halves of heads: others are served meanwhile, and these have an end."""
    held = []
    try:
        for i in range(80):
            s = panel.socket()
            if i % 2:
                s.sendall(b"GET / HTTP/1.1\r\nHost: ")
            held.append(s)
        begun = time.monotonic()
        assert panel.ask("/api/v1/info")[0] == 200
        assert time.monotonic() - begun < 5
        for s in held:
            s.settimeout(20)
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(1) == b""
    finally:
        for s in held:
            s.close()


# ---- The live feed ----

def test_live(panel):
    async def watch():
        async with panel.live() as page:
            hello = json.loads(await page.recv())
            assert hello["t"] == "hello" and hello["side"] == "server"
            await page.send(json.dumps({"subscribe": ["sessions"], "ping": 1}))
            seen = [json.loads(await page.recv()) for _ in range(2)]
            assert {"t": "pong", "pong": 1} in seen
            assert {"t": "sessions", "items": [], "whole": True} in seen
    asyncio.run(watch())


def test_live_tells_of_clients(tunnel, server, panel):
    async def watch():
        async with panel.live() as page:
            await page.send(json.dumps({"subscribe": ["sessions"]}))

            async def news():
                while True:
                    message = json.loads(await asyncio.wait_for(page.recv(), 20))
                    if message["t"] == "sessions":
                        return message
            assert (await news())["items"] == []
            loop = asyncio.get_running_loop()
            client = await loop.run_in_executor(None, lambda: tunnel.client(server, tunnel.upstream("hi")))
            item = (await news())["items"][0]
            await loop.run_in_executor(None, client.stop)
            while item["id"] not in (await news()).get("gone", []):
                pass
    asyncio.run(watch())


@pytest.mark.parametrize("message, code", [
    ("{", 1008), ('{"subscribe":["secrets"]}', 1008), ('{"other":1}', 1008), ("x" * 5000, 1009), (b"{}", 1003)])
def test_bad_words(panel, message, code):
    async def talk():
        async with panel.live() as page:
            await page.send(message)
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await page.recv()
            assert page.close_code == code
    asyncio.run(talk())


def test_so_many_pages(panel):
    async def watch():
        pages = [await panel.live() for _ in range(16)]
        with pytest.raises(websockets.InvalidStatusCode) as e:
            await panel.live()
        assert e.value.status_code == 503
        for page in pages:
            await page.close()
    asyncio.run(watch())
    wait_until(lambda: handshake(panel) == 101, "room for another page")


def test_login_is_for_the_live_feed_too(panel):
    status, headers, _ = panel.ask("/api/v1/login", "POST", token=False, body=json.dumps({"token": panel.token}))
    assert status == 204
    cookie = headers["Set-Cookie"].split(";")[0]
    assert handshake(panel, Authorization=None, Cookie=cookie) == 101
    assert handshake(panel, Authorization=None) == 401
    assert panel.ask("/api/v1/login", "DELETE", token=False, headers={"Cookie": cookie})[0] == 204
    assert handshake(panel, Authorization=None, Cookie=cookie) == 401


def test_the_live_feed_ends_with_the_login(panel):
    def sign_in():
        headers = panel.ask("/api/v1/login", "POST", token=False, body=json.dumps({"token": panel.token}))[1]
        return {"Cookie": headers["Set-Cookie"].split(";")[0]}

    async def watch():
        mine, other = sign_in(), sign_in()
        async with panel.live(extra_headers=mine) as page, panel.live(extra_headers=other) as another, \
                panel.live() as program:
            assert json.loads(await page.recv())["t"] == "hello"
            loop = asyncio.get_running_loop()
            status = await loop.run_in_executor(None, lambda: panel.ask("/api/v1/login", "DELETE", token=False,
                                                                        headers=mine)[0])
            assert status == 204
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(page.recv(), 10)
            assert (page.close_code, page.close_reason) == (4401, "the login has ended")
            for still in another, program:
                await still.send('{"ping":1}')
                while json.loads(await asyncio.wait_for(still.recv(), 10))["t"] != "pong":
                    pass
    asyncio.run(watch())


def test_no_word_of_the_token(server, panel):
    """However it was shown, it is not in the log."""
    panel.ask("/api/v1/info")
    panel.ask("/api/v1/login", "POST", token=False, body=json.dumps({"token": panel.token}))
    panel.ask("/api/v1/info", token=panel.token[:-1])
    assert panel.token[:-1] not in server.log()
