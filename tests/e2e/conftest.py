# SPDX-License-Identifier: MIT
"""Fixtures of the end-to-end tests; the helpers themselves are in harness/."""

import os
import signal
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from harness import programs
from harness.stage import open_stage
from harness.tunnel import Tunnel, Way
from harness.wait import SANITIZED

# A test that hangs is a failure with a traceback, not a suite that never ends.
TEST_SECONDS = 120 if SANITIZED else 60


def pytest_configure(config):
    if not os.access(programs.TUNNEL, os.X_OK):
        pytest.exit("there is no program %s: build it, or name it in TUNNEL_BIN"
                    % programs.TUNNEL, 2)
    # What fails in a thread of a test fails the test.
    config.addinivalue_line("filterwarnings",
                            "error::pytest.PytestUnhandledThreadExceptionWarning")
    config.addinivalue_line("markers", "regression: of a bug that was found: fails without its fix")
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
    given = getattr(item, "funcargs", {})
    stages = [given[name] for name in ("stage", "module_stage") if name in given]
    if report.failed:
        for name, text in (log for s in stages for log in s.logs()):
            report.sections.append(("log of " + name, text))


@pytest.fixture
def stage():
    with open_stage() as s:
        yield s


@pytest.fixture
def tunnel(stage):
    return Tunnel(stage)


@pytest.fixture(scope="module")
def module_stage():
    with open_stage() as s:
        yield s


@pytest.fixture(scope="module")
def module_tunnel(module_stage):
    """One for all tests of a module: for tables whose rows look at one exchange each."""
    return Tunnel(module_stage)


@pytest.fixture(params=["direct", "tunnel"])
def way(request, tunnel):
    return Way(tunnel, request.param == "direct")


@pytest.fixture
def bystander(tunnel):
    """(server, client, upstream) whose streams must go on; checked again at the end."""
    s, c, u = tunnel.through("fine")
    steady = tunnel.visitor(s)
    assert steady.get().body == b"fine"
    yield s, c, u
    assert steady.get().body == b"fine", "a bystander's connection was harmed"
    assert tunnel.visitor(s).get().body == b"fine"
    assert s.alive() and c.alive()


@pytest.fixture(params=["1", "4"], ids=["1 worker", "4 workers"])
def node(request, tunnel):
    return tunnel.server("--workers=" + request.param)


@pytest.fixture
def disk(tunnel):
    """Makes one of that size, which ends with the test: disk("64k")."""
    where = tunnel.path / "disk"

    def make(size):
        where.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "none", where]).returncode:
            pytest.skip("mounting needs root")
        return where
    yield make
    if where.is_mount():
        subprocess.run(["umount", "-l", where], check=True)


@pytest.fixture
def ca(tunnel):
    return tunnel.ca()
