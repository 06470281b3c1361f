# SPDX-License-Identifier: MIT
"""A long path: the tool that makes one, and what the tunnel reaches across it.

The quick tests show that tests/wan does what it says, each by what really arrives, and that a link
works over it. The measurements take minutes and want the machine for themselves: scripts/long-path.
"""

import os
import statistics
import subprocess

import pytest

from harness import programs, wan

pytestmark = pytest.mark.root


@pytest.fixture
def path(stage):
    if wan.missing():
        pytest.skip(wan.missing())
    try:
        p = stage.add(wan.Path(stage))
        # What is missing shows only when the devices are made.
        p.open()
        p.close()
    except wan.NotHere as e:
        pytest.skip(str(e))
    return p


class Ends:
    """A link across the path, the upstream's port and the address that a visitor asks."""

    def __init__(self, path, port, *client_options, n_links=1):
        self.path = path
        server = programs.Server(path.stage, "--access-log=off", bind="0.0.0.0")
        server.argv = path.inside(path.a, *server.argv)
        path.stage.add(server).start()
        client = programs.Client(path.stage, "%s:%d" % (wan.ADDRESS_A, server.port),
                                 "http://127.0.0.1:%d" % port, *client_options)
        client.argv = path.inside(path.b, *client.argv)
        path.stage.add(client).start()
        client.log_contains(" is published at ")
        # A connection is no link yet: on this path its handshake takes half a second.
        server.wait_links(n_links)
        self.server, self.client, self.address = server, client, server.address

    def stop(self):
        self.client.stop()
        self.server.stop()


# The tool


TRIES = 5  # the tool runs when the machine lets it: it can be late, but not five times


def test_the_path_delays(path):
    path.open(rate=100_000_000, delay="10,40")
    for _ in range(TRIES):
        # Fewer than arrive before the last is sent, so that each is read when it comes.
        came, _ = path.burst(30, pause=0.001)
        assert [i for i, _, _ in came] == list(range(30))
        assert min(took for _, took, _ in came) >= 0.040
        usual = statistics.median(took for _, took, _ in came)
        if usual < 0.046:
            break
    assert usual < 0.046


def test_the_path_has_a_rate_and_a_queue(path):
    """A burst of 200: the queue takes 100, and what the line sends in between."""
    for _ in range(TRIES):
        path.open(rate=20_000_000, delay=20, queue=150_000)
        came, sending = path.burst(200)
        fit = 100 + sending * 20e6 / 8 / 1500
        assert len(came) <= min(fit + 3, 200)
        # Nothing can come early.
        rate = len(came) * 1500 * 8 / (came[-1][2] - 0.020)
        assert rate < 20.2e6
        counts = path.close()["b-to-a"]
        assert counts["packets"] == len(came) and counts["dropped"] == 200 - len(came)
        if len(came) >= fit - 3 and rate > 15e6:
            break
    assert len(came) >= fit - 3
    assert rate > 15e6, "the line was idle"


def test_the_path_loses_by_its_seed(path):
    def lost(seed):
        path.open(rate=100_000_000, queue=10_000_000, delay=5, loss=10, seed=seed)
        came = {i for i, _, _ in path.burst(1000)[0]}
        assert path.close()["b-to-a"]["lost"] == 1000 - len(came)
        return [i for i in range(1000) if i not in came]
    first = lost(1)
    assert 60 < len(first) < 140
    assert lost(1) == first
    assert lost(2) != first


def test_the_path_reorders(path):
    path.open(rate=100_000_000, queue=10_000_000, delay=5, reorder=5)
    order = [i for i, _, _ in path.burst(1000)[0]]
    assert sorted(order) == list(range(1000))
    late = sum(order[i] < max(order[:i]) for i in range(1, len(order)))
    assert 20 < late < 90


def test_a_link_over_a_long_path(path):
    path.open(rate=100_000_000, delay=25)
    ends = Ends(path, path.serve())
    for _ in range(TRIES):
        took = path.ask(ends.address, seconds=1)
        # One round trip each and hardly more: neither the link nor the upstream adds one.
        assert min(took) >= 0.050
        if statistics.median(took) < 0.075 and len(took) >= 12:
            break
    assert statistics.median(took) < 0.075
    assert len(took) >= 12


# The measurements


CONGESTION = os.environ.get("TUNNEL_WAN_CONGESTION", "cubic")
ROUNDS = int(os.environ.get("TUNNEL_WAN_ROUNDS", "3"))
LONG = dict(rate=100_000_000, delay=50)
SKIP = 3  # seconds at the start of each run that are not counted: slow start, which both have
SECONDS = 12


def links(n):
    """The client's options for so many links; skips while there are none."""
    if n == 1:
        return []
    p = subprocess.run([programs.TUNNEL, "client", "--help=all"], capture_output=True, text=True)
    if "--links" not in p.stdout + p.stderr:
        pytest.skip("this program has no --links")
    return ["--links=%d" % n]


def say(capsys, text):
    with capsys.disabled():
        print("\n    " + text, end="", flush=True)


def compare(path, capsys, settings, plain, through, n_links=1, seconds=SECONDS):
    """Plain and tunnelled runs in turn, each with connections and a link of its own; the ratio of
    the medians."""
    options = links(n_links)
    say(capsys, "%s %s" % (settings, " ".join(options)))
    port = path.serve()
    sums = {"plain": [], "tunnel": []}
    for turn in range(ROUNDS):
        # Another seed each round, the same one for both.
        run = dict(settings, seed=turn + 1)
        path.open(CONGESTION, **run)
        if turn == 0:
            say(capsys, path.describe())
        mbit = path.fetch("%s:%d" % (wan.ADDRESS_B, port), plain, seconds, SKIP)
        sums["plain"].append(sum(mbit))
        report(capsys, "plain", mbit, path.close())
        path.open(CONGESTION, **run)
        ends = Ends(path, port, *options, n_links=n_links)
        mbit = path.fetch(ends.address, through, seconds, SKIP)
        sums["tunnel"].append(sum(mbit))
        ends.stop()
        report(capsys, "tunnel", mbit, path.close())
    medians = {name: statistics.median(values) for name, values in sums.items()}
    ratio = medians["tunnel"] / medians["plain"]
    say(capsys, "%d plain: %.1f Mbit/s, %d through the tunnel: %.1f Mbit/s, ratio %.2f"
        % (plain, medians["plain"], through, medians["tunnel"], ratio))
    return ratio


def report(capsys, name, mbit, counts):
    c = counts["b-to-a"]
    say(capsys, "%-6s %6.1f Mbit/s (%s), %d packets, %d dropped, %d lost, path late by %.1f ms at"
        " most" % (name, sum(mbit), " ".join("%.1f" % m for m in mbit), c["packets"],
                   c["dropped"], c["lost"], c["late_max_us"] / 1000))


@pytest.mark.slow
@pytest.mark.parametrize("connections", [1, 8])
def test_no_loss(path, capsys, connections):
    assert compare(path, capsys, LONG, connections, connections) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("plain,through,n_links,least",
                         [(1, 1, 1, 0.70), (4, 8, 4, 0.85), (8, 8, 8, 0.80)])
def test_one_percent_lost(path, capsys, plain, through, n_links, least):
    settings = dict(LONG, loss=1)
    assert compare(path, capsys, settings, plain, through, n_links, 20) >= least


@pytest.mark.slow
def test_small_requests_beside_bulk_on_a_slow_line(path, capsys):
    path.open(CONGESTION, rate=2_000_000, delay=50)
    say(capsys, "2 Mbit/s, " + path.describe())
    ends = Ends(path, path.serve())
    path.background(ends.address, skip=SKIP)
    took = path.ask(ends.address, seconds=30)
    p99 = took[len(took) * 99 // 100]
    say(capsys, "%d requests beside one download: median %.0f ms, p99 %.0f ms, slowest %.0f ms"
        % (len(took), statistics.median(took) * 1000, p99 * 1000, took[-1] * 1000))
    assert p99 < 1.0
    # It is said each time a link comes up.
    assert ends.client.log().count(" is published at ") == 1
