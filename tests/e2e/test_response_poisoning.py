# SPDX-License-Identifier: MIT
"""Rule 33: bytes behind an answer's end are nobody's answer, also when they come late.

The attack: whoever can store bytes at an upstream that answers HEAD with a body stores a whole
response, asks HEAD for it, and the upstream sends the body a moment later, down a connection that
serves the next visitor by then.
"""

import contextlib
import threading
import time

import pytest

from harness.upstream import CHUNKED, response
from harness.visitor import Visitor
from harness.wait import wait_until

REST = 0.1  # LANE_REST_TIME
EVIL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
SAID = "bytes that no request asked for"

BODILESS = {
    "HEAD": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(EVIL),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "205": b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
}
SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(answers, about_to=lambda conn: None):
    """Requests for a path of `answers` get what stands there, once about_to() has returned; others
    get the number of their connection."""
    def script(conn):
        while True:
            request = conn.read_request()
            if request is None:
                return
            path = request[0].split(b" ")[1].decode()
            if path in answers:
                about_to(conn)
            conn.send(answers.get(path) or response(b"%d" % conn.number))
    return script


def ask_evil(v, kind):
    r = v.get("/evil", method="HEAD" if kind == "HEAD" else "GET")
    assert r.status in (200, 204, 205, 304)


def number_of(v):
    r = v.get("/good")
    assert r.status == 200
    return r.body


def in_time(attempt):
    """attempt() until all of it happened within the time that a connection rests: on a busy machine
    it may take longer, and then proves nothing."""
    for _ in range(20):
        began = time.monotonic()
        result = attempt()
        if time.monotonic() - began < REST:
            return result
    raise AssertionError("this machine is too slow for a connection that rests %g s" % REST)


@pytest.mark.parametrize("kind", sorted(BODILESS))
@pytest.mark.parametrize("leaves", [True, False])
def test_behind_an_answer_without_a_body_others_go_elsewhere(tunnel, kind, leaves):
    poisoned = []
    server, _, _ = tunnel.through(answering({"/evil": BODILESS[kind]}, poisoned.append))

    def attempt():
        attacker, victim = tunnel.visitor(server), tunnel.visitor(server)
        ask_evil(attacker, kind)
        if leaves:
            attacker.close()
        return victim, number_of(victim)

    victim, number = in_time(attempt)
    assert number != b"%d" % poisoned[-1].number
    poisoned[-1].send(EVIL)
    for _ in range(3):
        assert number_of(victim) != b"evil"
    wait_until(lambda: SAID in server.log(), "a line about the upstream")
    wait_until(lambda: poisoned[-1].ended, "the end of the poisoned connection")


NTLM = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("answer", [BODILESS["HEAD"], BODILESS["304"], NTLM],
                         ids=["HEAD", "304", "login"])
def test_visitors_of_one_proxy_are_told_apart(tunnel, answer):
    """A proxy sends many visitors' requests down one connection; who they are says
    X-Forwarded-For."""
    asked = []
    server, _, _ = tunnel.through(answering({"/evil": answer}, asked.append),
                                  server_options=["--trusted-proxies=127.0.0.1"])

    def good(v, visitor):
        return v.get("/good", fields=["X-Forwarded-For: " + visitor]).body

    def attempt():
        v = tunnel.visitor(server)
        v.get("/evil", method="HEAD" if answer == BODILESS["HEAD"] else "GET",
              fields=["X-Forwarded-For: 192.0.2.1"])
        return b"%d" % asked[-1].number, good(v, "192.0.2.1"), good(v, "192.0.2.2")

    poisoned, own, other = in_time(attempt)
    assert own == poisoned
    assert other != poisoned


def test_own_reuse_goes_on_and_others_come_back_when_it_has_rested(tunnel):
    server, _, up = tunnel.through(answering({"/evil": BODILESS["304"]}))
    with Visitor(server.address) as v:
        ask_evil(v, "304")
        assert v.silent(2 * REST)
        with Visitor(server.address) as w:
            assert number_of(w) == b"0"
    # Own requests come down one connection, however fast they follow.
    v = tunnel.visitor(server)
    ask_evil(v, "304")
    before = len(up.connections)
    for _ in range(20):
        ask_evil(v, "304")
        number_of(v)
    assert len(up.connections) == before


def test_who_goes_on_before_it_rested_keeps_it(tunnel):
    """Late bytes answer the visitor's own next request, and his real answer comes whenever he
    wants: such a connection never goes to anybody else."""
    poisoned = []

    # What /slow gets is the late body of HEAD, for all that anyone can tell.
    script = answering({"/evil": BODILESS["HEAD"], "/slow": SHORT}, poisoned.append)
    server, _, _ = tunnel.through(script)
    attacker = tunnel.visitor(server)

    def attempt():
        ask_evil(attacker, "HEAD")
        assert attacker.get("/slow").body == b"ok"

    in_time(attempt)
    assert attacker.silent(2 * REST)  # what rests would be anybody's now
    victim = tunnel.visitor(server)
    assert number_of(victim) != b"%d" % poisoned[-1].number
    poisoned[-1].send(EVIL)  # the answer to /slow
    assert number_of(victim) != b"evil"


@pytest.mark.parametrize("together", [True, False])
def test_a_service_that_sent_too_much_is_strict(tunnel, together):
    """Nobody can know beforehand that a Content-Length is too short. Once seen, connections of that
    service rest, whatever they answered."""
    poisoned = []
    answers = {"/evil": SHORT + EVIL if together else SHORT}
    server, _, _ = tunnel.through(answering(answers, poisoned.append))
    with Visitor(server.address) as v:
        assert v.get("/evil").body == b"ok"
        if not together:
            poisoned[0].send(EVIL)
        wait_until(lambda: SAID in server.log(), "a line about the upstream")

    def attempt():
        seen = []
        for _ in range(3):
            with Visitor(server.address) as v:
                seen.append(number_of(v))
        return seen

    assert len(set(in_time(attempt))) == 3
    with Visitor(server.address) as v:
        assert len({number_of(v) for _ in range(10)}) == 1
    assert server.log().count(SAID) == 1


def test_late_bytes_at_full_rate(tunnel):
    """Attackers and victims at once: none gets another's bytes."""
    def send(conn):
        with contextlib.suppress(OSError):  # who has left gets no more
            conn.send(EVIL)

    def late(conn):
        threading.Timer(0.002, send, [conn]).start()

    server, _, _ = tunnel.through(answering({"/evil": BODILESS["HEAD"]}, late))
    stop = threading.Event()
    answers = []

    def attack():
        while not stop.is_set():
            with Visitor(server.address) as v:
                ask_evil(v, "HEAD")

    def visit():
        for _ in range(100):
            with Visitor(server.address) as v:
                answers.append(number_of(v))

    attackers = [threading.Thread(target=attack) for _ in range(3)]
    visitors = [threading.Thread(target=visit) for _ in range(4)]
    for t in attackers + visitors:
        t.start()
    for t in visitors:
        t.join()
    stop.set()
    for t in attackers:
        t.join()
    assert len(answers) == 400 and b"evil" not in answers


@pytest.mark.regression
def test_surplus_behind_an_unchunked_answer(tunnel):
    """Bytes behind an answer's end make its connection unfit for the next visitor, for 1.0 ones
    too."""
    def script(conn):
        while conn.read_request() is not None:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                      b"2\r\nok\r\n0\r\n\r\n" + b"HTTP/1.1 200 OK\r\nContent-")

    server, _, up = tunnel.through(script)
    for i in range(2):
        with Visitor(server.address) as v:
            assert v.get(version="1.0").body == b"ok"
        wait_until(lambda: up.connections[-1].ended, "the end of the connection")
        assert len(up.connections) == i + 1


@pytest.mark.regression
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("pause", [0, 0.05])
def test_second_answer_reaches_nobody(tunnel, version, pause):
    """An answer that nobody asked for, in one segment with the one before or right behind it."""
    def script(conn):
        conn.read_request()
        good = CHUNKED + b"1\r\n%d\r\n0\r\n\r\n" % conn.number
        if pause:
            conn.send(good)
            conn.pause(pause)
            conn.send(response("poison"))
        else:
            conn.send(good + response("poison"))
        while conn.read_request() is not None:
            conn.send(response("from a connection that nobody may use"))

    server, _, upstream = tunnel.through(script, ["--kept-idle=60s"])
    for i in range(3):
        r = tunnel.visitor(server).get(version=version, method="POST", body=b"pay")
        assert r.status == 200 and r.body == b"%d" % i
        wait_until(lambda: upstream.connections[-1].ended, "its end")
    assert upstream.received().count(b"POST ") == 3


def test_byte_on_an_idle_connection(tunnel):
    """Rule 33: what arrives between requests is nobody's answer."""
    def script(conn):
        conn.read_request()
        conn.send(response(b"%d" % conn.number))
        conn.pause(0.05)
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        conn.read_to_end()

    server, _, upstream = tunnel.through(script)
    v = tunnel.visitor(server)
    for i in range(3):
        assert v.get().body == b"%d" % i
        wait_until(lambda: upstream.connections[-1].ended, "its end")
