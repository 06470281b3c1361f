"""Fixtures of the end-to-end tests; the helpers themselves are in harness/."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import programs, upstream  # noqa: E402
from harness.certs import CA  # noqa: E402
from harness.mitm import Mitm  # noqa: E402
from harness.public import port_of  # noqa: E402
from harness.stage import Stage  # noqa: E402
from harness.visitor import Visitor, split  # noqa: E402
from harness.wait import wait_until  # noqa: E402

# A test that hangs is a failure with a traceback, not a suite that never ends.
TEST_SECONDS = 120 if os.environ.get("TUNNEL_SANITIZED") == "1" else 60


def pytest_configure(config):
    if not os.access(programs.TUNNEL, os.X_OK):
        pytest.exit("there is no program %s: build it, or name it in TUNNEL_BIN"
                    % programs.TUNNEL, 2)
    config.addinivalue_line("markers", "slow: takes minutes; run with -m slow")
    config.addinivalue_line("markers", "root: needs root (network namespaces)")


def pytest_collection_modifyitems(config, items):
    if not config.option.markexpr:
        items[:] = [i for i in items if "slow" not in i.keywords]
    if os.geteuid() != 0:
        for item in items:
            if "root" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs root"))


class Late(BaseException):
    """No TimeoutError: that is an OSError, which tests of hostile peers expect and catch."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def late(*_):
        raise Late("the test took more than %d s" % seconds)
    if threading.current_thread() is not threading.main_thread():
        # Now and then a worker of xdist is given a thread of its own, which no signal reaches.
        yield
        return
    seconds = 1800 if "slow" in item.keywords else TEST_SECONDS
    old = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "stage" in getattr(item, "funcargs", {}):
        for name, text in item.funcargs["stage"].logs():
            report.sections.append(("log of " + name, text))


@pytest.fixture
def stage():
    # Short, as a UNIX socket's path must fit into 108 bytes.
    with tempfile.TemporaryDirectory(prefix="tunnel-e2e-", ignore_cleanup_errors=True) as path:
        s = Stage(path)
        try:
            yield s
        finally:
            wrong = s.close()
        assert not wrong, "\n".join(wrong)


class Tunnel:
    """Starts the usual things in one line each, on the stage of this test."""

    TOKEN = programs.TOKEN

    def __init__(self, stage):
        self.stage = stage
        self.path = stage.path
        self.env = stage.env

    def server(self, *options, start=True, **kwargs):
        s = self.stage.add(programs.Server(self.stage, *options, **kwargs))
        return s.start() if start else s

    def client(self, remote, upstream, *options, wait=True, start=True, services=None, **kwargs):
        """A client, up when this returns: when as many services are published as upstreams are
        given, or as `services` says where one stands for several."""
        url = upstream if isinstance(upstream, (str, list)) else upstream.url
        c = self.stage.add(programs.Client(self.stage, remote, url, *options, **kwargs))
        if start:
            c.start()
            if wait:
                n = services or sum(len(u.split(","))
                                    for u in ([url] if isinstance(url, str) else url))

                def up():
                    assert c.alive(), "%s ended: %s" % (c.name, c.log()[-500:])
                    return c.log().count(PUBLISHED) >= n
                wait_until(up, "%s to be up" % c.name)
        return c

    def upstream(self, script=None, **kwargs):
        if isinstance(script, (bytes, str)):
            script = upstream.always(script.encode() if isinstance(script, str) else script)
        return self.stage.add(upstream.Upstream(script, **kwargs))

    def nginx(self, locations, **kwargs):
        return self.stage.add(programs.Nginx(self.stage, locations, **kwargs)).start()

    def apache(self, cert=None):
        return self.stage.add(programs.Apache(self.stage, cert)).start()

    def haproxy(self, target, send_proxy, **kwargs):
        return self.stage.add(programs.Haproxy(self.stage, target, send_proxy, **kwargs)).start()

    def ca(self, name="Test CA"):
        return CA(self.path, name)

    def mitm(self, target, change=None):
        return self.stage.add(Mitm(split(target.address), change))

    def visitor(self, server):
        v = Visitor(server if isinstance(server, str) else server.address)
        self.stage.add(Closing(v))
        return v

    def through(self, script=None, server_options=(), client_options=()):
        """(server, client, upstream): the whole way, for tests that look at one thing on it."""
        u = self.upstream(script)
        s = self.server(*server_options)
        c = self.client(s, u, *client_options)
        return s, c, u

    def run(self, *argv, **kwargs):
        kwargs.setdefault("env", self.env)
        return programs.run([programs.TUNNEL] + list(argv), **kwargs)

    def curl(self, url, *options, check=True, timeout=60):
        """curl's standard output as bytes."""
        p = subprocess.run(["curl", "-sS", "--noproxy", "*", "--max-time", str(timeout), *options,
                            url], env=self.env, capture_output=True, timeout=timeout + 5)
        if check:
            assert p.returncode == 0, p.stderr.decode()
        return p.stdout


# What the client's log says of each upstream once visitors reach it.
PUBLISHED = " is published at "


class Closing:
    def __init__(self, visitor):
        self.visitor = visitor

    def stop(self):
        self.visitor.close()


@pytest.fixture
def tunnel(stage):
    return Tunnel(stage)


class Way:
    """From a visitor to an upstream, with nothing between them or the whole tunnel: whatever a test
    says of connections has to hold for both, so the direct way proves the test and the other one
    the tunnel."""

    def __init__(self, tunnel, direct):
        self.tunnel = tunnel
        self.direct = direct
        self.client = None

    def __call__(self, upstream, *options, scheme="tcp"):
        """(host, port) at which that upstream is reached."""
        if self.direct:
            return split(upstream.address)
        self.server = self.tunnel.server()
        self.client = self.tunnel.client(
            self.server, "0=%s://%s" % (scheme, upstream.address), *options)
        return "127.0.0.1", port_of(self.client)

    def visitor(self, upstream, *options):
        v = Visitor(self(upstream, *options))
        self.tunnel.stage.add(Closing(v))
        return v


@pytest.fixture(params=["direct", "tunnel"])
def way(request, tunnel):
    return Way(tunnel, request.param == "direct")


@pytest.fixture(scope="session")
def source_root():
    return pathlib.Path(__file__).resolve().parents[2]
