#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What bench/run measured, as Markdown: tables, who could not, and the numbers to reach.

    bench/report.py FILE.json       prints the body of RESULTS.md
"""
import json
import statistics
import sys

import contenders
import figures
import private

OURS = "tunnel"
PEERS = [c.name for c in contenders.everybody(None)
         if c.tunnel and not isinstance(c, contenders.Tunnel)]
CONSUMERS = [c.name for c in private.everybody(None) if isinstance(c, private.Private)
             and not isinstance(c, contenders.Tunnel)]
ENCRYPTED = [c.name for c in contenders.everybody(None) if c.encrypted and c.name in PEERS]


def less_is_better(metric):
    return metric.split()[-1] in figures.LESS


def number(value):
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def cell(values):
    middle = number(statistics.median(values))
    if len(values) == 1:
        return middle
    return f"{middle} ({number(min(values))} to {number(max(values))})"


def figure(results, name):
    """A table: contenders down, metrics across; medians, with the spread of the rounds."""
    metrics = results["figures"].get(name, {})
    names = []
    for values in metrics.values():
        names += [c for c in values if c not in names]
    if not names:
        return ""
    lines = ["| | " + " | ".join(metrics) + " |", "|---" * (len(metrics) + 1) + "|"]
    for c in names:
        cells = [cell(values[c]) if c in values else "" for values in metrics.values()]
        lines.append(f"| {c} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def failures(results):
    """Who was not measured, and why; those with the same reason together."""
    reasons = {}
    for name, contender, why in results["failed"]:
        reasons.setdefault((name, why), []).append(contender)
    said = [f"* {name}: {', '.join(who)}: {why}" for (name, why), who in reasons.items()]
    return "Not measured:\n\n" + "\n".join(said) + "\n" if said else ""


class Judge:
    """The numbers to reach, as far as this run has what they need."""

    def __init__(self, results):
        self.figures, self.rows = results["figures"], []
        self.there = results["contenders"]

    def value(self, name, metric, contender):
        values = self.figures.get(name, {}).get(metric, {}).get(contender)
        return statistics.median(values) if values else None

    def best(self, name, metric, contenders):
        pick = min if less_is_better(metric) else max
        found = [(v, c) for c in contenders
                 if (v := self.value(name, metric, c)) is not None]
        return pick(found) if found else (None, None)

    def absent(self, what, name, metric, ours, asked, value):
        """What was to be measured and could not is a number that was not reached."""
        if value is None and name in self.figures and ours in self.there:
            self.rows.append((what, f"{metric}, {ours}", asked, "not measured", False))
        return value is None

    def ratio(self, what, name, metric, ours, others, least=None, most=None):
        mine = self.value(name, metric, ours)
        theirs, who = self.best(name, metric, others)
        asked = f"{least} x" if least else f"at most {most} x"
        if self.absent(what, name, metric, ours, asked, mine) or not theirs:
            return
        got = mine / theirs
        good = got >= least if least else got <= most
        self.rows.append((what, f"{metric}, {ours} / {who}", asked, f"{got:.2f} x", good))

    def most(self, what, name, metric, contender, most):
        got = self.value(name, metric, contender)
        if not self.absent(what, name, metric, contender, f"at most {most}", got):
            self.rows.append((what, f"{metric}, {contender}", f"at most {most}", number(got),
                              got <= most))

    def judge(self):
        plain = "tunnel --no-seal"
        for way in "up", "down":
            m = f"{way}, 1 stream Gbit/s"
            self.ratio("bulk, plain", "bulk", m, plain, ["HAProxy x2 TCP"], 1.15)
            self.ratio("bulk, plain", "bulk", m, plain, PEERS, 1.3)
            for ours in OURS, "tunnel wss":
                self.ratio("bulk, encrypted", "bulk", m, ours, ["ssh -R"], 1.3)
                self.ratio("bulk, encrypted", "bulk", m, ours, ENCRYPTED, 1.3)
        for name, relay in ("requests", "HTTP"), ("requests-tcp", "TCP"):
            self.ratio(name, name, "64 conns /s", OURS, [f"HAProxy x2 {relay}"], 1.4)
            if name == "requests":
                self.ratio(name, name, "512 conns /s", OURS, [f"HAProxy x2 {relay}"], 1.6)
            for n in 64, 512:
                self.ratio(f"{name}, tunnels", name, f"{n} conns /s", OURS, PEERS, 1.5)
                self.ratio(f"{name}, tunnels", name, f"{n} conns p99 us", OURS, PEERS, most=1.0)
            self.ratio(f"{name}, tunnels", name, "64 conns, close /s", OURS, PEERS, 1.5)
        self.ratio("latency", "requests", "1 conns p50 us", OURS, ["HAProxy x2 HTTP"], most=1.1)
        self.ratio("latency", "requests-tcp", "1 conns p50 us", OURS, ["HAProxy x2 TCP"], most=1.1)
        for side in "server", "client":
            m = f"{side} idle MiB"
            self.most("memory", "memory", m, OURS, 9)
            self.most("memory", "memory", f"{side} idle, anonymous MiB", OURS, 2.5)
            self.ratio("memory", "memory", m, OURS, PEERS, most=1.0)
            for kind in "tcp", "http":
                self.most("memory", "memory", f"{side} for each idle {kind} KiB", OURS, 2)
        self.most("memory", "memory-tls", "server for each idle HTTPS KiB", OURS, 24)
        self.most("memory", "sessions", "server for 100 idle sessions MiB", OURS, 4)
        self.ratio("long path", "long-path", "then Mbit/s", OURS, ["direct"], 0.9)
        self.most("recovery", "recovery", "ms", OURS, 500)
        for kind, few, many in (("streams", 10, (1000, 10000)), ("routes", 10, (1000, 10000)),
                                ("sessions", 10, (100,))):
            for n in many:
                for what in "requests /s", "bulk Gbit/s":
                    self.scale(f"{few} {kind}, {what}", f"{n} {kind}, {what}")
        self.private()
        return self.rows

    def private(self):
        """Beside the peers, and beside a public port, which has one stream where these have two."""
        public, end_to_end = "tunnel public", "tunnel --end-to-end"
        bulk, requests = "private-bulk", "private-requests"
        for way in "up", "down":
            m = f"{way}, 1 stream Gbit/s"
            self.ratio("private, bulk", bulk, m, OURS, CONSUMERS, 1.3)
            self.ratio("private, bulk", bulk, m, end_to_end, [OURS], 0.7)
        for m in "64 conns /s", "64 conns, close /s":
            self.ratio("private, requests", requests, m, OURS, CONSUMERS, 1.3)
        self.ratio("private, exit node", bulk, "server s/GB", OURS, [public], most=1.8)
        self.ratio("private, exit node", requests, "server s/100k", OURS, [public], most=1.8)

    def scale(self, few, many):
        a, b = self.value("scale", few, OURS), self.value("scale", many, OURS)
        if a and b:
            self.rows.append(("scale", f"{many} / {few.split(',')[0]}", "0.95 x", f"{b / a:.2f} x",
                              b / a >= 0.95))


def targets(results):
    rows = Judge(results).judge()
    if not rows:
        return ""
    lines = ["| what | figure | asked | reached | |", "|---|---|---|---|---|"]
    lines += [f"| {what} | {text} | {asked} | {got} | {'yes' if good else '**no**'} |"
              for what, text, asked, got, good in rows]
    return "\n".join(lines) + "\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        results = json.load(f)
    m = results["machine"]
    print(f"{results['date']}; {m['processor']}, {m['cores']} cores, {m['memory']}, Linux "
          f"{m['kernel']}. Versions: " +
          ", ".join(f"{k} {v}" for k, v in sorted(results["versions"].items())) + ".\n")
    print("## The numbers to reach\n\n" + targets(results))
    for name in results["figures"]:
        table = figure(results, name)
        if table:
            print(f"## {figures.TABLE[name][1]}\n\n{table}")
    print("## The rest\n\n" + failures(results))


if __name__ == "__main__":
    main()
