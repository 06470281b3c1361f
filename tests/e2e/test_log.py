# SPDX-License-Identifier: MIT
"""The log never makes anyone wait, and the access log says what happened."""

import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import time

import pytest

from harness.admin import ask
from harness.exit_node import ExitNode
from harness.noise import control
from harness.programs import TOKEN
from harness.upstream import response
from harness.wait import quiet_for, wait_until


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

    def told():
        nonlocal seen
        try:
            seen += os.read(reader, 65536)
        except BlockingIOError:
            v.get()
        return re.search(rb"\b\d+ (log )?lines?\b", seen)
    wait_until(told, "the count of lost lines")
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


def rotate(path, generation):
    new = path.with_name("%s.%d" % (path.name, generation))
    os.rename(path, new)
    return new


def test_rotation_under_load(tunnel):
    """Whoever renames the file and sends a signal finds each line once, whole, in one of the
    files."""
    path = tunnel.path / "access.log"
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path])
    v = tunnel.visitor(server)
    files, asked = [], 0
    for generation, number in enumerate((signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR1)):
        for _ in range(50):
            assert v.get("/r%d-" % asked).status == 200
            asked += 1
        files.append(rotate(path, generation))
        server.send_signal(number)
        for _ in range(50):
            assert v.get("/r%d-" % asked).status == 200
            asked += 1
        wait_until(path.exists, "the new file")
    server.log_contains("opened anew")
    server.stop()
    lines = [line for f in files + [path] for line in access_lines(f)]
    assert [re.search(r"path=/r(\d+)-", line)[1] for line in lines] == [
        str(i) for i in range(asked)]
    assert all(line.count(" access ") == 1 and " request_id=" in line for line in lines)


def test_copytruncate(tunnel):
    path = tunnel.path / "access.log"
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path])
    v = tunnel.visitor(server)
    v.get("/before")
    wait_until(lambda: "/before" in path.read_text(), "the line")
    os.truncate(path, 0)
    v.get("/after")
    wait_until(lambda: "/after" in path.read_text(), "the line")
    assert b"\0" not in path.read_bytes() and "/before" not in path.read_text()


def test_rotation_without_a_directory(tunnel):
    """The file that was open goes on; the log says why."""
    directory = tunnel.path / "logs"
    directory.mkdir()
    server, _, _ = tunnel.through(server_options=["--access-log=%s/access.log" % directory])
    v = tunnel.visitor(server)
    moved = directory.rename(tunnel.path / "gone")
    server.send_signal(signal.SIGUSR1)
    server.log_contains("cannot be opened anew: No such file or directory")
    v.get("/goes-on")
    wait_until(lambda: "/goes-on" in (moved / "access.log").read_text(), "the line")
    moved.rename(directory)
    server.send_signal(signal.SIGUSR1)
    server.log_contains("was opened anew")
    v.get("/back")
    wait_until(lambda: "/back" in (directory / "access.log").read_text(), "the line")


def test_a_symlink_is_followed_anew(tunnel):
    path, one, two = (tunnel.path / n for n in ("access.log", "one", "two"))
    path.symlink_to(one)
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path])
    v = tunnel.visitor(server)
    v.get("/first")
    wait_until(lambda: "/first" in one.read_text(), "the line")
    path.unlink()
    path.symlink_to(two)
    server.send_signal(signal.SIGUSR1)
    wait_until(two.exists, "the other file")
    v.get("/second")
    wait_until(lambda: "/second" in two.read_text(), "the line")
    assert "/second" not in one.read_text()


def a_pipe():
    reader, writer = os.pipe()
    return reader, writer


def a_socket():
    return [s.detach() for s in socket.socketpair()]


@pytest.mark.parametrize("make", [a_pipe, a_socket])
def test_access_log_on_standard_error(tunnel, make):
    """A pipe, as containers have, is opened anew; so is a socket, as systemd's is."""
    ours, theirs = make()
    seen = b""

    def read_until(text):
        nonlocal seen
        while text not in seen:
            assert select.select([ours], [], [], 10)[0], (text, seen)
            seen += os.read(ours, 65536)
    server = tunnel.server("--access-log=/dev/stderr", stderr=theirs)
    os.close(theirs)
    tunnel.client(server, tunnel.upstream())
    tunnel.visitor(server).get("/first")
    read_until(b"path=/first")
    server.send_signal(signal.SIGUSR1)
    read_until(b"opened anew")
    tunnel.visitor(server).get("/second")
    read_until(b"path=/second")
    server.stop()
    os.close(ours)


@pytest.fixture
def small_disk(disk):
    return disk("64k")


def test_full_disk(tunnel, small_disk):
    """Visitors do not notice, the log says it, and all lines are there once there is room."""
    path = small_disk / "access.log"
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path])
    v = tunnel.visitor(server)
    ballast = small_disk / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        # All but one page, in which a line will be torn.
        while os.statvfs(small_disk).f_bavail > 1:
            f.write(b"x" * os.statvfs(small_disk).f_bsize)
    asked = 0
    while "cannot be written" not in server.log():
        for _ in range(20):
            assert v.get("/d%d-" % asked).status == 200
            asked += 1
        assert asked < 5000
    server.log_contains("No space left on device")
    ballast.unlink()
    server.log_contains("is written again (lines lost: 0)")
    server.stop()
    lines = access_lines(path)
    assert [re.search(r"path=/d(\d+)-", line)[1] for line in lines] == [
        str(i) for i in range(asked)]
    assert all(line.count(" access ") == 1 for line in lines)


def test_lost_lines_are_counted_at_the_end(tunnel):
    server, _, _ = tunnel.through(server_options=["--access-log=/dev/full"])
    v = tunnel.visitor(server)
    for _ in range(5):
        assert v.get().status == 200
    server.log_contains("the access log /dev/full cannot be written: No space left on device")
    server.stop()
    server.log_contains("could not be written before the end: No space left on device "
                        "(lines lost: 5)")


@pytest.mark.parametrize("mode,shown", [
    (None, "/lab?token=***&path=a"), ("mask", "/lab?token=***&path=a"),
    ("keep", "/lab?token=visitors-secret&path=a"), ("drop", "/lab")])
@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_in_queries(tunnel, mode, shown, form):
    path = tunnel.path / "access.log"
    options = ["--access-log=%s" % path, "--log-format=" + form, "--log-level=debug"]
    server, client, upstream = tunnel.through(
        server_options=options + (["--access-log-query=" + mode] if mode else []))
    tunnel.curl("http://%s/lab?token=visitors-secret&path=a" % server.address)
    assert b"GET /lab?token=visitors-secret&path=a HTTP/1.1\r\n" in upstream.received()
    wait_until(lambda: path.exists() and access_lines(path), "a line")
    line = access_lines(path)[0]
    assert (json.loads(line)["path"] if form == "json"
            else re.search(r" path=(\S+)", line).group(1)) == shown
    assert "visitors-secret" not in server.log() + client.log()


# ---- Other forms of the access log ----


def one_line(tunnel, form, *more, fields=(), target="/a%20b?q=1"):
    path = tunnel.path / ("access-%s.log" % form)
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path, "--access-log-format=" + form, *more])
    tunnel.visitor(server).get(target, host="app.test", fields=fields)
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), "a line")
    line, = path.read_text().splitlines()
    return line


def test_logfmt(tunnel):
    line = one_line(tunnel, "logfmt", fields=["X: y"], target='/a="b"\\')
    pairs = dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|[^" ]*)(?: |$)', line))
    assert " ".join("%s=%s" % p for p in pairs.items()) == line
    assert list(pairs)[:3] == ["time", "level", "log"]
    assert (pairs["method"], pairs["host"], pairs["status"]) == ("GET", "app.test", "200")
    assert json.loads(pairs["path"]) == '/a="b"\\'


def test_json_though_the_log_is_text(tunnel):
    line = json.loads(one_line(tunnel, "json"))
    assert (line["log"], line["method"], line["path"], line["status"]) == ("access", "GET", "/a%20b?q=1", 200)


COMBINED = re.compile(r'(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+)'
                      r' "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"')


def test_combined(tunnel):
    """As Apache's mod_log_config has it, whatever a visitor writes into it."""
    line = one_line(tunnel, "combined", fields=["Referer: https://a.test/x", 'user-agent:  An "agent"\t\x1b'.replace(
        "\x1b", "é")])
    visitor, at, request, status, size, referer, agent = COMBINED.fullmatch(line).groups()
    assert (visitor, request, status) == ("127.0.0.1", "GET /a%20b?q=1 HTTP/1.1", "200")
    assert time.strptime(at, "%d/%b/%Y:%H:%M:%S %z") and int(size) > 0
    assert referer == "https://a.test/x" and agent.startswith('An \\"agent\\"')
    try:
        import apachelogs
    except ImportError:
        return
    entry = apachelogs.LogParser(apachelogs.COMBINED).parse(line)
    assert entry.final_status == 200 and entry.headers_in["Referer"] == "https://a.test/x"


def test_combined_for_goaccess(tunnel):
    """Debian's GoAccess reads every line, of visitors who may not be able to spell."""
    path = tunnel.path / "access"
    server, _, _ = tunnel.through(server_options=["--access-log=%s" % path, "--access-log-format=combined"])
    v = tunnel.visitor(server)
    for target, fields in ("/a", ["User-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0"]), ("/b?c=%20d", []), (
            "/a", ['Referer: https://a.test/"x"']):
        assert v.get(target, fields=fields).status == 200
    wait_until(lambda: len(path.read_text().splitlines()) == 3, "the access log")
    out = tunnel.path / "report.json"
    p = subprocess.run(["goaccess", path, "--log-format=COMBINED", "--no-global-config", "-o", out],
                       capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stderr
    report = json.loads(out.read_text())
    assert (report["general"]["total_requests"], report["general"]["valid_requests"],
            report["general"]["failed_requests"]) == (3, 3, 0)
    assert {r["data"]: r["hits"]["count"] for r in report["requests"]["data"]} == {"/a": 2, "/b?c= d": 1}


def test_combined_without_its_fields(tunnel):
    assert one_line(tunnel, "combined").endswith(' "-" "-"')


def test_combined_of_a_connection(tunnel):
    path = tunnel.path / "access.log"
    server = tunnel.server("--access-log=%s" % path, "--access-log-format=combined")
    client = tunnel.client(server, "0=tcp://" + tunnel.upstream().address)
    port = int(re.search(r"published at tcp://\S+:(\d+)", client.log())[1])
    socket.create_connection(("127.0.0.1", port), 5).close()
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), "a line")
    assert COMBINED.fullmatch(path.read_text().strip()).group(3) == "TCP tcp:%d HTTP/1.1" % port


# ---- Levels of rooms ----


def test_a_room_with_a_level_of_its_own(tunnel):
    server, client, _ = tunnel.through(client_options=["--log-rooms=publish=debug"])
    assert "service 1 (every other host): idle -> offered" in client.log()
    assert len(re.findall(" debug ", client.log())) == client.log().count(" debug service ")


def put(body):
    return ["-X", "PUT", "-H", "Content-Type: application/json", "-d", json.dumps(body)]


def test_levels_change_while_it_runs(tunnel):
    server, _, _ = tunnel.through()
    assert ask(server, "/api/v1/log").json == {"level": "info", "rooms": {}}
    bad = "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"
    tunnel.visitor(server).send(bad).read_response()
    assert "refused request" not in server.log()
    answer = ask(server, "/api/v1/log", *put({"rooms": {"http": "debug"}}))
    assert answer.json == {"level": "info", "rooms": {"http": "debug"}}
    tunnel.visitor(server).send(bad).read_response()
    server.log_contains("refused request")
    assert ask(server, "/api/v1/log", *put({"rooms": {"nowhere": "debug"}})).status == 400
    assert ask(server, "/api/v1/log", *put({"level": "loud"})).status == 400
    answer = ask(server, "/api/v1/log", *put({"level": "error", "rooms": {}}))
    assert answer.json == {"level": "error", "rooms": {}}


@pytest.mark.parametrize("value, sentence", [("link", "says no level"), ("lnik=debug", "there are base, wire"),
                                             ("link=loud", "error, warn, info and debug")])
def test_levels_that_are_none(tunnel, value, sentence):
    status, _, error = tunnel.run("server", "--log-rooms=" + value)
    assert status == 2 and sentence in error


def test_query_of_an_upstream_is_not_shown(tunnel):
    """Copied from a browser's address bar, token and all."""
    upstream = tunnel.upstream()
    server = tunnel.server()
    client = tunnel.client(server, upstream.url + "/lab?token=services-secret")
    client.log_contains("the query in the upstream %s/lab?*** is ignored" % upstream.url)
    assert "services-secret" not in server.log()
    # The command line is the first line of a test's log.
    assert client.log().count("services-secret") == client.log().splitlines()[0].count(
        "services-secret")


def test_access_log_off(tunnel):
    server, _, _ = tunnel.through(server_options=["--access-log=off"])
    tunnel.visitor(server).get("/not-in-the-log")
    quiet_for(0.3, lambda: "/not-in-the-log" in server.log(), "a line of the access log")


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
    server = tunnel.server("--log-level=debug")
    client = tunnel.client(server, tunnel.upstream(), "--log-level=debug",
                           "--proxy=none")
    tunnel.visitor(server).get(fields=["Authorization: Bearer visitors-secret",
                                       "Cookie: session=visitors-secret"])
    server.log_contains("status=200")  # the request's last line
    for daemon in (server, client):
        assert TOKEN not in daemon.log()
        assert "visitors-secret" not in daemon.log()


@pytest.mark.regression
def test_an_exit_node_cannot_fill_the_clients_log(tunnel):
    """Each of its notices was a line."""
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    for _ in range(20):
        node.send(b"".join(control(type="notice", sentence="again") for _ in range(500)))
    node.send(control(type="granted", service=1, address="http://done/"))
    client.log_contains("published at http://done/")
    assert 1 <= client.log().count("the exit node says: again") <= 64 + 10


@pytest.mark.regression
def test_an_exit_node_that_grants_and_refuses_by_turns_fills_no_log(tunnel):
    """Each answer that differed from the one before was a line of a kilobyte."""
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    for i in range(1000):
        node.send(control(type="granted", service=1, address="http://x%d/" % i) +
                  control(type="refused", service=1, reason="taken", sentence="y" * 1000))
    node.send(control(type="notice", sentence="that was all"))
    client.log_contains("that was all")
    assert 1 <= client.log().count("published at http://x") <= 20
    assert len(client.log()) < 30000


@pytest.mark.regression
def test_what_changes_the_order_of_text_is_escaped(tunnel):
    """A right-to-left override in a line makes people read another one."""
    hidden = "\u202e\u2066\u200f\u061c\u2028\ufeff"
    node = tunnel.stage.add(ExitNode())
    client = tunnel.client(node.address, "http://127.0.0.1:1", wait=False)
    node.accept()
    node.send(control(type="notice", sentence="<" + hidden + ">"))
    client.log_contains("the exit node says: <")
    assert "<" + "".join("\\x%02x" % b for b in hidden.encode()) + ">" in client.log()
    server = tunnel.server("--log-format=json")
    with tunnel.visitor(server) as v:
        v.send(("GET /<%s> HTTP/1.1\r\nHost: a.example\r\n\r\n" % hidden).encode())
        v.read_response()
    server.log_contains('"log":"access"')
    assert not any(c in server.log() for c in hidden)
