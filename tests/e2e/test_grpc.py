# SPDX-License-Identifier: MIT
"""gRPC through the tunnel, as its own programs speak it: the official interop client and server, and ghz."""

import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from harness.http2 import CACHE
from harness.public import free_port
from harness.wait import wait_until

PROGRAMS = CACHE.parent / "tunnel-grpc"
CLIENT, SERVER, GHZ = (PROGRAMS / name for name in ("interop-client", "interop-server", "ghz"))
PROTO = pathlib.Path(__file__).parent / "grpc.proto"
UNAVAILABLE, OK = "Unavailable", "OK"

CASES = ["empty_unary", "large_unary", "client_streaming", "server_streaming", "ping_pong", "cancel_after_begin",
         "cancel_after_first_response", "timeout_on_sleeping_server", "status_code_and_message", "special_status_message",
         "unimplemented_method"]

pytestmark = pytest.mark.skipif(not GHZ.exists(), reason="gRPC's programs are not there: scripts/check builds them")


def grpc_server(tunnel, *options):
    port = free_port()
    server = tunnel.stage.daemon("interop-server", [SERVER, "--port=%d" % port, *options])
    server.expected_status.add(-signal.SIGTERM)
    wait_until(lambda: b"%d" % port in subprocess.run(["ss", "-tlnH"], capture_output=True, check=True).stdout,
               "the interop server to listen")
    return port


@pytest.fixture(params=["plain", "tls"])
def way(request, tunnel, ca):
    """Options of a client, for the way there: TLS at both ends, or at neither."""
    issued = ca.issue("127.0.0.1", "localhost")
    if request.param == "plain":
        port = grpc_server(tunnel)
        server = tunnel.server("--workers=4")
        tunnel.client(server, "h2c://127.0.0.1:%d" % port, "--links=2")
        return ["--use_tls=false", "--server_port=%d" % server.port]
    port = grpc_server(tunnel, "--use_tls", "--tls_cert_file=%s" % issued.cert, "--tls_key_file=%s" % issued.key)
    server = tunnel.server("--workers=4", *issued.options())
    tunnel.client(server, "h2://127.0.0.1:%d" % port, "--upstream-ca=%s" % ca.cert, "--links=2")
    return ["--use_tls", "--use_test_ca", "--ca_file=%s" % ca.cert, "--server_host_override=localhost",
            "--server_port=%d" % server.port]


def test_interop(way):
    """All of the cases, one after the other, so that connections to the upstream are kept between them."""
    failed = {}
    for case in CASES:
        p = subprocess.run([CLIENT, "--server_host=127.0.0.1", "--test_case=" + case, *way],
                           env={**os.environ, "GRPC_GO_LOG_SEVERITY_LEVEL": "info"}, capture_output=True, text=True, timeout=50)
        if p.returncode or " done" not in p.stderr:
            failed[case] = p.stderr
    assert not failed, failed


def ghz(server, seconds, *options):
    p = subprocess.run([GHZ, "--insecure", "--call", "grpc.testing.TestService/UnaryCall", "--proto", PROTO,
                        "-d", json.dumps({"response_size": 1000, "payload": {"body": "aGVsbG8="}}), "-c", "16", "-z",
                        "%ds" % seconds, "-O", "json", *options, "127.0.0.1:%d" % server.port],
                       capture_output=True, text=True, timeout=seconds + 40)
    assert p.returncode == 0, p.stderr
    return json.loads(p.stdout)


def check_killed(tunnel, seconds, every):
    """Calls while the links die, one after the other: what was under way is unavailable at the worst."""
    port = grpc_server(tunnel)
    server = tunnel.server("--workers=2")
    mitm = tunnel.mitm(server)
    tunnel.client(mitm.address, "h2c://127.0.0.1:%d" % port, "--links=2")
    over, killed = threading.Event(), []

    def kill():
        while not over.wait(every):
            live = [pair for pair in mitm.pairs if pair.open]
            if live:
                live[len(killed) % len(live)].close(reset=True)
                killed.append(1)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        report = ghz(server, seconds)
    finally:
        over.set()
        killer.join()
    statuses = report["statusCodeDistribution"]
    assert killed and statuses[OK] > 100 * seconds, statuses
    # The calls that ghz itself gives up at its end are "transport is closing", or its own client's "is closing".
    ends = {e: n for e, n in report["errorDistribution"].items() if "client connection is closing" in e}
    assert statuses.get("Canceled", 0) == sum(ends.values()), (statuses, report["errorDistribution"])
    assert set(statuses) <= {OK, UNAVAILABLE, "Canceled"}, (statuses, report["errorDistribution"])
    assert statuses.get(UNAVAILABLE, 0) <= 16 * (len(killed) + 1), (statuses, len(killed))


def test_links_die(tunnel):
    check_killed(tunnel, 6, 0.7)


@pytest.mark.slow
def test_links_die_for_a_minute(tunnel):
    """Each link lives for longer than those after which its client takes its time to come back."""
    check_killed(tunnel, 60, 6)
