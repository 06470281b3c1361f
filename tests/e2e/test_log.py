"""The log never makes anyone wait, and the access log says what happened."""

import fcntl
import json
import os
import re
import signal
import time

from house.upstream import response
from house.wait import wait_until


def full_pipe():
    """A pipe that takes no byte more, and nobody who reads it."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        pass
    fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    return reader, writer


def test_nobody_reads_standard_error(tunnel):
    reader, writer = full_pipe()
    upstream = tunnel.upstream("ok")
    server = tunnel.server("--log-level=debug", stderr=writer)
    client = tunnel.client(server, upstream, "--log-level=debug", stderr=writer, wait=False)
    wait_until(lambda: tunnel.visitor(server).get().status == 200, "the tunnel")
    began = time.monotonic()
    v = tunnel.visitor(server)
    for _ in range(2000):
        assert v.get().status == 200
    assert time.monotonic() - began < 20
    # And they still end when asked; a second signal may find the log being waited for.
    server.expected_status.add(-signal.SIGTERM)
    client.expected_status.add(-signal.SIGTERM)
    server.stop()
    client.stop()
    os.close(reader)
    os.close(writer)


def test_dropped_lines_are_counted(tunnel):
    reader, writer = full_pipe()
    server = tunnel.server("--reconnect-grace=0s", stderr=writer)
    v = tunnel.visitor(server)
    for _ in range(20000):
        v.get()
    seen = b""
    os.set_blocking(reader, False)
    end = time.monotonic() + 10
    while time.monotonic() < end and not re.search(rb"\b\d+ (log )?lines?\b", seen):
        try:
            seen += os.read(reader, 65536)
        except BlockingIOError:
            v.get()
            time.sleep(0.01)
    assert re.search(rb"\b\d+ (log )?lines?\b", seen), seen[-500:]
    server.expected_status.add(-signal.SIGTERM)
    server.stop()
    os.close(reader)
    os.close(writer)


def access_lines(path):
    return [line for line in path.read_text().splitlines() if line]


def test_access_log_file(tunnel):
    path = tunnel.path / "access.log"
    server, _, _ = tunnel.through(response("twelve bytes"),
                                  server_options=["--access-log=%s" % path])
    v = tunnel.visitor(server)
    assert v.get("/a/path?query=1", host="Shop.Example:80", method="POST",
                 body=b"12345").status == 200
    wait_until(lambda: path.exists() and access_lines(path), "a line")
    line = access_lines(path)[0]
    for part in ("127.0.0.1", "POST", "hop.", "/a/path", "200", "12", "5"):
        assert part in line, (part, line)
    assert len(access_lines(path)) == 1
    assert "/a/path" not in server.log()


def test_access_log_as_json(tunnel):
    path = tunnel.path / "access.log"
    server, _, upstream = tunnel.through(server_options=["--access-log=%s" % path,
                                                         "--log-format=json"])
    tunnel.visitor(server).get("/x", host="shop.example")
    wait_until(lambda: path.exists() and access_lines(path), "a line")
    row = json.loads(access_lines(path)[0])
    for name in ("time", "visitor", "method", "host", "path", "status", "duration", "session"):
        assert [k for k in row if name in k], (name, row)
    assert 200 in row.values() and "GET" in row.values() and "shop.example" in row.values()
    request_id = [v for k, v in row.items() if "request" in k]
    assert request_id and str(request_id[0]).encode() in upstream.received()
    for line in server.log().splitlines():
        json.loads(line)


def test_access_log_off(tunnel):
    server, _, _ = tunnel.through(server_options=["--access-log=off"])
    tunnel.visitor(server).get("/not-in-the-log")
    time.sleep(0.3)
    assert "/not-in-the-log" not in server.log()


def test_one_line_for_each_request_by_default(tunnel):
    server, _, _ = tunnel.through()
    v = tunnel.visitor(server)
    for i in range(5):
        v.get("/page-%d-" % i)
    for i in range(5):
        server.log_contains("/page-%d-" % i)
        assert server.log().count("/page-%d-" % i) == 1


def test_refused_requests_are_logged_too(tunnel):
    server, _, _ = tunnel.through()
    tunnel.visitor(server).send("GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").read_response()
    server.log_contains("status=400")


def test_control_characters_are_escaped(tunnel):
    """A visitor writes neither lines of its own nor to anybody's terminal."""
    path = tunnel.path / "access.log"
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path])
    for data in (b"GET /\x1b[31mred HTTP/1.1\r\nHost: a\r\n\r\n",
                 b"GET /a\nfaked=line HTTP/1.1\r\nHost: a\r\n\r\n",
                 b"GET /\xff\xfe\x9b HTTP/1.1\r\nHost: a\r\n\r\n",
                 b"GET /x HTTP/1.1\r\nHost: \x1b]0;title\x07\r\n\r\n"):
        tunnel.visitor(server).send(data).read_response()
    tunnel.visitor(server).get("/last")
    wait_until(lambda: path.exists() and "/last" in path.read_text(errors="replace"), "the line")
    raw = path.read_bytes() + server.log_path.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", raw)
    assert b"\nfaked=line" not in raw


def test_the_log_holds_no_secrets_at_debug(tunnel):
    from house.programs import TOKEN
    server = tunnel.server("--log-level=debug")
    client = tunnel.client(server, tunnel.upstream(), "--log-level=debug",
                           "--proxy=none")
    tunnel.visitor(server).get(fields=["Authorization: Bearer visitors-secret",
                                       "Cookie: session=visitors-secret"])
    time.sleep(0.2)
    for daemon in (server, client):
        assert TOKEN not in daemon.log()
        assert "visitors-secret" not in daemon.log()
