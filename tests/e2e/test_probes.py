# SPDX-License-Identifier: MIT
"""Probes (--probe): a client finds out whether its upstream is well, and the exit node uses others if it is not."""

import collections

import pytest

from harness.public import free_ports
from harness.upstream import refused_port, response
from harness.wait import wait_until

HOST = "app.example.org"


class Patient:
    """An upstream that says its name, and how it is at /healthz."""

    def __init__(self, tunnel, name):
        self.name = name
        self.status = "200 OK"
        self.hangs = False
        self.probes = []
        self.upstream = tunnel.upstream(self.script)

    def script(self, conn):
        while (request := conn.read_request()) is not None:
            head = request[0] if isinstance(request[0], bytes) else request[0].encode()
            if b" /healthz " not in head:
                conn.send(response(self.name))
                continue
            self.probes.append(head)
            if self.hangs:
                return conn.read_request()
            conn.send(response("x", status=self.status))


def client(tunnel, server, patient, *options):
    return tunnel.client(server, "%s=%s" % (HOST, patient.upstream.url), "--origin=%s" % patient.name,
                         "--probe=/healthz", "--probe-every=1s", *options)


def two(tunnel, *options):
    server = tunnel.server(*options)
    patients = [Patient(tunnel, name) for name in ("blue", "green")]
    clients = [client(tunnel, server, p) for p in patients]
    return server, patients, clients


def answers(tunnel, server, n=20):
    def one():
        with tunnel.visitor(server) as v:
            return v.get(host=HOST).body.decode()
    return set(collections.Counter(one() for _ in range(n)))


def test_one_that_fails_its_probe_is_passed_by(tunnel):
    server, (blue, green), (one, _) = two(tunnel)
    wait_until(lambda: blue.probes and green.probes, "the first probes")
    assert b"Host: " + HOST.encode() in blue.probes[0] and b"User-Agent: tunnel-probe\r\n" in blue.probes[0]
    assert answers(tunnel, server) == {"blue", "green"}
    blue.status = "503 Service Unavailable"
    wait_until(lambda: answers(tunnel, server) == {"green"}, "blue is passed by")
    one.log_contains("answers its probe with 503: the exit node uses others")
    server.log_contains("fails its probe: others are used if there are any")
    # All unhealthy: all are used.
    green.status = "500 Oops"
    wait_until(lambda: answers(tunnel, server) == {"blue", "green"}, "all are used")
    blue.status = "204 No Content"
    wait_until(lambda: answers(tunnel, server) == {"blue"}, "blue is well again")
    one.log_contains("passes its probe again")
    green.status = "302 Found"
    wait_until(lambda: answers(tunnel, server) == {"blue", "green"}, "both are well")


def test_one_that_hangs(tunnel):
    server = tunnel.server()
    blue, green = Patient(tunnel, "blue"), Patient(tunnel, "green")
    blue.hangs = True
    one, _ = client(tunnel, server, blue), client(tunnel, server, green)
    wait_until(lambda: answers(tunnel, server, 8) == {"green"}, "blue is passed by")
    one.log_contains("has not answered its probe in 3 s")


def test_a_new_session_is_told(tunnel):
    """The first sample counts at once; and what the exit node was told, another one does not know."""
    server = tunnel.server("--workers=2")
    blue, green = Patient(tunnel, "blue"), Patient(tunnel, "green")
    blue.status = "500 Oops"
    client(tunnel, server, blue)
    client(tunnel, server, green)
    wait_until(lambda: answers(tunnel, server) == {"green"}, "blue is passed by")
    server.stop()
    server.start()
    wait_until(lambda: server.log().count("publishes %s from" % HOST) == 4, "both are back")
    wait_until(lambda: answers(tunnel, server) == {"green"}, "the next one knows as well")


def test_what_is_expected(tunnel):
    server = tunnel.server()
    blue, green = Patient(tunnel, "blue"), Patient(tunnel, "green")
    green.status = "418 Teapot"
    client(tunnel, server, blue, "--probe-expect=201,400-499")
    client(tunnel, server, green, "--probe-expect=201,400-499")
    wait_until(lambda: answers(tunnel, server) == {"green"}, "blue is passed by")


def test_tcp_is_connected_to(tunnel):
    port, = free_ports(1)
    server = tunnel.server()
    patient = Patient(tunnel, "blue")
    hold, closed = refused_port()
    tunnel.client(server, "%d=tcp://127.0.0.1:%d" % (port, patient.upstream.port), "--probe=connect", "--origin=a")
    other = tunnel.client(server, "%d=tcp://127.0.0.1:%d" % (port, closed), "--probe=connect", "--origin=b")
    other.log_contains("cannot be probed: connection refused by 127.0.0.1:%d" % closed)
    server.log_contains("fails its probe")
    for _ in range(10):
        with tunnel.visitor("127.0.0.1:%d" % port) as v:
            assert v.get(host=HOST).body == b"blue"


@pytest.mark.parametrize("options, sentence", [
    (["--probe=healthz"], "--probe takes a path"),
    (["--probe=connect", "--probe-expect=200"], "--probe-expect is for a probe that asks for a path"),
    (["--probe-expect=200"], "--probe-expect is for a probe"),
    (["--probe=/x", "--probe-expect=99"], "--probe-expect takes statuses of HTTP"),
    (["--probe=/x", "--probe-every=10m"], "is out of range"),
])
def test_what_makes_no_sense(tunnel, options, sentence):
    status, _, err = tunnel.run("check-config", "client", "--remote=127.0.0.1", "--upstream=http://127.0.0.1:1", *options)
    assert status and sentence in err
