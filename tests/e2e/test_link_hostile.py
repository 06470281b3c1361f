"""Peers that are up to no good, with and without the token. Whatever they send, the program stays,
and everybody else's streams go on."""

import os
import socket
import struct
import threading
import time

import pytest

from harness import noise, wire
from harness.mitm import DOWN, UP, Messages
from harness.noise import Link
from harness.programs import TOKEN, random_token
from harness.upstream import response
from harness.visitor import Closed, Visitor
from harness.wait import wait_until


@pytest.fixture
def way(tunnel):
    """(server, client, upstream) whose streams must go on; checked again at the end."""
    s, c, u = tunnel.through("fine")
    steady = tunnel.visitor(s)
    assert steady.get().body == b"fine"
    yield s, c, u
    assert steady.get().body == b"fine", "a bystander's connection was harmed"
    assert tunnel.visitor(s).get().body == b"fine"
    assert s.alive() and c.alive()


def link_answer(server, data):
    v = Visitor(server.address)
    v.send(data)
    try:
        return v, v.read_head()
    except Closed:
        return v, None


# The link request


def test_garbage(way):
    server = way[0]
    for data in (os.urandom(10000), b"\0" * 10000, b"\xff" * 100, b"\r\n" * 5000, b"\x16\x03\x01",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500), b"SSH-2.0-x\r\n",
                 b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET", b"", b"\x81\x05hello"):
        v = Visitor(server.address)
        try:
            v.send(data)
            v.finish()
            v.read_to_end()
        except (OSError, Closed):
            pass
        v.close()


@pytest.mark.parametrize("leave_out", ["upgrade", "connection", "sec_websocket_key",
                                       "sec_websocket_version", "sec_websocket_protocol"])
def test_link_request_with_a_field_missing(way, leave_out):
    """Then it is no link request: 400 or 426, or a visitor's request to /tunnel; never 101."""
    _, head = link_answer(way[0], wire.link_request(leave_out=[leave_out]))
    assert head is not None and head.status != 101
    assert b"tunnel.hello" not in head.raw_head


@pytest.mark.parametrize("replace", [
    {"sec_websocket_version": "8"},
    {"sec_websocket_key": "short"},
    {"sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAAAA"},
    {"sec_websocket_protocol": "chat"},
    {"sec_websocket_protocol": "tunnel.v10"},
    {"upgrade": "h2c"},
    {"connection": "close"},
])
def test_link_request_with_a_field_wrong(way, replace):
    _, head = link_answer(way[0], wire.link_request(**replace))
    assert head is not None and head.status != 101


@pytest.mark.parametrize("replace", [
    {"upgrade": "WebSocket"},
    {"connection": "keep-alive, UPGRADE"},
    {"sec_websocket_protocol": "chat, tunnel.v1"},
    {"sec_websocket_protocol": "Tunnel.V1"},
])
def test_link_request_judged_over_parsed_fields(way, replace):
    _, head = link_answer(way[0], wire.link_request(**replace))
    assert head.status == 101
    assert head.get("Sec-WebSocket-Protocol") == "tunnel.v1"
    assert not head.all("Sec-WebSocket-Extensions")


def test_link_request_that_offers_extensions(way):
    _, head = link_answer(way[0], wire.link_request(
        extra=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]))
    assert head.status == 101 and not head.all("Sec-WebSocket-Extensions")


def test_link_request_of_a_browser(way):
    """Rule 2: any web page may open ws://127.0.0.1:9090/tunnel from a developer's browser."""
    for origin in ("http://evil.example", "null", ""):
        _, head = link_answer(way[0], wire.link_request(extra=["Origin: " + origin]))
        assert head.status == 403


def test_bytes_behind_the_head(way):
    """Rule 2: nobody has seen our hello yet, so nothing true can follow."""
    v = Visitor(way[0].address)
    v.send(wire.link_request() + wire.frame(b"early"))
    try:
        assert v.read_head().status != 101
    except Closed:
        pass
    assert v.ended()


def test_visitor_asking_for_the_control_path(way):
    """Rule 1: without the upgrade it is a visitor's request like any other, and reaches the
    upstream; or is refused. It never gets a hello."""
    v = Visitor(way[0].address)
    r = v.get("/tunnel")
    assert r.status in (200, 400, 404, 426)
    assert v.get("/").body == b"fine"


def test_websocket_of_a_visitor_on_the_control_path(way):
    """A visitor's own WebSocket application at /tunnel does not speak our protocol."""
    _, head = link_answer(way[0], wire.link_request(leave_out=["sec_websocket_protocol"]))
    assert head.status != 101


def test_link_as_the_third_request(way):
    """Rule 1: every request is judged, after all earlier responses were written."""
    v = Visitor(way[0].address)
    v.send(b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
           + wire.link_request())
    assert v.read_response().body == b"fine"
    assert v.read_response().body == b"fine"
    assert v.read_head().status == 101


def test_link_through_a_kept_connection_of_nginx(tunnel):
    """nginx mixes visitors' requests and link requests on one kept upstream connection."""
    server = tunnel.server("--reconnect-grace=200ms")
    front = tunnel.nginx("""
        location / {
            proxy_pass http://node;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection $up;
            proxy_set_header Upgrade $http_upgrade;
            proxy_read_timeout 60s;
        }""", http="""
    map $http_upgrade $up { default upgrade; "" ""; }
    upstream node { server %s; keepalive 1; }
""" % server.address)
    v = Visitor(front.address)
    for _ in range(2):
        assert v.get(fields=["Accept: */*"]).status in (200, 503)
    tunnel.client("ws://" + front.address, tunnel.upstream("through nginx"))
    for _ in range(5):
        assert Visitor(front.address).get().body == b"through nginx"
        assert Visitor(server.address).get().body == b"through nginx"


# Before the proof


def test_one_byte_at_a_time(tunnel):
    """An honest client behind a very bad line: everything still works."""
    def slowly(pair, direction, data):
        if len(pair.recorded[direction]) > 3000:
            return data
        sink = pair.socks[direction][1]
        for b in data:
            sink.sendall(bytes([b]))
        return b""

    server = tunnel.server()
    relay = tunnel.mitm(server, slowly)
    tunnel.client(relay.address, tunnel.upstream("patience"))
    assert tunnel.visitor(server).get().body == b"patience"


def test_half_frames_and_silence(way, tunnel):
    """Links that never get anywhere are closed after a time, and hold nobody up meanwhile."""
    server = way[0]
    links = []
    for cut in range(0, 40, 3):
        link = Link(server.address)
        whole = wire.frame(link.first(TOKEN))
        link.v.send(whole[:cut])
        links.append(link)
    assert tunnel.visitor(server).get().body == b"fine"
    wait_until(lambda: all(link.v.ended(timeout=0.05) for link in links),
               "the end of links without a proof", timeout=30)


def test_wrong_token(way):
    with Link(way[0].address) as link:
        link.send_message(link.first(random_token()))
        answer = link.read_message()
        assert answer[0] == 2 and len(answer) == 2
        assert link.v.ended()


def test_unknown_key_id_and_wrong_key_look_the_same(way):
    """Rule 11: with the right key id and a wrong key, and with a key id of nobody."""
    answers = []
    for key_id in (None, os.urandom(8)):
        with Link(way[0].address) as link:
            right_id = noise.token_key(TOKEN, link.salt)[1]
            link.send_message(link.first(random_token(), key_id=key_id or right_id))
            answers.append(link.read_message())
    assert answers[0] == answers[1]


def test_replayed_first_message(way):
    """Rule 6: what was recorded on one connection fails on any other."""
    server = way[0]
    with Link(server.address) as honest:
        recorded = honest.first(TOKEN)
        honest.send_message(recorded)
        assert honest.read_message()[0] == 1
        for _ in range(3):
            with Link(server.address) as replay:
                assert replay.hello != honest.hello
                replay.send_message(recorded)
                assert replay.read_message()[0] == 2


def test_a_hello_of_another_connection(way):
    with Link(way[0].address) as a, Link(way[0].address) as b:
        b.send_message(b.first(TOKEN, hello=a.hello))
        assert b.read_message()[0] == 2


def test_unknown_version(way):
    with Link(way[0].address) as link:
        link.send_message(link.first(TOKEN, version=9))
        assert link.read_message()[0] == 2


def has_aes():
    return noise.sodium.crypto_aead_aes256gcm_is_available() == 1


def test_versions_by_processor(way):
    """The cipher of version 2 is offered where there are instructions for it, and nowhere else."""
    with Link(way[0].address) as link:
        assert link.versions == (b"\1\2" if has_aes() else b"\1")


@pytest.mark.parametrize("version", [1, 2])
def test_every_version(way, version):
    """Both ciphers as docs/protocol.md has them, both ways and across a change of the keys."""
    if version == 2 and not has_aes():
        pytest.skip("this processor has no instructions for AES")
    with Link(way[0].address) as link:
        link.up(TOKEN, version=version)
        for i in range(noise.REKEY_EVERY + 10):
            link.send(noise.frame(noise.PING, 0, struct.pack(">Q", i)))
            if i % 100 == 0 or i > noise.REKEY_EVERY:
                while link.read_kind(noise.PONG)[2] != struct.pack(">Q", i):
                    pass
        assert link.publish(host="v%d.example" % version)["type"] == "granted"


@pytest.mark.parametrize("hidden", [1, 2])
def test_a_version_taken_away(way, hidden):
    """Whoever hides one from a client on the way is found out, whatever that client chooses."""
    with Link(way[0].address) as link:
        if len(link.versions) < 2:
            pytest.skip("this processor has no instructions for AES")
        shorter = noise.MAGIC + bytes([1, 3 - hidden]) + link.hello[len(noise.MAGIC) + 3:]
        link.send_message(link.first(TOKEN, version=3 - hidden, hello=shorter))
        assert link.read_message()[0] == 2


@pytest.mark.parametrize("size", [0, 1, 8, 90, 91, 93, 500, 1024, 1025, 5000])
def test_first_message_of_a_wrong_size(way, size):
    with Link(way[0].address) as link:
        link.send_message(os.urandom(size))
        try:
            assert link.read_message()[0] == 2
        except Closed:
            pass
        assert link.v.ended()


def test_large_message_before_the_proof(way):
    """Rule 14: before the proof 1,024 bytes are the most, judged by the header alone."""
    with Link(way[0].address) as link:
        link.v.send(wire.frame(b"", length=1025))
        assert link.v.ended(timeout=5)


def test_low_order_public_key(way):
    """A public key of zeros makes the shared secret zero, whatever the other's key is."""
    with Link(way[0].address) as link:
        psk, key_id = noise.token_key(TOKEN, link.salt)
        h = noise.Handshake(b"tunnel.v1" + link.hello + b"\1" + key_id, psk)
        public = bytes(32)
        h.mix_hash(public)
        h.mix_key(public)
        link.send_message(b"\1" + key_id + public + noise.ChaChaPoly.seal(h.k, 0, noise.proof(), h.h))
        try:
            assert link.read_message()[0] == 2
        except Closed:
            pass
        assert link.v.ended()


@pytest.mark.parametrize("what", ["nothing", "garbage", "unsealed", "second first"])
def test_no_key_confirmation(way, what):
    """Rule 10: who only repeats what it heard never gets past the handshake."""
    with Link(way[0].address) as link:
        link.greet(TOKEN)
        if what == "garbage":
            link.send_message(os.urandom(200))
        elif what == "unsealed":
            link.send_message(noise.control(type="hello", version="0", instance="00" * 16,
                                            base_window=65536, max_streams=10))
        elif what == "second first":
            link.send_message(link.first(TOKEN))
        assert link.v.ended(timeout=30)


def test_other_frames_before_the_hello(way):
    for frames in (noise.open_frame(1), noise.frame(noise.PING, 0, bytes(8)),
                   noise.control(type="publish", service=1, kind="http", host="", upstream="x")):
        with Link(way[0].address) as link:
            link.greet(TOKEN)
            link.send(frames, sealed=True)
            assert link.v.ended()


def test_many_handshakes_at_a_time(tunnel):
    """Counted, and an honest client still gets in when they are gone."""
    server = tunnel.server("--max-handshakes=16")
    v = []
    for _ in range(40):
        try:
            v.append(Visitor(server.address).send(wire.link_request()))
        except OSError:
            pass
    time.sleep(0.2)
    for x in v:
        x.close()
    tunnel.client(server, tunnel.upstream("in"))
    assert tunnel.visitor(server).get().body == b"in"


def test_the_server_makes_no_key_for_strangers(way):
    """Argon2 costs 19 MiB and 20 ms: a stranger must not make the server spend it."""
    server = way[0]
    before = server.memory("VmHWM")
    began = time.monotonic()
    for _ in range(100):
        with Link(server.address) as link:
            link.send_message(b"\1" + os.urandom(8) + os.urandom(83))
            link.read_message()
    assert time.monotonic() - began < 5
    assert server.memory("VmHWM") - before < 8 * 1024 * 1024


# Somebody between the two


def flip(whole, offset, at):
    at = offset + at if at >= 0 else len(whole) + at
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:]


@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("index", range(5))
def test_tampered_message(tunnel, direction, index):
    """One flipped bit in the index-th message: the link ends, is dialled again, nothing is lost."""
    done = []

    def on_message(i, whole, offset):
        if i == index and not done and len(whole) > offset:
            done.append(1)
            return flip(whole, offset, -1)
        return whole

    server = tunnel.server()
    relay = tunnel.mitm(server, Messages(direction, on_message))
    client = tunnel.client(relay.address, tunnel.upstream("ok"), wait=False)
    wait_until(lambda: tunnel.visitor(server).get().body == b"ok", "an answer", timeout=20)
    for _ in range(10):
        assert tunnel.visitor(server).get().body == b"ok"
    if done:
        assert len(relay.pairs) >= 2
    assert client.alive()


@pytest.mark.parametrize("direction", [UP, DOWN])
@pytest.mark.parametrize("how", ["dropped", "doubled", "swapped", "cut short"])
def test_messages_out_of_place(tunnel, direction, how):
    """Numbers are nonces: what is missing, doubled or out of order does not open."""
    state = {"done": False, "held": b""}

    def on_message(i, whole, offset):
        if state["done"] or i < 4:
            return whole
        if how == "swapped" and not state["held"]:
            state["held"] = whole
            return b""
        state["done"] = True
        if how == "dropped":
            return b""
        if how == "doubled":
            return whole + whole
        if how == "swapped":
            return whole + state["held"]
        payload = len(whole) - offset - 1
        return whole[:1] + bytes([whole[1] & 0x80 | payload]) + whole[2:-1] \
            if len(whole) - offset < 126 else whole[:offset] + bytes(len(whole) - offset)

    server = tunnel.server()
    relay = tunnel.mitm(server, Messages(direction, on_message))
    client = tunnel.client(relay.address, tunnel.upstream("ok"))
    for _ in range(10):
        r = tunnel.visitor(server).get()
        assert (r.status, r.body) == (200, b"ok") or r.status == 502
    assert state["done"]
    relay.wait_pairs(2)
    assert tunnel.visitor(server).get().body == b"ok"
    assert client.alive()


def test_a_server_that_is_none(tunnel):
    """Rule 11: anything but a rejection behind a well-formed hello is "not our server yet"."""
    answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 404 no\r\n\r\n",
               b"SSH-2.0-x\r\n", b"", b"\0" * 100, b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
               b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               b"Sec-WebSocket-Accept: wrong\r\nSec-WebSocket-Protocol: tunnel.v1\r\n\r\n"]

    def script(conn):
        conn.read_head()
        conn.send(answers[conn.number % len(answers)])

    fake = tunnel.upstream(script)
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 6, "attempts", timeout=30)
    assert client.alive()


def fake_server(tail):
    """A script that answers the upgrade correctly and then says what tail(conn) does."""
    def script(conn):
        conn.send(wire.link_answer(conn.read_head()))
        tail(conn)
    return script


HELLO = noise.MAGIC + b"\1\1" + bytes(32) + bytes(16)


def hello_and(answer):
    def tail(conn):
        conn.send(wire.frame(HELLO, mask=False))
        conn.read(6 + 92)
        conn.send(answer)
        conn.read_to_end()
    return tail


@pytest.mark.parametrize("tail", [
    lambda c: c.send(os.urandom(5000)),
    lambda c: c.send(wire.frame(HELLO, mask=True)),
    lambda c: c.send(wire.frame(HELLO + b"x", mask=False)),
    lambda c: c.send(wire.frame(HELLO, mask=False, length=2 ** 40, long_form=8)),
    lambda c: c.send(wire.frame(noise.MAGIC + b"\1\7" + bytes(48), mask=False)),
    hello_and(wire.frame(os.urandom(10), mask=False)),
    hello_and(wire.frame(b"\1" + os.urandom(85), mask=False)),
    hello_and(wire.frame(b"\2\3", mask=False)),
    hello_and(wire.frame(b"\2\x63", mask=False)),
], ids=["garbage", "masked", "hello too long", "length", "version", "odd answer", "forged answer",
        "busy", "unknown reason"])
def test_hostile_server(tunnel, tail):
    """A client that dialled a wrong place keeps its token to itself and keeps trying."""
    fake = tunnel.upstream(fake_server(tail))
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 3, "attempts", timeout=30)
    assert client.alive()
    assert TOKEN.encode() not in fake.received()
    fake.errors.clear()


def test_rejection_in_a_row_is_interrupted(tunnel):
    """Rule 11: three in a row; a stranger that rejects now and then ends nobody."""
    def tail(conn):
        if conn.number % 2:
            return
        hello_and(wire.frame(b"\2\1", mask=False))(conn)

    fake = tunnel.upstream(fake_server(tail))
    client = tunnel.client(fake.address, "http://127.0.0.1:1", wait=False)
    wait_until(lambda: len(fake.connections) >= 7, "attempts", timeout=40)
    assert client.alive()


def test_accepted_once_never_gives_up(tunnel):
    """Rule 11: a client that was accepted before believes no rejection."""
    server = tunnel.server()
    client = tunnel.client(server, tunnel.upstream("ok"))
    server.stop()
    argv = list(server.argv)
    server.argv = [a for a in argv if not a.startswith("--token=")] + ["--token=" + random_token()]
    server.start()
    time.sleep(13)
    assert client.alive()
    server.stop()
    server.argv = argv
    server.start()
    # The back-off has grown meanwhile, to 10 s at most.
    wait_until(lambda: client.log().count("connected to ") == 2, "the client to be back",
               timeout=15)
    assert tunnel.visitor(server).get().body == b"ok"


def test_the_link_request_names_no_visitor_and_no_service(tunnel):
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, "secret.example=" + tunnel.upstream().url)
    head = relay.recorded(UP).split(b"\r\n\r\n")[0]
    assert b"Origin" not in head and b"secret" not in head and b"Authorization" not in head
    assert head.startswith(b"GET /tunnel HTTP/1.1\r\n")


def test_reset_flood(way):
    """Visitors that connect and reset in a loop do not become a flood at the upstream (rule 25)."""
    server, _, upstream = way

    def flood():
        for _ in range(100):
            try:
                v = Visitor(server.address)
                v.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                v.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                v.close()
            except OSError:
                pass

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    wait_until(lambda: Visitor(server.address).get().body == b"fine", "service")
    if os.geteuid() == 0:  # it made itself unreadable to its own user
        wait_until(lambda: server.fds() < 100, "descriptors to be given back")


def test_descriptors_run_out(tunnel):
    """A server with few descriptors refuses some, and serves again when they come back."""
    import resource

    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    server = tunnel.server(preexec_fn=few)
    tunnel.client(server, tunnel.upstream(response("ok")))
    visitors = []
    for _ in range(100):
        try:
            visitors.append(Visitor(server.address))
        except OSError:
            pass
    time.sleep(0.3)
    assert server.alive()
    for v in visitors:
        v.close()

    def served():
        try:
            return tunnel.visitor(server).get().body == b"ok"
        except Closed:
            return False  # taken while there was still no descriptor to spare

    wait_until(served, "service")
