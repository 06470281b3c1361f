# SPDX-License-Identifier: MIT
"""What is measured of a contender: each figure is a function that returns {metric: number}.

A figure starts the contender itself, with the services that it needs, and ends it. The unit of a
metric stands at the end of its name; where less is better, LESS has its unit.
"""
import contextlib
import os
import pathlib
import signal
import ssl
import sys
import time

import load
import scale
import stage
from contenders import BULK, FIRST_PORT, HTTP, IPERF, TCP, Service, Tunnel

SIDES = "server", "client", "consumer"
LESS = ("us", "ms", "s/GB", "s/100k", "MiB", "KiB")


class Figures:
    """The measurements, with what they have in common: the stage, the pacer, how long."""

    def __init__(self, at, pacer, tests, seconds):
        self.at, self.pacer, self.tests, self.given = at, pacer, tests, seconds

    def seconds(self, usual):
        return self.given or usual

    @contextlib.contextmanager
    def running(self, contender, *services):
        """The contender with these services; its sides, which `direct` has none of."""
        for s in services:
            if s.kind not in contender.kinds:
                raise stage.Failed(f"has no {s.kind.upper()} services")
        with self.at.act():
            yield contender.start(self.at, services)
            self.at.check()

    @contextlib.contextmanager
    def billed(self, sides, out, unit):
        """What the sides spend meanwhile, for each `unit` that the caller leaves in `done`."""
        done = []
        before = [p.processor() for p in sides]
        yield done
        for name, process, spent in zip(SIDES, sides, before, strict=True):
            out[f"{name} {unit}"] = (process.processor() - spent) / sum(done)
            out[f"{name} at load MiB"] = process.memory()

    def bulk(self, c):
        out = {}
        seconds = self.seconds(10)
        with self.running(c, IPERF) as sides:
            port = c.port(IPERF)
            with self.billed(sides, out, "s/GB") as done:
                for way, up in ("up", True), ("down", False):
                    out[f"{way}, 1 stream Gbit/s"], n = load.iperf(self.at, port, 1, up, seconds)
                    done.append(n)
            for way, up in ("up", True), ("down", False):
                out[f"{way}, 8 streams Gbit/s"], _ = load.iperf(self.at, port, 8, up, seconds)
        return out

    def bulk_http(self, c):
        with self.running(c, HTTP):
            return {"down Gbit/s": load.download_for(self.at, c.port(HTTP), self.seconds(5))}

    def requests(self, c, service=HTTP):
        out = {}
        seconds = self.seconds(5)
        with self.running(c, service) as sides:
            port = c.port(service)
            for n in 1, 64, 512:
                with self.billed(sides, out if n == 64 else {}, "s/100k") as done:
                    rate, p50, p99, total = load.wrk(self.at, port, n, seconds)
                    done.append(total / 1e5)
                out |= {f"{n} conns /s": rate, f"{n} conns p50 us": p50, f"{n} conns p99 us": p99}
            out["64 conns, 64 KiB /s"] = load.wrk(self.at, port, 64, seconds, load.LARGE)[0]
            # On TCP each is a connection of its own through all of it.
            out["64 conns, close /s"], _, out["close p99 us"], _ = load.wrk(
                self.at, port, 64, seconds, close=True)
        return out

    def requests_tcp(self, c):
        return self.requests(c, TCP)

    def service(self, c):
        """The same for all but those who carry nothing but HTTP: what HTTP costs is not the question."""
        return TCP if "tcp" in c.kinds else HTTP

    def private_bulk(self, c):
        return self.bulk(c)

    def private_requests(self, c):
        return self.requests_tcp(c)

    def latency(self, c):
        """At half of what it can do at most."""
        s = self.service(c)
        with self.running(c, s):
            peak = load.wrk(self.at, c.port(s), 64, 2)[0]
            p50, p99 = load.pace(self.at, self.pacer, c.port(s), peak / 2, 64, self.seconds(5))
        return {"half of the peak /s": peak / 2, "p50 us": p50, "p99 us": p99}

    def beside(self, c):
        """Small requests, 200 a second, without and with a download through the same tunnel."""
        s, out = self.service(c), {}
        # Of another upstream: one process that serves both would be what is measured.
        with self.running(c, s, BULK):
            for name in "alone", "beside a download":
                with self.at.act():
                    if "beside" in name:
                        load.start_iperf(self.at, c.port(BULK))
                        time.sleep(1)
                    out[f"{name} p50 us"], out[f"{name} p99 us"] = load.pace(
                        self.at, self.pacer, c.port(s), 200, 8, self.seconds(5))
                    self.at.check()  # the download still goes on
        out["added p99 us"] = out["beside a download p99 us"] - out["alone p99 us"]
        return out

    def stalled(self, c):
        """Requests beside two readers that take 1 KiB/s of large downloads."""
        s, out = self.service(c), {}
        with self.running(c, s):
            out["alone /s"] = load.wrk(self.at, c.port(s), 64, self.seconds(5))[0]
            for i in range(2):
                load.download(self.at, c.port(s), f"stalled-{i}", rate="1k")
            time.sleep(1)
            out["beside two stalled readers /s"] = load.wrk(self.at, c.port(s), 64,
                                                            self.seconds(5))[0]
        return out

    def memory(self, c):
        out = {}
        if c.name == "direct":
            raise stage.Failed("has no process of its own")
        for s in TCP, HTTP:
            if s.kind not in c.kinds:
                continue
            with self.running(c, s) as sides:
                time.sleep(2)  # buffers of the start are given back
                idle = [p.memory() for p in sides]
                for name, p in zip(("server", "client"), sides, strict=True):
                    out[f"{name} idle MiB"] = p.memory()
                    out[f"{name} idle, anonymous MiB"] = p.memory("RssAnon")
                # Most need two descriptors for each, and there are 20,000.
                n = 10000 if isinstance(c, Tunnel) else 9000
                out |= self.each(c, sides, idle, s.kind, n, s)
        return out

    def each(self, c, sides, idle, name, n, service, tls=None):
        """Connections that idle behind an answer, so each exists from end to end."""
        with load.Idle(self.at, c.port(service), n, stage.get(self.at.server_address), tls):
            time.sleep(3)
            return {f"{side} for each idle {name} KiB": (p.memory() - was) * 1024 / n
                    for side, p, was in zip(("server", "client"), sides, idle, strict=True)}

    def memory_tls(self, c):
        """Of HTTPS visitors between two requests; only ours ends TLS by itself."""
        if c.name != "tunnel":
            raise stage.Failed("only this tunnel's server ends TLS by itself")
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        c = Tunnel(c.program, c.name, (*c.server_options, "--auto-tls"), c.client_options)
        with self.running(c, HTTP) as sides:
            with load.Idle(self.at, c.port(HTTP), 20, stage.get(self.at.server_address), tls):
                pass  # what TLS sets up once
            time.sleep(2)
            idle = [p.memory() for p in sides]
            return self.each(c, sides, idle, "HTTPS", 2000, HTTP, tls)

    def sessions(self, c, n=100):
        """What so many clients of one service each cost the server."""
        if "tcp" not in c.kinds or not c.tunnel:
            raise stage.Failed("has no TCP services of clients")
        services = [Service("tcp", load.NGINX, FIRST_PORT + i) for i in range(n)]
        with self.at.act():
            server = c.start_server(self.at, services)
            time.sleep(1)
            idle = server.memory()
            for i, s in enumerate(services):
                c.start_client(self.at, [s], i)
                if i % 10 == 9:
                    c.wait(self.at, services[i - 9:i + 1])
            time.sleep(3)
            return {f"server for {n} idle sessions MiB": server.memory() - idle}

    def recovery(self, c):
        """From the restart of a server that was killed to the first answer."""
        if not c.tunnel:
            raise stage.Failed("is no tunnel")
        s = self.service(c)
        with self.running(c, s) as sides:
            time.sleep(1)
            for pid in sides[0].family():
                os.kill(pid, signal.SIGKILL)
            sides[0].child.wait()
            self.at.processes.remove(sides[0])
            start = time.monotonic()
            self.at.start("server", c.server(self.at, [s]), "again")
            request = stage.get(self.at.server_address, close=True)
            while not stage.answers(self.at.server_address, c.port(s), 1, request):
                self.at.check()
                if time.monotonic() - start > 20:
                    raise stage.Failed("no answer within 20 s of the server's restart")
                time.sleep(0.005)
            return {"ms": (time.monotonic() - start) * 1000}

    def scale(self, c):
        if c.name != "tunnel":
            raise stage.Failed("only this tunnel, sealed")
        return scale.measure(self.at, c)

    def unpinned(self, c):
        out = {}
        s = self.service(c)
        with self.running(c, s):
            out["requests /s"] = load.wrk(self.at, c.port(s), 64, self.seconds(5))[0]
        if "tcp" in c.kinds:
            with self.running(c, IPERF):
                for way, up in ("up", True), ("down", False):
                    out[f"bulk {way} Gbit/s"], _ = load.iperf(self.at, c.port(IPERF), 1, up,
                                                              self.seconds(5))
        return out

    def long_path(self, c):
        """One download across 100 ms and 100 Mbit/s; see tests/wan."""
        if os.geteuid() != 0:
            raise stage.Failed("makes network namespaces, which takes root")
        sys.path.insert(0, str(self.tests))
        from harness import wan
        path = wan.Path(None)
        try:
            path.open("cubic", rate=100_000_000, delay=50, seed=1)
            return long_path(self.at, path, wan, c, self.seconds(10))
        except wan.NotHere as e:
            raise stage.Failed(str(e)) from e
        finally:
            path.stop()


class Apart(stage.Stage):
    """The exit node and its visitors in one network namespace, client and upstream in another."""

    def __init__(self, directory, path, wan):
        super().__init__(directory, "127.0.0.1", pinned=False)
        self.path, self.wan = path, wan
        self.server_address = wan.ADDRESS_A

    def place(self, side, argv):
        inside = self.path.b if side in ("client", "upstream") else self.path.a
        return self.path.inside(inside, *argv)

    def wait(self, what, condition, seconds=15):
        # Only who is inside can ask; the services of a long path answer within two round trips.
        time.sleep(2.5 if what.startswith("answer") else 0.5)
        self.check()


def long_path(at, path, wan, c, seconds):
    with Apart(at.dir, path, wan) as apart:
        upstream = apart.start("upstream", wan.this("serve"), "wan")
        end = time.monotonic() + 10
        while "port " not in (text := pathlib.Path(upstream.log).read_text(encoding="ascii")):
            if time.monotonic() > end:
                raise stage.Failed("the upstream of the long path did not start")
            time.sleep(stage.TICK)
        port = int(text.split("port ")[-1].split()[0])
        kind = "tcp" if "tcp" in c.kinds else "http"
        s = Service(kind, port)
        if not c.tunnel:
            if c.name != "direct":
                raise stage.Failed("is no tunnel")
            address = f"{wan.ADDRESS_B}:{port}"
        else:
            c.start(apart, [s])
            address = f"{wan.ADDRESS_A}:{c.port(s)}"
        return {"first 2 s Mbit/s": fetch(path, address, 2, 0),
                "then Mbit/s": fetch(path, address, seconds, 3)}


def fetch(path, address, seconds, skip):
    """Mbit/s; again for a while where the connection ends at once: not everybody is up by then."""
    for _ in range(5):
        try:
            got = path.fetch(address, 1, seconds, skip)[0]
            if not got:
                raise stage.Failed("an answer, but no download")
            return got
        except AssertionError as e:
            why = str(e)
            time.sleep(1)
    raise stage.Failed(why.strip().rpartition(": ")[2])


# name: (method, title, rounds)
TABLE = {
    "bulk": ("bulk", "Bulk through a TCP service (iperf3)", 3),
    "bulk-http": ("bulk_http", "Bulk through the HTTP front (one download)", 1),
    "requests": ("requests", "Requests through the HTTP front (wrk, 1 KiB but where it says else)", 3),
    "requests-tcp": ("requests_tcp", "Requests through a TCP service; `close` is connections/s", 3),
    "private-bulk": ("private_bulk", "Bulk through a private service (iperf3)", 3),
    "private-requests": ("private_requests",
                         "Requests through a private service; `close` is connections/s", 3),
    "latency": ("latency", "Latency at half of each contender's own peak rate", 3),
    "beside": ("beside", "Small requests beside a bulk download", 3),
    "stalled": ("stalled", "Requests beside readers that stall", 1),
    "memory": ("memory", "Resident memory", 1),
    "memory-tls": ("memory_tls", "Resident memory of HTTPS visitors", 1),
    "sessions": ("sessions", "Resident memory of idle sessions", 1),
    "recovery": ("recovery", "Recovery from a server's restart", 1),
    "long-path": ("long_path", "One download across 100 ms, 100 Mbit/s", 1),
    "scale": ("scale", "The same beside much that idles", 2),
    "unpinned": ("unpinned", "Without pinning: decides nothing", 1),
}
