# SPDX-License-Identifier: MIT
"""tunnel connect: programs of this machine reach a private service of another one, as if it were here."""

import contextlib
import os
import re
import socket
import subprocess
import threading

import pytest

from harness.consumer import alias_of, consume, identity, provide
from harness.jobs import BLOB, digest
from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.udp import UdpUpstream
from harness.wait import PATIENCE, at_once, quiet_for, wait_until


class Tcp:
    """A server that serve(socket) has for each connection; it counts them."""

    def __init__(self, stage, serve, unix=None):
        self.serve = serve
        self.accepted = 0
        if unix:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(unix))
            self.listener.listen(128)
        else:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self.url = "tcp://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        stage.add(self)

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._one, args=(s,), daemon=True).start()

    def _one(self, s):
        with s, contextlib.suppress(OSError):
            self.serve(s)

    def stop(self):
        self.listener.close()


def echo(s):
    while data := s.recv(1 << 16):
        s.sendall(data)


def whole_first(s):
    """Answers when it has the end of what it is sent: half-close as it was meant."""
    data = read_all(s)
    s.sendall(digest(data).encode() + b"\n" + data)


def dial(place):
    s = socket.create_connection(place, PATIENCE)
    s.settimeout(PATIENCE)
    return s


def is_reset(place, word=b""):
    """Whether a connection there, which sends this, is reset; it may be before connect() returns."""
    try:
        with dial(place) as s:
            s.sendall(word)
            s.recv(1)
    except (ConnectionResetError, BrokenPipeError):
        return True
    return False


def refuses(place):
    try:
        dial(place).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        pass
    return False


def read_all(s):
    pieces = []
    while piece := s.recv(1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def ask_whole(place, data):
    with dial(place) as s:
        s.settimeout(5 * PATIENCE)  # for all of sendall()
        threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)),
                         daemon=True).start()
        return read_all(s)


def works(place, word=b"word"):
    with dial(place) as s:
        s.sendall(word)
        assert s.recv(100) == word


def test_http_without_a_public_place(tunnel):
    """With one token: the owner uses his own. The exit node opens no port, and no visitor gets there."""
    u = tunnel.upstream("Hello from Super API")
    server = tunnel.server("--reconnect-grace=100ms")
    _, alias = provide(tunnel, server, "http://" + u.address, "super-api")
    assert alias.startswith("super-api.")
    consumer = consume(tunnel, server, "super-api=0")
    assert tunnel.curl("http://%s:%d/" % consumer.address("super-api")) == b"Hello from Super API"
    for host in ("super-api", alias):
        assert tunnel.curl("http://%s/" % server.address, "-H", "Host: " + host, "-o", "/dev/null",
                           "-w", "%{http_code}") == b"503"
    assert "using: super-api" not in server.log()


def test_by_the_alias(tunnel):
    """What its provider prints; with another tag there is nothing, and nothing is said of what there is."""
    server = tunnel.server()
    _, alias = provide(tunnel, server, Tcp(tunnel.stage, echo).url, "redis")
    works(consume(tunnel, server, alias + "=0").address("redis"))
    name, tag, rest = alias.split(".", 2)
    wrong = consume(tunnel, server, "%s.%s.%s=0" % (name, tag[::-1], rest), wait=False)
    wrong.said("redis is declined: there is no such private service")


def test_half_close_and_bytes(tunnel):
    """As a direct connection: the end of one direction goes first, and the other comes whole."""
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, whole_first).url, "sum")
    place = consume(tunnel, server, "sum=0").address("sum")
    for data in (b"", b"x", BLOB):
        assert ask_whole(place, data) == digest(data).encode() + b"\n" + data


def test_upstream_speaks_first(tunnel):
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, lambda s: s.sendall(b"220 hello\n")).url, "smtp")
    with dial(consume(tunnel, server, "smtp=0").address("smtp")) as s:
        assert read_all(s) == b"220 hello\n"


def test_reset(tunnel):
    """An upstream that resets is no end in order; nor is one that nobody listens at."""
    def hard(s):
        s.recv(1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, hard).url, "hard")
    provide(tunnel, server, "tcp://127.0.0.1:%d" % free_port(), "nobody")
    consumer = consume(tunnel, server, "hard=0", "nobody=0")
    for service in ("hard", "nobody"):
        assert is_reset(consumer.address(service), b"x")
    consumer.said("a connection to nobody is reset: ")


def test_unix_sockets(tunnel):
    """On both ends, with the mode that was asked for."""
    there, here = tunnel.path / "there.sock", tunnel.path / "here.sock"
    Tcp(tunnel.stage, echo, unix=there)
    server = tunnel.server()
    provide(tunnel, server, "unix:%s" % there, "db")
    consumer = consume(tunnel, server, "db=unix:%s" % here, options=["--socket-mode=0660"])
    assert here.stat().st_mode & 0o777 == 0o660
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(here))
        s.settimeout(PATIENCE)
        s.sendall(b"word")
        assert s.recv(100) == b"word"
    consumer.stop()
    assert not here.exists()


def test_datagrams(tunnel):
    """Each sender has its own answers, and datagrams keep their borders."""
    u = tunnel.stage.add(UdpUpstream())
    server = tunnel.server()
    provide(tunnel, server, "udp://" + u.address, "dns")
    place = consume(tunnel, server, "dns=udp:0").address("dns")
    senders = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
    for i, s in enumerate(senders):
        s.settimeout(PATIENCE)
        s.connect(place)
        for word in (b"%d" % i, b"x" * 1400, b""):
            s.send(word)
            assert s.recv(2000) == word
    assert len(u.peers()) == len(senders)
    for s in senders:
        s.close()


def test_many_connections(tunnel):
    """At once, on several links and workers; each has its own bytes."""
    server = tunnel.server("--workers=2")
    provide(tunnel, server, Tcp(tunnel.stage, whole_first).url, "sum", "--links=2")
    consumer = consume(tunnel, server, "sum=0", options=["--links=3"])
    place = consumer.address("sum")
    datas = [os.urandom(40000 + i) for i in range(100)]
    answers = at_once(lambda d: ask_whole(place, d), datas)
    assert answers == [digest(d).encode() + b"\n" + d for d in datas]


def test_big_transfer(tunnel):
    """Both ways at once, by checksum."""
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "echo")
    place = consume(tunnel, server, "echo=0").address("echo")
    data = BLOB * 16
    assert digest(ask_whole(place, data)) == digest(data)


def test_client_publishes_and_uses(tunnel):
    """One process does both: a web server beside its database."""
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "db")
    u = tunnel.upstream("page")
    client = tunnel.client(server, u, "--service=db=0")
    client.log_contains("db is approved; listening on 127.0.0.1:")
    place = client.log().split("db is approved; listening on ")[1].split()[0].split(":")
    works((place[0], int(place[1])))
    assert tunnel.curl("http://%s/" % server.address) == b"page"


# ---- Standard input and output ----


def stdio(tunnel, server, service, *options, stdin=b"", token=TOKEN):
    return subprocess.run([TUNNEL, "connect", "--remote=" + server.address, "--token=" + token,
                           "--stdio=" + service, *options], env=tunnel.env, input=stdin,
                          capture_output=True, timeout=6 * PATIENCE)


def test_stdio(tunnel):
    """The end of the input is half-close; in order it is status 0, and nothing else is said."""
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, whole_first).url, "sum")
    for data in (b"", b"x", BLOB):
        p = stdio(tunnel, server, "sum", stdin=data)
        assert (p.returncode, p.stderr) == (0, b""), p.stderr
        assert p.stdout == digest(data).encode() + b"\n" + data


def test_stdio_reset(tunnel):
    """A connection that breaks off is no success, whatever came before."""
    def hard(s):
        s.sendall(b"half")
        s.recv(1)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, hard).url, "hard")
    p = stdio(tunnel, server, "hard", stdin=b"x")
    assert p.returncode == 1
    assert b"half".startswith(p.stdout)
    assert p.stderr.count(b"\n") == 1 and b"broke off: its server" in p.stderr, p.stderr


def test_stdio_in_vain(tunnel):
    server = tunnel.server()
    provide(tunnel, server, "tcp://127.0.0.1:1", "other")
    p = stdio(tunnel, server, "none", "--wait=1s")
    assert p.returncode == 6
    assert b"none is declined: " in p.stderr and b"cannot be used, and the time of --wait is over: the exit node declined it" in p.stderr


def test_stdio_output_is_full(tunnel):
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "echo")
    with open("/dev/full", "wb") as full:
        p = subprocess.run([TUNNEL, "connect", "--remote=" + server.address, "--token=" + TOKEN,
                            "--stdio=echo"], env=tunnel.env, input=b"word", stdout=full,
                           stderr=subprocess.PIPE, timeout=6 * PATIENCE)
    assert p.returncode == 1
    assert b"standard output cannot be written to: No space left" in p.stderr


# ---- What starts anew ----


def test_restarts(tunnel):
    """Each part in turn, with and without a farewell: it works again by itself, at the same place."""
    server = tunnel.server()
    target = Tcp(tunnel.stage, echo)
    provider, alias = provide(tunnel, server, target.url, "echo")
    port = free_port()
    consumer = consume(tunnel, server, "%s=%d" % (alias, port))

    def again():
        def answered():
            try:
                works(("127.0.0.1", port))
                return True
            except (OSError, AssertionError):
                return False
        wait_until(answered, "the service to be used again", 3 * PATIENCE)
    again()
    for daemon in (server, provider, consumer):
        for end in (daemon.stop, daemon.kill):
            end()
            daemon.start()
            again()
    assert alias_of(provider, "echo") == alias
    assert consumer.address("echo") == ("127.0.0.1", port)


def test_waits_while_the_exit_node_is_away(tunnel):
    """A connection that comes meanwhile loses nothing; and is reset when that takes too long."""
    server = tunnel.server()
    provider, _ = provide(tunnel, server, Tcp(tunnel.stage, echo).url, "echo")
    consumer = consume(tunnel, server, "echo=0", options=["--dial-timeout=20s"])
    place = consumer.address("echo")
    server.stop()
    with dial(place) as s:
        s.sendall(b"word")
        s.settimeout(3 * PATIENCE)
        server.start()
        assert s.recv(100) == b"word"
    impatient = consume(tunnel, server, "echo=0", options=["--dial-timeout=200ms"])
    place = impatient.address("echo")
    server.stop()
    assert is_reset(place)
    impatient.said("the exit node could not be asked within --dial-timeout")


def test_provider_goes(tunnel):
    """Without a provider a connection is reset once the grace is over, and the port stays."""
    server = tunnel.server("--reconnect-grace=100ms")
    provider, _ = provide(tunnel, server, Tcp(tunnel.stage, echo).url, "echo")
    consumer = consume(tunnel, server, "echo=0")
    place = consumer.address("echo")
    works(place)
    provider.stop()
    assert is_reset(place)
    provider.start()
    wait_until(lambda: alias_of(provider, "echo"), "the provider")

    def answered():
        try:
            works(place)
            return True
        except (OSError, AssertionError):
            return False
    wait_until(answered, "the provider to be back")


def test_drains(tunnel):
    """SIGTERM: no port any more, and what is open goes on to its end."""
    server = tunnel.server()
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "echo")
    consumer = consume(tunnel, server, "echo=0")
    place = consumer.address("echo")
    with dial(place) as s:
        s.sendall(b"one")
        assert s.recv(10) == b"one"
        consumer.ask()
        consumer.said("ending; streams under way: 1")
        with pytest.raises(ConnectionRefusedError):
            dial(place)
        s.sendall(b"two")
        assert s.recv(10) == b"two"
    assert consumer.wait() == 0


def test_reload(tunnel):
    """A service that stays keeps its connections; one that goes closes its port, one that comes opens it."""
    server = tunnel.server()
    for name in ("a", "b", "c"):
        provide(tunnel, server, Tcp(tunnel.stage, echo).url, name)
    ports = [free_port() for _ in range(3)]
    config = tunnel.path / "connect.yaml"

    def write(*services):
        config.write_text("endpoints:\n" + "".join("  - service: %s\n" % s for s in services))
    write("a=%d" % ports[0], "b=%d" % ports[1])
    consumer = consume(tunnel, server, options=["--config=%s" % config])
    places = [consumer.address(n) for n in ("a", "b")]
    with dial(places[0]) as kept, dial(places[1]) as gone:
        for s in (kept, gone):
            s.sendall(b"one")
            assert s.recv(10) == b"one"
        write("a=%d" % ports[0], "c=%d" % ports[2])
        consumer.send_signal(1)
        works(consumer.address("c"))
        consumer.said("private services to use added: 1, removed: 1, unchanged: 1")
        with pytest.raises(ConnectionRefusedError):
            dial(places[1])
        for s in (kept, gone):
            s.sendall(b"two")
            assert s.recv(10) == b"two"
    write("a=nowhere")
    consumer.send_signal(1)
    consumer.said("nothing was reloaded: ")
    works(places[0])


# ---- Names ----


def test_hosts_file(tunnel):
    """Two services at one port, each by its own name, which goes when the client does."""
    server = tunnel.server()
    hosts = tunnel.path / "hosts"
    hosts.write_text("127.0.0.1\tlocalhost\n")
    hosts.chmod(0o640)
    for name in ("one", "two"):
        provide(tunnel, server, Tcp(tunnel.stage, lambda s, n=name: s.sendall(n.encode())).url,
                name, "--fqdns=%s.example.org" % name)
    port = free_port()
    consumer = consume(tunnel, server, "one=%d" % port, "two=%d" % port,
                       options=["--hosts-file=%s" % hosts])
    for name in ("one", "two"):
        wait_until(lambda n=name: n + ".example.org" in hosts.read_text(), "the name of " + name)
        line = next(x for x in hosts.read_text().splitlines() if name + ".example.org" in x)
        host = line.split()[0]
        assert consumer.address(name) == (host, port)
        with dial((host, port)) as s:
            assert read_all(s) == name.encode()
    assert hosts.stat().st_mode & 0o777 == 0o640
    consumer.kill()
    assert "one.example.org" in hosts.read_text()
    consumer.start()
    consumer.said("two is approved", 2)
    consumer.stop()
    wait_until(lambda: hosts.read_text() == "127.0.0.1\tlocalhost\n", "the names to go")


# ---- Who may ----


def test_automatic_approval_and_a_live_cut(tunnel):
    """Another identity, which need not wait; an intention takes it away at once, and gives it back."""
    server = tunnel.server()
    web = identity(server, "web", consume=["redis"])
    owner = identity(server, "redis-host", publish=["redis"])
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "redis", "--visibility=web",
            "--auto-approve=web", token=owner)
    consumer = consume(tunnel, server, "redis=0", token=web)
    place = consumer.address("redis")

    def intention(*words):
        status, out, err = tunnel.run("intention", *words, "--admin-socket", server.admin_socket)
        assert status == 0, err
    with dial(place) as s:
        s.sendall(b"one")
        assert s.recv(10) == b"one"
        intention("create", "--deny", "web", "redis")
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    consumer.said("redis is barred: an intention denies it")
    assert is_reset(place)
    intention("delete", "web", "redis")
    consumer.said("redis is approved", 2)
    works(place)


def test_pending_is_refused(tunnel):
    """Before an approval a program is refused, as by a port that nobody has; and the owner's log says what to do."""
    server = tunnel.server()
    web = identity(server, "web", consume=["redis"])
    target = Tcp(tunnel.stage, echo)
    provider, _ = provide(tunnel, server, target.url, "redis", "--visibility=web")
    port = free_port()
    consumer = consume(tunnel, server, "redis=%d" % port, wait=False, token=web,
                       options=["--message=web team, ticket 4711"])
    consumer.said("redis is pending: its owner decides (tunnel endpoint approve web.")
    with pytest.raises(ConnectionRefusedError):
        dial(("127.0.0.1", port))
    provider.log_contains("web team, ticket 4711")
    waited = consume(tunnel, server, "redis=0", wait=False, token=web, options=["--wait=1s"])
    waited.expected_status.add(6)
    assert waited.wait() == 6
    quiet_for(0.2, lambda: target.accepted, "a connection to the upstream")


def endpoint(tunnel, server, *words, status=0):
    """`tunnel endpoint` on the exit node's own machine; its standard output."""
    got, out, err = tunnel.run("endpoint", *words, "--admin-socket", server.admin_socket)
    assert got == status, (words, out, err)
    return out


def test_approved_rejected_removed(tunnel):
    """What the owner decides is felt at once: approved, rejected while a connection is live, approved again, and at
    last removed, which ends the client."""
    server = tunnel.server()
    web = identity(server, "web", consume=["redis"])
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "redis", "--visibility=web")
    port = free_port()
    place = ("127.0.0.1", port)
    consumer = consume(tunnel, server, "redis=%d" % port, wait=False, token=web)
    consumer.said("redis is pending: ")
    which = re.search(r"tunnel endpoint approve ([a-z0-9.-]+)", consumer.log())[1]
    endpoint(tunnel, server, "approve", which, "--description", "ticket 4711")
    consumer.said("redis is approved (\"ticket 4711\"); listening on 127.0.0.1:%d" % port)
    with dial(place) as s:
        s.sendall(b"one")
        assert s.recv(10) == b"one"
        endpoint(tunnel, server, "reject", which, "--description", "not this quarter")
        with pytest.raises(ConnectionResetError):
            s.recv(1)
    consumer.said("redis is rejected: not this quarter")
    wait_until(lambda: refuses(place), "the port to be closed")
    endpoint(tunnel, server, "approve", which)
    consumer.said("redis is approved", 2)
    works(place)
    endpoint(tunnel, server, "delete", which, "--yes")
    consumer.expected_status.add(1)
    assert consumer.wait() == 1
    consumer.said("redis is disconnected: ")


def test_not_granted(tunnel):
    server = tunnel.server()
    web = identity(server, "web", consume=["other"])
    provide(tunnel, server, Tcp(tunnel.stage, echo).url, "redis", "--visibility=@all")
    consume(tunnel, server, "redis=0", wait=False, token=web).said("redis is declined: ")


# ---- At the start ----


def test_place_is_taken(tunnel):
    server = tunnel.server()
    taken = Tcp(tunnel.stage, echo)
    consumer = consume(tunnel, server, "redis=" + taken.url.rsplit(":", 1)[1], wait=False)
    consumer.expected_status.add(1)
    assert consumer.wait() == 1
    assert "--service redis: " in consumer.log() and "already in use" in consumer.log()


def test_check_config(tunnel):
    good, bad = tunnel.path / "good.yaml", tunnel.path / "bad.yaml"
    good.write_text("remote: exit.example.org\nendpoints:\n  - service: redis=6379\n"
                    "    message: web team\n")
    bad.write_text("endpoints:\n  - service: redis\n")
    status, out, _ = tunnel.run("check-config", str(good))
    assert status == 0 and "service = redis=6379" in out
    status, _, err = tunnel.run("check-config", str(bad))
    assert status == 2 and "bad.yaml:2: service: \"redis\" does not say where to listen" in err
    waits = tunnel.path / "waits.yaml"
    waits.write_text("wait: 5m\nendpoints:\n  - service: redis=6379\n")
    status, out, _ = tunnel.run("check-config", str(waits))
    assert status == 0 and "valid connect configuration" in out
    status, _, err = tunnel.run("check-config", "--strict", "connect", "--remote=exit",
                                "--token=" + TOKEN, "--service=a=1", "--hosts-file=/none/hosts")
    assert status == 2 and "--hosts-file" in err
