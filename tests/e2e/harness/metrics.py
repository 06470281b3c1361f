# SPDX-License-Identifier: MIT
"""What a scraper reads: samples by name and labels, and Debian's promtool as the judge of their names."""

import re
import subprocess

from harness.admin import ask
from harness.wait import wait_until

OPEN_METRICS = "application/openmetrics-text"
SAMPLE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics(dict):
    """{(name, labels as sorted pairs): value}"""

    def __init__(self, text):
        super().__init__()
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            name, labels, value = SAMPLE.match(line).groups()
            key = name, tuple(sorted(LABEL.findall(labels or "")))
            assert key not in self, line
            self[key] = float(value)

    def of(self, name, **labels):
        """The sum of those that have these labels, 0 where there is none."""
        wanted = set(labels.items())
        return sum(v for (n, given), v in self.items() if n == name and wanted <= set(given))

    def labels(self, name, label):
        return {dict(given)[label] for n, given in self if n == name}


def scrape(side, target="/metrics"):
    answer = ask(side, target)
    assert answer.status == 200, answer.body
    assert answer.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.body.decode())


def promtool_check(text):
    """What promtool complains of; empty: nothing."""
    p = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
    return (p.stdout + p.stderr).decode().strip() if p.returncode or p.stderr else ""


def wait_for(side, name, value, **labels):
    """The metrics, once the sum of those that have these labels is at least so much."""
    def there():
        m = scrape(side)
        return m if m.of(name, **labels) >= value else None
    return wait_until(there, "%s%s to reach %s" % (name, labels, value))
