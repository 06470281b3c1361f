# SPDX-License-Identifier: MIT
"""Debian's Prometheus as a child: it scrapes a panel and evaluates the shipped rules, every second instead of every
quarter of a minute, and with `for:` of none. All else of the files is as shipped."""

import json
import pathlib
import re
import subprocess
import urllib.parse
import urllib.request

from harness.public import free_port
from harness.wait import wait_until

SHIPPED = pathlib.Path(__file__).parents[3] / "docs" / "monitoring"


class Prometheus:
    def __init__(self, folder, targets, token):
        self.folder = folder / "prometheus"
        self.folder.mkdir()
        rules = (SHIPPED / "alerts.yml").read_text()
        (self.folder / "alerts.yml").write_text(re.sub(r"^ +for: .*\n", "", rules, flags=re.M))
        (self.folder / "token").write_text(token)
        text = (SHIPPED / "prometheus.yml").read_text()
        text = text.replace("15s", "1s").replace("scheme: https", "scheme: http")
        text = text.replace("/etc/prometheus/tunnel-panel-token", str(self.folder / "token"))
        text = text.replace("'exit.example.org:9443'", ", ".join("'%s'" % t for t in targets))
        (self.folder / "prometheus.yml").write_text(text)

    def start(self):
        self.address = "127.0.0.1:%d" % free_port()
        self.out = (self.folder / "log").open("wb")
        self.process = subprocess.Popen(
            ["prometheus", "--config.file=%s" % (self.folder / "prometheus.yml"),
             "--storage.tsdb.path=%s" % (self.folder / "data"), "--web.listen-address=" + self.address],
            stdout=self.out, stderr=subprocess.STDOUT)
        wait_until(self.is_ready, "Prometheus to be ready", 60)
        return self

    def is_ready(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return urllib.request.urlopen("http://%s/-/ready" % self.address, timeout=5).status == 200
        except OSError:
            return False

    def ask(self, path, **query):
        url = "http://%s/api/v1/%s?%s" % (self.address, path, urllib.parse.urlencode(query))
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query):
        """Of an expression with one result; None: it has none."""
        result = self.ask("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None

    def firing(self):
        return {a["labels"]["alertname"]: a for a in self.ask("alerts")["alerts"] if a["state"] == "firing"}

    def fires(self, name):
        """The alert, once it fires."""
        return wait_until(lambda: self.firing().get(name), "the alert %s to fire" % name, 60)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.out.close()

    def log(self):
        return (self.folder / "log").read_text()
