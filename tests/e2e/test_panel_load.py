# SPDX-License-Identifier: MIT
"""The panel under everything that it may meet at once: pages that never read, a thousand requests a second, its thread
stopped. Visitors are served, and nothing grows beyond its bounds. What it costs in time is bench/panel's to say."""

import asyncio
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import threading

import pytest

from harness.panel import Panel
from harness.wait import SANITIZED, wait_until

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


@pytest.fixture
def way(tunnel):
    """(server, its panel, a visitor's question): a service is published."""
    server, _, _ = tunnel.through("here", server_options=["--panel=127.0.0.1:0"])
    return server, Panel(server, server.state), lambda: tunnel.curl("http://%s/" % server.address)


def resident(server):
    """KiB."""
    for line in pathlib.Path("/proc/%d/status" % server.pid).read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def thread_of_panel(server):
    for task in pathlib.Path("/proc/%d/task" % server.pid).iterdir():
        if (task / "comm").read_text().strip() == "panel":
            return int(task.name)
    raise AssertionError("there is no thread of the panel")


class Stopped:
    """The panel's thread alone stands still, as under a debugger."""

    def __init__(self, server):
        self.tid = thread_of_panel(server)
        self.libc = ctypes.CDLL(None, use_errno=True)

    def _call(self, request):
        if self.libc.ptrace(request, self.tid, None, None) < 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self._call(PTRACE_SEIZE)
        self._call(PTRACE_INTERRUPT)
        os.waitpid(self.tid, 0x40000000)  # __WALL

    def __exit__(self, *_):
        self._call(PTRACE_DETACH)


@pytest.mark.root
def test_stopped_thread(way):
    """Nobody waits for it: visitors are served while it stands, and operators again when it goes on."""
    server, panel, visit = way
    with Stopped(server), contextlib.ExitStack() as held:
        for _ in range(8):
            s = held.enter_context(panel.socket())
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n" % panel.name.encode())
        for _ in range(20):
            assert visit() == b"here"
    assert panel.ask("/api/v1/info")[0] == 200


def ask_often(panel, ended, counts):
    c = http.client.HTTPConnection(panel.host, panel.port, timeout=20)
    while not ended.is_set():
        c.request("GET", "/api/v1/info", headers={"Authorization": "Bearer " + panel.token})
        r = c.getresponse()
        r.read()
        counts[r.status] = counts.get(r.status, 0) + 1
    c.close()


def test_pages_that_never_read(way):
    """Sixteen that want everything, while requests come: memory has a bound, visitors and operators are served."""
    server, panel, visit = way
    ended, counts = threading.Event(), {}
    askers = [threading.Thread(target=ask_often, args=(panel, ended, counts)) for _ in range(4)]

    async def watch():
        pages = [await panel.live(max_queue=1, read_limit=1024, ping_interval=None) for _ in range(16)]
        for page in pages:
            await page.send(json.dumps({"subscribe": ["tick", "sessions", "services", "requests"]}))
            page.transport.pause_reading()
        loop = asyncio.get_running_loop()
        for asker in askers:
            asker.start()
        before = resident(server)
        for _ in range(200):
            assert await loop.run_in_executor(None, visit) == b"here"
        assert (await loop.run_in_executor(None, lambda: panel.ask("/healthz", token=False)))[0] == 200
        assert SANITIZED or resident(server) - before < 16 * 512  # a sanitizer keeps what was freed
        for page in pages:
            page.transport.abort()
    try:
        asyncio.run(watch())
    finally:
        ended.set()
        for asker in askers:
            asker.join()
    assert counts.get(200, 0) > 100 and not counts.keys() - {200, 503}
    # Their places are free again.
    wait_until(lambda: asyncio.run(greet(panel)), "a page to come in again")


async def greet(panel):
    async with panel.live() as page:
        return json.loads(await page.recv())["t"] == "hello"


def test_ends_with_pages_open(way):
    server, panel, _ = way

    async def watch():
        async with panel.live() as page:
            await page.send(json.dumps({"subscribe": ["sessions"]}))
            await page.recv()
            await asyncio.get_running_loop().run_in_executor(None, server.stop)
    asyncio.run(watch())
    assert server.process.returncode in (0, -signal.SIGTERM)


def system_calls(server):
    """Of the panel's thread: how often it has gone to sleep, which it does behind each turn."""
    status = pathlib.Path("/proc/%d/task/%d/status" % (server.pid, thread_of_panel(server))).read_text()
    return int(status.split("voluntary_ctxt_switches:")[1].split()[0])


def test_nobody_there(way):
    """Without a page and a request its thread sleeps, however many visitors come."""
    server, panel, visit = way
    panel.ask("/api/v1/info")
    wait_until(lambda: "State:\tS" in pathlib.Path("/proc/%d/task/%d/status" % (
        server.pid, thread_of_panel(server))).read_text(), "the panel to be idle")
    before = system_calls(server)
    for _ in range(20):
        assert visit() == b"here"
    assert system_calls(server) - before <= 1
