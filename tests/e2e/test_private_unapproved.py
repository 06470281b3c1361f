# SPDX-License-Identifier: MIT
"""A consumer whose client says what it likes reaches nothing but what was approved, at no moment."""

import contextlib
import pathlib
import socket
import threading

import pytest

from harness.noise import CONTROL, RESET, TCP, UDP, Link, control, open_frame
from harness.private import PrivateNode
from harness.visitor import Closed
from harness.wait import wait_until


@pytest.fixture
def node(tunnel):
    return PrivateNode(tunnel)


@contextlib.contextmanager
def counted():
    """An upstream that knows who came: (its port, a list of their sockets)."""
    came = []
    with socket.create_server(("127.0.0.1", 0)) as s:
        def serve():
            with contextlib.suppress(OSError):
                while True:
                    came.append(s.accept()[0])
        threading.Thread(target=serve, daemon=True).start()
        yield s.getsockname()[1], came
        s.shutdown(socket.SHUT_RDWR)
    for c in came:
        c.close()


def up(node, token, **kwargs):
    return Link(node.server.address).up(pathlib.Path(token).read_text().strip(), **kwargs)


def attach(link, number, service, **more):
    link.send(control(type="attach", endpoint=number, service=service, kind="tcp", **more))


def attached(link, number, service):
    attach(link, number, service)
    while True:
        answer = link.read_control("attached", "declined")
        if answer["endpoint"] == number:
            return answer


def test_without_approval(node):
    """Numbers that are nobody's, that are others', of what is pending, of other kinds, before any answer."""
    owner, web, other = node.create("team", "--publish=redis"), node.create("web"), node.create("other")
    with counted() as (port, came):
        node.provider("redis", "tcp://127.0.0.1:%d" % port, owner, "--visibility=web,other",
                      "--auto-approve=other")
        with up(node, web) as link, up(node, other) as friend:
            assert attached(friend, 7, "redis")["usable"]
            attach(link, 5, "redis")
            link.send(b"".join(open_frame(1 + 2 * i, number, kind) for i, (number, kind) in enumerate(
                [(5, TCP), (7, TCP), (0, TCP), (1, TCP), (2 ** 32 - 1, TCP), (5, UDP), (5, 9)])))
            assert not link.read_control("attached").get("usable")
            link.send(open_frame(101, 5) + open_frame(103, 5, UDP))
            resets = 0
            while resets < 2:
                kind, stream, _ = link.read_frame()
                resets += kind == RESET and stream > 100
            friend.send(open_frame(1, 7))
            wait_until(lambda: came, "the one that may")
            assert len(came) == 1


def test_behind_the_answer(node):
    """Who attaches, opens and detaches as fast as it can has nothing behind the answer of a reject."""
    owner, web = node.create("team", "--publish=redis"), node.create("web")
    over = threading.Event()
    heard = threading.Semaphore(0)

    def meddle(link):
        """As often as it is answered, which it needs not wait for to open streams."""
        stream = 1
        with contextlib.suppress(Closed, OSError):
            while not over.is_set():
                burst = b""
                for number in range(4):
                    burst += control(type="detach", endpoint=number)
                    burst += control(type="attach", endpoint=number, service="redis", kind="tcp")
                    burst += open_frame(stream, number) + open_frame(stream + 2, 99)
                    stream += 4
                link.send(burst)
                for _ in range(4):
                    # Of what is detached and attached again at once not each has an answer of its own.
                    heard.acquire(timeout=0.1)
                link.send(b"".join(open_frame(stream + 2 * n, n) for n in range(4)))
                stream += 8

    def read(link):
        with contextlib.suppress(Closed, OSError):
            while True:
                kind, _, payload = link.read_frame()
                if kind == CONTROL and b'"attached"' in payload:
                    heard.release()

    with counted() as (port, came), contextlib.ExitStack() as stack:
        node.provider("redis", "tcp://127.0.0.1:%d" % port, owner, "--visibility=web", "--auto-approve=web")
        link = stack.enter_context(up(node, web))
        assert attached(link, 99, "redis")["usable"]
        threads = [threading.Thread(target=f, args=(link,), daemon=True) for f in (meddle, read)]
        for t in threads:
            t.start()
        wait_until(lambda: len(came) > 20, "streams that may")
        for _ in range(5):
            name = node.endpoint("web")["name"]
            node.ok("endpoint", "reject", name)
            assert node.endpoint("web")["properties"]["streams"] == 0
            before = len(came)
            node.ok("endpoint", "approve", name)
            wait_until(lambda n=before: len(came) > n, "streams that may again")
        over.set()
