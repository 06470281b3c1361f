# SPDX-License-Identifier: MIT
"""docs/monitoring with Debian's Prometheus: its alerts fire in the situations that they are for, and its rates are
those of the programs that made the load."""

import contextlib
import json
import re
import socket
import subprocess

import pytest
import yaml

from harness.admin import ask
from harness.panel import Panel
from harness.prometheus import SHIPPED, Prometheus
from harness.upstream import response
from harness.visitor import split
from harness.wait import wait_until

# Those below that no situation of these tests makes: promtool's made-up series do.
MADE_UP = {
    "TunnelMemoryNearBudget": {
        "tunnel_memory_used_bytes{instance='a'}": "900", "tunnel_memory_budget_bytes{instance='a'}": "1000"},
    "TunnelLogLinesDropped": {"tunnel_log_lines_dropped_total{instance='a'}": "0+5x20"},
    "TunnelDatagramsDropped": {"tunnel_udp_dropped_total{instance='a',why='late'}": "0+5x20"},
    "TunnelDescriptorsNearLimit": {
        "process_open_fds{instance='a',job='tunnel-server'}": "90", "process_max_fds{instance='a',job='tunnel-server'}": "100"},
    "TunnelEndpointsPending": {"tunnel_endpoints{instance='a',state='pending'}": "2"},
}
REAL = {"TunnelServerDown", "TunnelNoClient", "TunnelClientLost", "TunnelUpstreamFails", "TunnelErrors", "TunnelSlow",
        "TunnelLimitReached", "TunnelHandshakesRefused", "TunnelCertificateEnds"}


@pytest.fixture
def watched(tunnel):
    """Starts a server with a panel and a Prometheus that scrapes it every second."""
    def start(*options):
        server = tunnel.server("--panel=127.0.0.1:0", *options)
        panel = Panel(server, server.state)
        return server, tunnel.stage.add(Prometheus(tunnel.path, [panel.name], panel.token).start())
    return start


def scraped(prometheus, query, at_least):
    return wait_until(lambda: (prometheus.value(query) or 0) >= at_least, "%s to be scraped" % query, 30)


def request(server):
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run(["curl", "-s", "-o", "/dev/null", "http://%s/" % server.address], check=False, timeout=60)


def test_files():
    for command in (["check", "rules", SHIPPED / "alerts.yml"],
                    ["check", "config", "--syntax-only", SHIPPED / "prometheus.yml"]):
        p = subprocess.run(["promtool", *command], capture_output=True, text=True, timeout=30)
        assert p.returncode == 0, p.stdout + p.stderr


def test_every_alert_is_tried():
    rules = yaml.safe_load((SHIPPED / "alerts.yml").read_text())
    names = {r["alert"] for g in rules["groups"] for r in g["rules"]}
    assert names == REAL | set(MADE_UP)
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert set(rule["annotations"]) == {"summary", "action"}, rule["alert"]


def test_dashboard(tunnel):
    """Each metric of its expressions, and of the alerts', is one of a server's."""
    server = tunnel.server(*tunnel.ca().issue("localhost").options())
    text = ask(server, "/metrics").body.decode()
    families = set(re.findall(r"^# TYPE (\S+)", text, re.M))
    board = json.loads((SHIPPED / "dashboard.json").read_text())
    said = [t["expr"] for p in board["panels"] for t in p["targets"]]
    said += [r["expr"] for g in yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"] for r in g["rules"]]
    names = {n for e in said for n in re.findall(r"\b(?:tunnel|process)_\w+", e)}
    assert len(names) > 20
    assert {re.sub(r"_bucket$", "", n) for n in names} <= families


def test_dashboard_is_answered(tunnel, watched):
    """What each of its panels asks for is there, once somebody came."""
    server, prometheus = watched(*tunnel.ca().issue("localhost").options())
    tunnel.client(server, tunnel.upstream(response(b"hello")))
    scraped(prometheus, "tunnel_sessions", 1)

    def rate():
        request(server)
        return prometheus.value("sum(rate(tunnel_http_requests_total{route='*'}[5s]))")
    wait_until(rate, "requests to be seen", 30)
    board = json.loads((SHIPPED / "dashboard.json").read_text())
    empty = [target["expr"] for panel in board["panels"] for target in panel["targets"]
             if not prometheus.ask("query", query=target["expr"].replace("$instance", ".*").replace(
                 "$__rate_interval", "10s"))["result"]]
    # Nobody came to a port or to a private service, and nothing was refused.
    assert [e for e in empty if "> 0" not in e and not re.search("tunnel_(tcp|udp|private)_", e)] == []
    assert len(empty) == 5


@pytest.mark.parametrize("alert", MADE_UP)
def test_made_up(tunnel, alert):
    series = [{"series": s, "values": v if "x" in v else v + "x30"} for s, v in MADE_UP[alert].items()]
    for s in series:
        s["values"] = re.sub(r"^(\d+)x", r"\1+0x", s["values"])
    test = {"rule_files": [str(SHIPPED / "alerts.yml")], "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [
                {"expr": 'count(ALERTS{alertname="%s", alertstate="firing"})' % alert, "eval_time": "15m",
                 "exp_samples": [{"labels": "{}", "value": 1}]}]}]}
    path = tunnel.path / "test.yml"
    path.write_text(yaml.safe_dump(test))
    p = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stdout + p.stderr


def test_clients(tunnel, watched):
    """No client; then one that is lost; and the server itself is gone."""
    server, prometheus = watched()
    prometheus.fires("TunnelNoClient")
    client = tunnel.client(server, tunnel.upstream(response(b"")))
    scraped(prometheus, "tunnel_sessions", 1)
    wait_until(lambda: "TunnelNoClient" not in prometheus.firing(), "the alert to end", 30)
    client.process.kill()
    client.expected_status = {-9}
    client.process.wait()
    prometheus.fires("TunnelClientLost")
    server.stop()
    prometheus.fires("TunnelServerDown")


def test_guests(tunnel, watched):
    """Clients with a token that nobody gave them."""
    server, prometheus = watched()
    scraped(prometheus, 'tunnel_handshakes_total{result="refused"} + 1', 1)
    for _ in range(8):
        guest = tunnel.client(server, "http://127.0.0.1:9", token="f" * 40, wait=False)
        guest.expected_status = {0, 1, 3, 4, 77}
    prometheus.fires("TunnelHandshakesRefused")


def test_upstreams(tunnel, watched):
    """One that answers with errors, takes its time, and then is gone."""
    def answers(conn):
        while conn.read_request():
            conn.pause(2.6)
            conn.send(response(b"", "500 Internal Server Error"))
    upstream = tunnel.upstream(answers)
    server, prometheus = watched()
    tunnel.client(server, upstream)
    request(server)
    scraped(prometheus, 'tunnel_http_requests_total{route="*",code="5xx"}', 1)
    request(server)
    prometheus.fires("TunnelErrors")
    prometheus.fires("TunnelSlow")
    assert "TunnelUpstreamFails" not in prometheus.firing()
    upstream.stop()
    request(server)
    assert prometheus.fires("TunnelUpstreamFails")["labels"]["why"] in ("refused", "died")


def test_limit_and_certificate(tunnel, watched):
    cert = tunnel.ca().issue("localhost", "127.0.0.1", days=3)
    server, prometheus = watched("--max-visitors-per-address=2", "--panel-insecure", *cert.options())
    assert prometheus.fires("TunnelCertificateEnds")["labels"]["certificate"]
    assert "TunnelLimitReached" not in prometheus.firing()
    scraped(prometheus, 'tunnel_limit_reached_total{limit="max-visitors-per-address"} + 1', 1)
    crowd = [socket.create_connection(split(server.address)) for _ in range(4)]
    assert prometheus.fires("TunnelLimitReached")["labels"]["limit"] == "max-visitors-per-address"
    for s in crowd:
        s.close()
