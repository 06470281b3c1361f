# SPDX-License-Identifier: MIT
"""A token that is taken away while much hangs on it, and one that is replaced while visitors come."""

import collections
import resource
import selectors
import subprocess
import threading
import time

import pytest

from harness import noise
from harness.admin import Connection
from harness.knock import Knocking
from harness.programs import TUNNEL
from harness.upstream import response
from harness.visitor import Closed
from harness.wait import SANITIZED, wait_until

SOON = 5.0 if SANITIZED else 1.0  # seconds behind the answer
PORTS = 20                        # sessions that have one


class Node:
    """A server, and the commands beside it."""

    def __init__(self, tunnel, *options):
        self.tunnel = tunnel
        self.server = tunnel.server(*options)

    def run(self, *argv):
        p = subprocess.run([TUNNEL, *argv, "--admin-socket=%s" % self.server.admin_socket], env=self.tunnel.env,
                           capture_output=True, text=True, timeout=30)
        assert p.returncode == 0, p.stderr
        return p.stdout.strip()

    def rejected(self, token):
        with noise.Link(self.server.address) as link:
            link.send_message(link.first(token))
            return link.read_message()[0] != 1


@pytest.fixture
def files():
    """Room for a thousand connections and their servers' ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def sessions(node, token, n):
    """([link], [port]): each claims something, so each is a session of its own."""
    links, ports = [], []
    for i in range(n):
        link = noise.Link(node.server.address).up(token)
        links.append(link)
        if i < PORTS:
            link.send(noise.control(type="publish", service=1, kind="tcp", host="", port=0,
                                    upstream="tcp://127.0.0.1:1"))
            answer = link.read_control("granted", "refused")
            assert answer["type"] == "granted", answer
            ports.append(answer["port"])
        else:
            assert link.publish("h%d.example.org" % i)["type"] == "granted"
    return links, ports


def wait_ended(links, until):
    """How many are still open then."""
    with selectors.DefaultSelector() as selector:
        for link in links:
            selector.register(link.v.sock, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < until:
            for key, _ in selector.select(max(0, until - time.monotonic())):
                try:
                    open_still = key.fileobj.recv(65536)
                except OSError:
                    open_still = b""
                if not open_still:
                    selector.unregister(key.fileobj)
        return len(selector.get_map())


def is_open(port):
    try:
        noise.Visitor("127.0.0.1:%d" % port).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("n", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_sessions_end_and_ports_close(tunnel, files, n):
    node = Node(tunnel)
    token = node.run("token", "create", "web", "--hosts=*", "--ports=0", "-q")
    links, ports = sessions(node, token, n)
    assert all(is_open(port) for port in ports)
    asked = time.monotonic()
    said = node.run("token", "revoke", "web")
    answered = time.monotonic()
    assert "%d sessions ended" % n in said
    assert not [port for port in ports if is_open(port)]
    left = wait_ended(links, answered + SOON)
    ended = time.monotonic()
    for link in links:
        link.close()
    assert left == 0
    assert node.rejected(token)
    print("%d sessions: answered after %.0f ms, all ended %.0f ms behind the answer"
          % (n, 1000 * (answered - asked), 1000 * (ended - answered)))


@pytest.mark.parametrize("n", [400, pytest.param(10000, marks=pytest.mark.slow)])
def test_no_handshake_gets_in_behind_the_answer(tunnel, n):
    """However many are under way: of those that were let in before, none is granted anything behind it."""
    node = Node(tunnel)
    token = node.run("token", "create", "web", "--hosts=*", "--ports=0", "-q")
    assert not node.rejected(token)  # from here on this address is none of a guesser
    knocking = tunnel.stage.add(Knocking(node.server, token))
    outcomes = knocking.outcomes
    wait_until(lambda: len(outcomes) >= n / 2, "handshakes", n / 10)
    node.run("token", "revoke", "web")
    answered = time.monotonic()
    wait_until(lambda: len(outcomes) >= n and sum(o[0] > answered for o in list(outcomes)) >= n / 4,
               "more of them", n / 10)
    knocking.stop()
    let_in = [o for o in outcomes if o[1]]
    behind = [o for o in outcomes if o[0] > answered]
    print("%d handshakes, %d let in, %d begun behind the answer; outcomes: %s" % (
        len(outcomes), len(let_in), len(behind), collections.Counter(o[2] for o in outcomes)))
    assert any(o[2] == "granted" for o in let_in)
    assert {o[2] for o in behind} == {"rejected"}
    assert not [o for o in let_in if o[1] > answered and o[2] == "granted"]
    assert node.run("sessions", "list", "-oname") == ""
    assert node.server.alive()


@pytest.mark.parametrize("n", [300, pytest.param(3000, marks=pytest.mark.slow)])
def test_handshakes_at_the_moment_of_the_answer(tunnel, files, n):
    """All of them have gone as far as they can without the token, and show it while it is revoked."""
    node = Node(tunnel, "--max-handshakes=%d" % (2 * n))
    token = node.run("token", "create", "web", "--hosts=*", "-q")
    # An address has few handshakes under way.
    links = [noise.Link(node.server.address, source="127.0.%d.2" % (i // 30)) for i in range(n)]
    firsts = [link.first(token) for link in links]
    now, answered = threading.Event(), []

    def revoke():
        with Connection(node.server) as admin:
            admin.ok("GET", "/api/v1/identities/web")
            now.wait()
            admin.ok("POST", "/api/v1/identities/web/revoke")
            answered.append(time.monotonic())

    revoking = threading.Thread(target=revoke)
    revoking.start()
    behind = 0
    for i, (link, first) in enumerate(zip(links, firsts, strict=True)):
        if i == n // 3:
            now.set()
        behind += bool(answered)
        link.send_message(first)
    revoking.join()
    outcomes = collections.Counter()
    for link in links:
        outcomes[prove(link)] += 1
        link.close()
    print("%d handshakes, %d of them behind the answer; outcomes: %s" % (n, behind, outcomes))
    assert outcomes["rejected"] >= behind and not outcomes["granted"]
    assert node.run("sessions", "list", "-oname") == "" and node.rejected(token)


def prove(link):
    """What comes of it, and of a claim that is made by who was let in."""
    let_in = False
    try:
        answer = link.read_message()
        if answer[0] != 1:
            return "rejected"
        let_in = True
        link.handshake.read(answer[1:], True)
        link.sealed = True
        link.out, link.inward = link.handshake.split()
        return link.confirm().publish("a.example.org")["type"]
    except (Closed, OSError):
        return "let in, and denied" if let_in else "closed"


class Asking(threading.Thread):
    """A visitor who asks all the time, each time over a connection of its own."""

    def __init__(self, tunnel, server):
        super().__init__()
        self.tunnel, self.server = tunnel, server
        self.over = threading.Event()
        self.statuses = []

    def run(self):
        while not self.over.is_set():
            try:
                with noise.Visitor(self.server.address) as v:
                    self.statuses.append(v.get("/", host="a.example.org").status)
            except (Closed, OSError) as e:
                self.statuses.append(repr(e))

    def stop(self):
        self.over.set()
        self.join()


def test_rotation(tunnel):
    """Both are good, then the new one alone; visitors notice neither that nor the client's restart."""
    overlap = 4
    node = Node(tunnel)
    up = tunnel.upstream(response(b"hello"))
    old = node.run("token", "create", "web", "--hosts=a.example.org", "-q")
    path = tunnel.stage.file("web.token", old)
    client = tunnel.client(node.server, "a.example.org=" + up.url, "--token-from=%s" % path, token=None)
    asking = Asking(tunnel, node.server)
    asking.start()
    try:
        new = node.run("token", "rotate", "web", "--overlap=%ds" % overlap, "-q")
        rotated = time.monotonic()
        assert not node.rejected(old) and not node.rejected(new)
        tunnel.stage.file("web.token", new)
        client.stop()
        client.start()
        wait_until(lambda: client.log().count(" is published at ") == 2, "the client with the new token")
        before = len(asking.statuses)
        wait_until(lambda: node.rejected(old), "the end of the old token", overlap + SOON)
        gone = time.monotonic() - rotated
        assert not node.rejected(new)
        wait_until(lambda: len(asking.statuses) > before + 20, "more requests")
    finally:
        asking.stop()
    assert overlap - 0.5 < gone < overlap + SOON
    assert set(asking.statuses) == {200}
    print("%d requests; the old token ended after %.2f s" % (len(asking.statuses), gone))
