# SPDX-License-Identifier: MIT
"""Traces: traceparent passes as it came; with --otlp a collector gets a span of each sampled request."""

import contextlib
import http.server
import json
import re
import signal
import socket
import threading

import pytest

from harness.certs import CA
from harness.metrics import wait_for

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-2] + "00"


class Collector:
    """What OTLP over HTTP is to the exit node: POST /v1/traces with JSON."""

    def __init__(self, status=200, cert=None):
        self.status, self.bodies, self.scheme = status, [], "https" if cert else "http"
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.fields = self.headers
                assert self.path == "/v1/traces" and self.headers["Content-Type"] == "application/json"
                if collector.status == 200:
                    collector.bodies.append(json.loads(body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if cert:
            self.server.socket = cert.server_context().wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (self.scheme, self.server.server_port)

    @property
    def spans(self):
        return [s for b in self.bodies for r in b["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def collector():
    c = Collector()
    yield c
    c.close()


def attributes(span):
    return {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}


def head_of(upstream, path):
    """The fields of the request with that path, as the upstream got them."""
    head = re.search(rb"GET " + re.escape(path.encode()) + rb" HTTP/1.1\r\n(.*?)\r\n\r\n", upstream.received(), re.S)[1]
    return [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]


def values(upstream, path, name):
    return [v for n, v in head_of(upstream, path) if n.lower() == name]


def test_they_pass_as_they_came(tunnel):
    server, _, upstream = tunnel.through()
    fields = ["TraceParent: " + PARENT, "tracestate: a=1", "tracestate: b=2"]
    assert tunnel.visitor(server).get("/x", fields=fields).status == 200
    assert ("TraceParent", PARENT) in head_of(upstream, "/x")
    assert values(upstream, "/x", "tracestate") == ["a=1", "b=2"]
    assert tunnel.visitor(server).get("/none").status == 200
    assert values(upstream, "/none", "traceparent") == []


def test_a_span_is_its_parents_child_and_the_upstreams_parent(tunnel, collector):
    server, _, upstream = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=0",
                                                         "--trace-visitors"])
    v = tunnel.visitor(server)
    assert v.get("/x?q=1", host="app.test", fields=["traceparent: " + PARENT, "tracestate: a=1"]).status == 200
    assert v.get("/unsampled", fields=["traceparent: " + UNSAMPLED]).status == 200
    assert v.get("/alone").status == 200
    assert values(upstream, "/unsampled", "traceparent") == [UNSAMPLED]
    assert values(upstream, "/alone", "traceparent") == []
    sent, = values(upstream, "/x?q=1", "traceparent")
    server.stop()
    span, = collector.spans
    _, trace, parent, _ = PARENT.split("-")
    assert (span["traceId"], span["parentSpanId"]) == (trace, parent)
    assert sent == "00-%s-%s-01" % (trace, span["spanId"]) and span["spanId"] != parent
    assert values(upstream, "/x?q=1", "tracestate") == ["a=1"]
    assert (span["kind"], span["name"], span["status"]) == (2, "GET", {})
    found = attributes(span)
    assert found["http.request.method"] == "GET" and found["server.address"] == "app.test"
    assert found["http.response.status_code"] == "200" and found["network.protocol.version"] == "1.1"
    assert found["http.route"] == "*" and re.fullmatch("[0-9a-f]{16}", found["tunnel.session"])
    times = [int(span["startTimeUnixNano"]), *(int(e["timeUnixNano"]) for e in span["events"]),
             int(span["endTimeUnixNano"])]
    assert times == sorted(times)
    assert [e["name"] for e in span["events"]] == ["routed", "opened", "first byte"]


def test_a_root_where_none_came(tunnel, collector):
    server, _, upstream = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=1"])
    v = tunnel.visitor(server)
    for path, fields in (("/none", []), ("/zero", ["traceparent: 00-%s-%s-01" % ("0" * 32, "1" * 16)]),
                         ("/capitals", ["traceparent: " + PARENT.upper()]),
                         ("/twice", ["traceparent: " + PARENT, "traceparent: " + PARENT])):
        assert v.get(path, fields=fields + ["tracestate: a=1"]).status == 200
        sent, = values(upstream, path, "traceparent")
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", sent) and PARENT.split("-")[1] not in sent
        # What belongs to another trace.
        assert values(upstream, path, "tracestate") == []
    server.stop()
    assert len(collector.spans) == 4 and len({s["traceId"] for s in collector.spans}) == 4
    assert not any("parentSpanId" in s for s in collector.spans)


def test_a_visitor_does_not_decide_what_is_sampled(tunnel, collector):
    """His trace ends at the exit node, which begins one of its own, by the ratio, and refers to his."""
    server, _, upstream = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=0"])
    v = tunnel.visitor(server)
    for path, parent in ("/sampled", PARENT), ("/not", UNSAMPLED):
        assert v.get(path, fields=["traceparent: " + parent, "tracestate: a=1"]).status == 200
        assert values(upstream, path, "traceparent") == values(upstream, path, "tracestate") == []
    server.stop()
    assert collector.spans == []

    server, _, upstream = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=1"])
    v = tunnel.visitor(server)
    assert v.get("/x", fields=["traceparent: " + UNSAMPLED, "tracestate: a=1"]).status == 200
    sent, = values(upstream, "/x", "traceparent")
    assert values(upstream, "/x", "tracestate") == []
    server.stop()
    span, = collector.spans
    _, trace, parent, _ = PARENT.split("-")
    assert span["traceId"] != trace and "parentSpanId" not in span
    assert [(link["traceId"], link["spanId"], link["flags"]) for link in span["links"]] == [(trace, parent, 0)]
    assert sent == "00-%s-%s-01" % (span["traceId"], span["spanId"])


def test_over_tls(tunnel, stage):
    ca = CA(stage.path)
    collector = Collector(cert=ca.issue("127.0.0.1"))
    server, _, _ = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=1",
                                                  "--otlp-ca=%s" % ca.cert])
    v = tunnel.visitor(server)
    # More than a record, and than a batch.
    for _ in range(600):
        assert v.get().status == 200
    server.stop()
    assert len(collector.spans) == 600
    server, _, _ = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=1"])
    assert tunnel.visitor(server).get().status == 200
    server.stop()
    assert "spans cannot be sent to --otlp %s: no CA that is trusted here vouches" % collector.url in server.log()
    assert "before the end and are lost: 1" in server.log()
    assert len(collector.spans) == 600
    collector.close()


def test_fields_for_the_collector(tunnel, stage, collector):
    """A key, from a file that only its owner may read; it is not in the log."""
    key = stage.file("headers", "# of the collector\n\nAuthorization: Bearer s3cr3t\r\nX-Scope-OrgID:   a b\n")
    server, _, _ = tunnel.through(server_options=["--otlp=" + collector.url, "--otlp-ratio=1", "--log-level=debug",
                                                  "--otlp-headers-from=%s" % key])
    assert tunnel.visitor(server).get().status == 200
    server.stop()
    assert len(collector.spans) == 1
    assert (collector.fields["Authorization"], collector.fields["X-Scope-OrgID"]) == ("Bearer s3cr3t", "a b")
    assert "s3cr3t" not in server.log()


@pytest.mark.parametrize("text, sentence", [
    ("Authorization=Bearer s3cr3t\n", "line 1 (Authorization…): a line is NAME: VALUE"),
    ("A: b\n#\nBad Name: s3cr3t\n", "line 3 (…): a field name is malformed"),
    ("content-length: 3\n", "line 1 (content-length…): the exporter writes this field itself"),
    ("A: b\rC: s3cr3t\n", "line 1 (A…): "),
    ("s3cr3t\n", "line 1 (…): a line is NAME: VALUE"),
    (" folded: s3cr3t\n", "line 1 (…): a field is folded"),
    ("A: " + "x" * 8192, "is longer than 8192 bytes"),
])
def test_fields_that_are_none(tunnel, stage, text, sentence):
    """Neither a start nor check-config takes them, and neither shows their values."""
    key = stage.file("headers", text)
    for command in ["server"], ["check-config", "--strict", "server"]:
        status, out, error = tunnel.run(*command, "--otlp=http://c.test", "--otlp-headers-from=%s" % key,
                                        "--state-dir=%s" % stage.path, "--port=0")
        assert status in (1, 2) and sentence in out + error, (out, error)
        assert "--otlp-headers-from: " in out + error and "s3cr3t" not in out + error


def test_fields_that_others_can_read(tunnel, stage):
    key = stage.file("headers", "A: b\n", mode=0o644)
    status, _, error = tunnel.run("server", "--otlp=http://c.test", "--otlp-headers-from=%s" % key,
                                  "--state-dir=%s" % stage.path)
    assert status == 1 and "others can read it (mode 0644): chmod 600 it" in error


def test_a_ca_that_is_not_there(tunnel, stage):
    status, _, error = tunnel.run("server", "--otlp=https://c.test", "--otlp-ca=/none.pem", "--state-dir=%s" % stage.path)
    assert status == 1 and "--otlp-ca: " in error and "/none.pem" in error


def test_the_end_waits_for_nobody(tunnel):
    """A collector that answers a byte a second never fails, and is never done."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as dripping:
        def serve():
            c, _ = dripping.accept()
            c.recv(1 << 20)
            with contextlib.suppress(OSError):
                while not over.wait(1):
                    c.sendall(b"H")
        threading.Thread(target=serve, daemon=True).start()
        url = "http://127.0.0.1:%d" % dripping.getsockname()[1]
        server, _, _ = tunnel.through(server_options=["--otlp=" + url, "--otlp-ratio=1"])
        assert tunnel.visitor(server).get().status == 200
        server.ask(signal.SIGTERM)
        server.process.wait(8)
        over.set()
        assert "spans were not sent to --otlp %s before the end and are lost: 1" % url in server.log()


def test_an_error_is_one(tunnel, collector):
    server = tunnel.server("--otlp=" + collector.url, "--otlp-ratio=1")
    assert tunnel.visitor(server).get("/").status == 503
    server.stop()
    span, = collector.spans
    assert span["status"] == {"code": 2} and "why=" + attributes(span)["error.type"] in server.log()
    assert "http.route" not in attributes(span) and span["events"] == []


def test_a_trusted_proxys_trace_goes_on(tunnel, collector):
    server, _, upstream = tunnel.through(server_options=["--otlp=" + collector.url, "--trusted-proxies=127.0.0.0/8"])
    assert tunnel.visitor(server).get("/x", fields=["traceparent: " + PARENT]).status == 200
    assert len(values(upstream, "/x", "traceparent")) == 1
    server.stop()
    span, = collector.spans
    assert span["spanId"] in values(upstream, "/x", "traceparent")[0]


def test_a_collector_that_is_away_makes_nobody_wait(tunnel):
    away = Collector(status=503)
    server, _, _ = tunnel.through(server_options=["--otlp=" + away.url, "--otlp-ratio=1"])
    v = tunnel.visitor(server)
    for _ in range(600):
        assert v.get().status == 200
    server.log_contains("spans cannot be sent to --otlp %s: it answers 503; they are tried again" % away.url)
    assert v.get().status == 200
    away.status = 200
    server.stop()
    assert len(away.spans) == 601
    away.close()


def test_a_collector_that_refuses(tunnel):
    away = Collector(status=400)
    server, _, _ = tunnel.through(server_options=["--otlp=" + away.url, "--otlp-ratio=1"])
    assert tunnel.visitor(server).get().status == 200
    wait_for(server, "tunnel_spans_dropped_total", 1)
    server.stop()
    assert "it answers 400; these are dropped" in server.log()
    away.close()


@pytest.mark.parametrize("options, sentence", [
    (["--otlp=tcp://c.test"], "OTLP goes over HTTP"), (["--otlp=c.test:4318"], "write http://HOST:4318"),
    (["--otlp=http://c.test/v1/traces"], "has a path"), (["--otlp-ratio=2"], "a number from 0 to 1"),
    (["--otlp-ratio=1%"], "a number from 0 to 1")])
def test_refused(tunnel, options, sentence):
    status, _, error = tunnel.run("server", *options)
    assert status == 2 and sentence in error
