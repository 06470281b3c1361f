# SPDX-License-Identifier: MIT
"""Private services of UDP that are sealed between the two clients: what arrives, what an exit node can do about it, and
whose key is believed."""

import random
import signal
import socket
import struct

from harness import wire
from harness.commands import ExitNode
from harness.consumer import provide
from harness.jobs import HERE
from harness.mitm import DOWN, Messages, Mitm
from harness.public import free_port
from harness.udp import UdpUpstream, UdpVisitor
from harness.wait import PATIENCE, at_once, quiet_for, wait_until
from test_end_to_end import key_of, sealed, state, uses
from test_private_programs import Dnsmasq, asked

LARGEST = 65482  # bytes: 65,507, less 25 for what seals them
DATAGRAM = 0x03  # of frames
FIRST, DATA = 1, 3  # what a sealed datagram begins with


def echo(tunnel):
    return tunnel.stage.add(UdpUpstream())


def visitor(tunnel, place):
    return tunnel.stage.add(UdpVisitor(place))


def answered(v, word):
    """Whether its answer comes, perhaps behind those to earlier ones. A program asks again, as what is late is
    dropped."""
    got = v.ask(word, 0.3)
    while got not in (word, None):
        got = v.receive(0.3)
    return got == word


def works(tunnel, place, word=b"word"):
    v = visitor(tunnel, place)
    wait_until(lambda: answered(v, word), "an answer", 3 * PATIENCE)


def silent(tunnel, place):
    v = visitor(tunnel, place)
    return v.ask(b"word", 0.5) is None


def test_dns(tunnel):
    """10,000 queries, one answer each and the right one."""
    job = Dnsmasq(tunnel)
    server = tunnel.server("--workers=2")
    _, alias = sealed(tunnel, server, "udp://%s:%d" % (HERE, job.port), "dns")
    _, port = uses(tunnel, server, alias + "=udp:0").address("dns")
    assert sum(at_once(lambda k: asked(port, range(k, 10000, 40)), range(40))) == 10000
    r = job.run("dig", "@" + HERE, "-p", port, "+short", "10-1-2-3.example")
    assert (r.status, r.out) == (0, b"10.1.2.3\n")


def test_sizes(tunnel):
    """From nothing to the largest; what has no room once it is sealed is dropped, both ways, and said."""
    u = tunnel.stage.add(UdpUpstream(lambda data: [data + b"more"] if data[:4] == b"more" else [data]))
    server = tunnel.server()
    provider, alias = sealed(tunnel, server, "udp://" + u.address, "echo")
    consumer = uses(tunnel, server, alias + "=udp:0")
    v = visitor(tunnel, consumer.address("echo"))
    for n in (0, 1, 2, 1400, 9000, 40000, LARGEST - 1, LARGEST):
        data = random.Random(n).randbytes(n)
        wait_until(lambda data=data: v.ask(data, 1) == data, "%d bytes and back" % n)
    known = len(u.received)
    v.send(bytes(LARGEST + 1)).send(bytes(65507))
    consumer.said("dropped a datagram between a program and echo: sealed end to end there is no room")
    wait_until(lambda: answered(v, b"word"), "the flow to go on")
    v.send(b"more" + bytes(LARGEST - 4))
    wait_until(lambda: "dropped a datagram between consumer default (link 1) and echo: sealed end to end there is no "
               "room" in provider.log(), "the answer to be too large")
    wait_until(lambda: answered(v, b"word"), "the flow to go on")
    assert max(len(data) for data, _ in u.received[known:]) == LARGEST
    assert len(u.peers()) == 1


def carried(tunnel, *options, pin):
    """What goes from the exit node to the provider, when neither link is sealed: all that the exit node has."""
    server = tunnel.server("--no-seal")
    line = tunnel.stage.add(Mitm(("127.0.0.1", server.port)))
    u = tunnel.stage.add(UdpUpstream(lambda data: [b"secret answer to " + data]))
    _, alias = provide(tunnel, line.address, "udp://" + u.address, "echo", "--no-seal", state(tunnel, "provider"),
                       *options)
    assert ("#" in alias) == pin
    v = visitor(tunnel, uses(tunnel, server, alias + "=udp:0", options=["--no-seal"]).address("echo"))
    wait_until(lambda: v.ask(b"secret question", 1) == b"secret answer to secret question", "the answer")
    return line.recorded()


def test_exit_node_reads_nothing(tunnel):
    """No byte of a question or an answer; without end to end they are there."""
    assert b"secret question" in carried(tunnel, pin=False)
    ciphered = carried(tunnel, "--end-to-end", pin=True)
    assert b"\x01E2E\x01" in ciphered
    for word in b"secret", b"question", b"answer":
        assert word not in ciphered


# ---- An exit node that does not carry what it is given ----


def frames_of(payload):
    while payload:
        size, = struct.unpack_from("!H", payload, 2)
        yield payload[:8], payload[8:8 + size]
        payload = payload[8 + size:]


class Tamper(Messages):
    """Each datagram of that kind to the provider goes through change(number of it, datagram) -> datagrams."""

    def __init__(self, kind, change):
        super().__init__(DOWN, self._message)
        self.kind = kind
        self.change = change
        self.seen = 0

    def _message(self, index, whole, offset):
        if whole[0] != 0x82 or index < 3:  # a close, or of the link's handshake
            return whole
        out = b""
        for head, payload in frames_of(whole[offset:]):
            many = [payload]
            if head[0] == DATAGRAM and payload[:1] == bytes([self.kind]):
                many = self.change(self.seen, payload)
                self.seen += 1
            for p in many:
                out += head[:2] + struct.pack("!H", len(p)) + head[4:] + p
        return out and wire.frame(out, mask=False)


def through(tunnel, change):
    """(provider, consumer's program, upstream) with that in between."""
    server = tunnel.server("--no-seal")
    line = tunnel.stage.add(Mitm(("127.0.0.1", server.port), change))
    u = echo(tunnel)
    provider, alias = provide(tunnel, line.address, "udp://" + u.address, "echo", "--no-seal", "--end-to-end",
                              state(tunnel, "provider"))
    consumer = uses(tunnel, server, alias + "=udp:0", options=["--no-seal"])
    return provider, visitor(tunnel, consumer.address("echo")), u


def test_tampered_datagrams(tunnel):
    """Changed, cut, repeated, out of order, invented: the upstream hears what was sent, once each, and the flow goes
    on."""
    kept = []

    def change(number, datagram):
        kind = number % 8
        kept.append(datagram)
        flipped = bytearray(datagram)
        flipped[9 + number % (len(datagram) - 9)] ^= 1 << number % 8
        ahead = datagram[:1] + struct.pack("!Q", 1 << 40) + datagram[9:]
        return {
            0: [datagram],
            1: [bytes(flipped)],
            2: [datagram] * 3,
            3: [datagram[:-1]],
            4: [ahead, datagram],
            5: [kept[number // 2], datagram],
            6: [datagram + b"x"],
            7: [bytes([9]) + datagram[1:], b"", datagram],
        }[kind]
    provider, v, u = through(tunnel, Tamper(DATA, change))
    sent = [b"%d of what a program says" % i for i in range(400)]
    wait_until(lambda: answered(v, sent[0]), "the first answer")
    for word in sent[1:]:
        v.send(word)
    wait_until(lambda: answered(v, b"last"), "the flow to go on")
    came = [data for data, _ in u.received if data not in (sent[0], b"last")]
    assert len(came) == len(set(came)), "one came twice"
    assert set(came) <= set(sent)
    assert len(came) > 100
    assert len(u.peers()) == 1
    assert "its client has not sent it, or it came before" in provider.log()
    assert "is reset" not in provider.log()


class Loses:
    """So many of the first messages on their way to the provider."""

    def __init__(self, n):
        self.left = n

    def __call__(self, number, datagram):
        self.left -= 1
        return [] if self.left >= 0 else [datagram]


def test_lost_handshakes(tunnel):
    """It is said again, and what the program said waits for it."""
    _, v, u = through(tunnel, Tamper(FIRST, Loses(3)))
    assert v.ask(b"only once") == b"only once"
    assert [data for data, _ in u.received] == [b"only once"]


def test_nobody_answers_the_handshake(tunnel):
    server = tunnel.server("--no-seal")
    loses = Loses(1 << 30)
    line = tunnel.stage.add(Mitm(("127.0.0.1", server.port), Tamper(FIRST, loses)))
    u = echo(tunnel)
    _, alias = provide(tunnel, line.address, "udp://" + u.address, "echo", "--no-seal", "--end-to-end",
                       state(tunnel, "provider"))
    consumer = uses(tunnel, server, alias + "=udp:0", options=["--no-seal"])
    v = visitor(tunnel, consumer.address("echo")).send(b"word")
    consumer.said("a UDP flow to echo is reset: its provider does not answer the handshake")
    loses.left = 0
    wait_until(lambda: answered(v, b"again"), "another flow")


def recorded_first(recorded):
    at = recorded.index(b"\x01E2E\x01")
    return recorded[at:at + 102]


def test_recorded_handshake(tunnel):
    """An exit node that says it again, to the same provider and to one that was started anew: the upstream hears
    nothing."""
    said = []

    def change(pair, direction, data):
        if direction == DOWN:
            said.append(data)
        return data
    _, v, u = through(tunnel, change)
    wait_until(lambda: answered(v, b"word"), "an answer")
    first = recorded_first(b"".join(said))
    assert len(first) == 102

    def again(number, datagram):
        return [first, first, datagram]
    _, v, other = through(tunnel, Tamper(DATA, again))
    wait_until(lambda: answered(v, b"word"), "an answer")
    assert {data for data, _ in other.received} == {b"word"}
    assert {data for data, _ in u.received} == {b"word"}


# ---- Whose key is believed ----


def test_first_key_is_remembered_until_it_is_forgotten(tunnel):
    """Without a key behind the alias: the provider has another one, and a person says that this is right."""
    server = tunnel.server()
    u = echo(tunnel)
    provider, alias = sealed(tunnel, server, "udp://" + u.address, "echo")
    bare = alias.split("#")[0]
    consumer = uses(tunnel, server, bare + "=udp:0")
    place = consumer.address("echo")
    works(tunnel, place)
    old = key_of(tunnel, "provider")

    provider.stop()
    sealed(tunnel, server, "udp://" + u.address, "echo", whose="another")
    new = key_of(tunnel, "another")
    consumer.said("its key is %s, and was %s before" % (new, old))
    before = len(u.received)
    assert silent(tunnel, place)
    assert len(u.received) == before
    status, _, err = tunnel.run("key", "forget", ".".join(bare.split(".")[:2]), state(tunnel, "consumer"))
    assert status == 0, err
    works(tunnel, place, b"new key")


def test_pin_takes_no_other_key(tunnel):
    server = tunnel.server()
    u = echo(tunnel)
    _, alias = sealed(tunnel, server, "udp://" + u.address, "echo")
    other = key_of(tunnel, "somebody")
    c = uses(tunnel, server, "%s#%s=udp:0" % (alias.split("#")[0], other), wait=False)
    c.said("does not stand behind the '#' of its alias")
    both = uses(tunnel, server, "%s#%s,%s=udp:0" % (alias.split("#")[0], other, alias.split("#")[1]), name="both")
    works(tunnel, both.address("echo"))


def test_who_insists_is_not_served_without(tunnel):
    server = tunnel.server()
    u = echo(tunnel)
    _, alias = provide(tunnel, server, "udp://" + u.address, "echo")
    c = uses(tunnel, server, alias + "=udp:0", options=["--end-to-end"], wait=False)
    c.said("its provider does not seal it end to end, as --end-to-end asks for")
    quiet_for(0.3, lambda: u.received, "a datagram at the upstream")


def test_provider_takes_whom_it_knows(tunnel):
    """--known-keys, read again with SIGHUP: no datagram reaches the upstream of a consumer with another key, and the
    consumer's log says why."""
    server = tunnel.server()
    u = echo(tunnel)
    known = tunnel.path / "known"
    known.write_text("default %s\n" % key_of(tunnel, "somebody"))
    provider, alias = sealed(tunnel, server, "udp://" + u.address, "echo", "--known-keys=%s" % known)
    consumer = uses(tunnel, server, alias + "=udp:0")
    place = consumer.address("echo")
    assert silent(tunnel, place)
    assert not u.received
    own = key_of(tunnel, "consumer")
    assert ("a UDP flow of consumer default (link 1) to echo is reset: its key %s does not stand in --known-keys"
            % own in provider.log())
    consumer.said("a UDP flow to echo is reset: the exit node does not allow it now, or its provider does not take "
                  "this client's key")
    known.write_text("default %s # web\n" % own)
    provider.send_signal(signal.SIGHUP)
    works(tunnel, place)


def test_consumers_are_remembered(tunnel):
    """Another client under the same link id is not the one whose key was seen."""
    server = tunnel.server()
    u = echo(tunnel)
    provider, alias = sealed(tunnel, server, "udp://" + u.address, "echo", "--auto-approve=@all", "--visibility=@all")
    consumer = uses(tunnel, server, alias + "=udp:0")
    works(tunnel, consumer.address("echo"))
    consumer.stop()
    before = len(u.received)
    assert silent(tunnel, uses(tunnel, server, alias + "=udp:0", whose="thief", name="thief").address("echo"))
    assert len(u.received) == before
    wait_until(lambda: "tunnel key forget %s/1" % ".".join(alias.split(".")[:2]) in provider.log(),
               "what to do in the provider's log")


def test_approval_is_of_a_key_and_a_deny_cuts(tunnel):
    node = ExitNode(tunnel)
    owner = node.create("owner", "--publish=echo")
    web = node.create("web", "--consume=echo")
    u = echo(tunnel)
    provider, alias = provide(tunnel, node.server, "udp://" + u.address, "echo", "--end-to-end",
                              state(tunnel, "provider"), "--visibility=web", "--token-from=%s" % owner, token=None)
    consumer = uses(tunnel, node.server, alias + "=udp:0", options=["--token-from=%s" % web], token=None, wait=False)
    consumer.said("echo is pending")
    key = key_of(tunnel, "consumer")
    one, = node.json("endpoint", "list")
    assert one["properties"]["endToEndKey"] == key
    node.ok("endpoint", "approve", one["name"], "--e2e-key", key)
    place = consumer.address("echo")
    works(tunnel, place)
    node.ok("intention", "create", "--deny", "web", "echo")
    before = len(u.received)
    assert silent(tunnel, place)
    assert len(u.received) == before
    node.ok("intention", "create", "--replace", "--allow", "web", "echo")
    works(tunnel, place, b"again")


# ---- What starts anew ----


def test_restarts(tunnel):
    """Each part in turn, with and without a farewell: it works again by itself, at the same place."""
    server = tunnel.server()
    u = echo(tunnel)
    provider, alias = sealed(tunnel, server, "udp://" + u.address, "echo")
    port = free_port()
    consumer = uses(tunnel, server, "%s=udp:%d" % (alias, port))
    v = visitor(tunnel, (HERE, port))

    def again():
        def answer():
            try:
                return answered(v, b"word")
            except ConnectionRefusedError:
                return False
        wait_until(answer, "the service to be used again", 3 * PATIENCE)
    again()
    for daemon in (server, provider, consumer):
        for end in (daemon.stop, daemon.kill):
            end()
            daemon.start()
            again()


def test_service_starts_anew(tunnel):
    """The flow is the client's, which goes on to whoever listens there."""
    server = tunnel.server()
    u = UdpUpstream()
    _, alias = sealed(tunnel, server, "udp://" + u.address, "echo")
    v = visitor(tunnel, uses(tunnel, server, alias + "=udp:0").address("echo"))
    wait_until(lambda: answered(v, b"word"), "an answer")
    u.stop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        assert v.ask(b"word", 0.2) is None
    back = tunnel.stage.add(UdpUpstream(port=u.port))
    wait_until(lambda: answered(v, b"word"), "an answer")
    assert len(back.peers()) == 1


def test_idle_flows_end(tunnel):
    """And the next datagram has another one, with another handshake."""
    server = tunnel.server()
    u = echo(tunnel)
    _, alias = sealed(tunnel, server, "udp://" + u.address, "echo", "--udp-idle=1s")
    v = visitor(tunnel, uses(tunnel, server, alias + "=udp:0").address("echo"))
    wait_until(lambda: answered(v, b"word"), "an answer")
    wait_until(lambda: server.log().count("method=PRIVATE host=echo") == 1, "the flow to end")
    wait_until(lambda: answered(v, b"word"), "an answer")
    assert len(u.peers()) == 2


def test_tcp_and_udp_beside_each_other(tunnel):
    """One client publishes both, and one uses both."""
    server = tunnel.server()
    u = echo(tunnel)
    job = Dnsmasq(tunnel)
    _, one = sealed(tunnel, server, "udp://" + u.address, "echo")
    _, two = sealed(tunnel, server, "tcp://%s:%d" % (HERE, job.port), "dns-tcp", whose="other")
    consumer = uses(tunnel, server, one + "=udp:0", two + "=0")
    works(tunnel, consumer.address("echo"))
    host, port = consumer.address("dns-tcp")
    r = job.run("dig", "@" + host, "-p", port, "+tcp", "+short", "10-1-2-3.example")
    assert (r.status, r.out) == (0, b"10.1.2.3\n")
