# SPDX-License-Identifier: MIT
"""What asks and what answers: nginx, iperf3, wrk, curl, our own pacer, and connections that idle."""
import json
import os
import pathlib
import re
import socket
import subprocess
import time

import stage

NGINX, IPERF = 4900, 4902  # the upstreams' ports
SMALL, LARGE = "/1k", "/64k"
BULK = 64 << 30  # bytes; a hole in a file, more than any run downloads

# The small answer comes from memory, or opening files would be what is measured.
CONFIG = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx-error.log;
worker_rlimit_nofile {descriptors};
events {{ worker_connections {descriptors}; }}
http {{
    access_log off; tcp_nodelay on; keepalive_requests 1000000000;
    keepalive_timeout 600; client_header_timeout 600;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
    uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    open_file_cache max=8; sendfile on;
    server {{
        listen {address}:{port} backlog=4096; root {dir}/files;
        location = /1k {{ return 200 "{small}"; }}
    }}
}}
"""


def start_upstreams(at):
    files = at.dir / "files"
    files.mkdir()
    (files / "64k").write_bytes(b"x" * 65536)
    with open(files / "bulk", "wb") as f:
        f.truncate(BULK)
    config = at.write("nginx.conf", CONFIG.format(
        dir=at.dir, address=at.upstream_address, port=NGINX, descriptors=stage.DESCRIPTORS,
        small="x" * 1024))
    at.start("upstream", ["nginx", "-c", config])
    at.start("upstream", ["iperf3", "-s", "-B", at.upstream_address, "-p", IPERF])
    for port in NGINX, IPERF:
        at.wait("upstream", lambda p=port: stage.answers(at.upstream_address, p))


# What it says when the last visitor is still there; through some tunnels that is a closed connection.
BUSY = "busy", "control socket has closed unexpectedly", "Connection reset by peer"


def iperf(at, port, streams, up, seconds):
    """Gbit/s that arrived, and GB."""
    argv = ["iperf3", "-J", "-c", at.server_address, "-p", port, "-t", seconds, "-P", streams]
    for _ in range(10):
        # It takes one visitor at a time, and needs a moment to see that the last one has gone.
        out = json.loads(at.run(argv + ([] if up else ["-R"]), seconds, check=False) or "{}")
        if not any(word in out.get("error", "") for word in BUSY):
            break
        time.sleep(0.3)
    if "sum_received" not in out.get("end", {}):
        raise stage.Failed(f"iperf3: {out.get('error', 'no result')}")
    received = out["end"]["sum_received"]
    return received["bits_per_second"] / 1e9, received["bytes"] / 1e9


UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}


def wrk(at, port, connections, seconds, path=SMALL, close=False):
    """Requests/s, p50 and p99 in µs, requests in all."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "--latency", "--timeout", "10"]
    if close:
        argv += ["-H", "Connection: close"]
    out = at.run(argv + [f"http://{at.server_address}:{port}{path}"], seconds)
    bad = re.search(r"(Socket errors:.*|Non-2xx.*)", out)
    if bad:
        raise stage.Failed("wrk: " + bad[1])
    rate = float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1])
    total = int(re.search(r"(\d+) requests in", out)[1])
    if not total:
        raise stage.Failed("wrk: no request was answered")
    p50, p99 = (float(m[0]) * UNITS[m[1]] for m in (
        re.search(rf"{p}%\s+([\d.]+)(us|ms|s|m)\b", out).groups() for p in (50, 99)))
    return rate, p50, p99, total


def pace(at, program, port, rate, connections, seconds):
    """p50 and p99 in µs of requests at a fixed rate."""
    out = json.loads(at.run([program, at.server_address, port, SMALL, rate, connections, seconds],
                            seconds))
    if out["answered"] < out["asked"]:
        raise stage.Failed(f"{out['asked'] - out['answered']} of {out['asked']} requests at "
                           f"{rate:.0f}/s were not answered within 5 s")
    return out["p50"], out["p99"]


def start_iperf(at, port):
    """A download that goes on until it is stopped; begun anew while iperf3 sees the last one off."""
    argv = ["iperf3", "-R", "-c", at.server_address, "-p", port, "-t", 3600]
    for _ in range(10):
        process = at.start("load", argv)
        time.sleep(0.5)
        if process.child.poll() is None or not any(w in process.last_words() for w in BUSY):
            return process
        at.stop(process)
    raise stage.Failed("iperf3 stays busy")


def download(at, port, name="download", rate=None):
    """One that goes on; stop it with at.stop()."""
    argv = ["curl", "-sS", "-o", "/dev/null", f"http://{at.server_address}:{port}/bulk"]
    return at.start("load", argv + (["--limit-rate", rate] if rate else []), name)


def download_for(at, port, seconds):
    """Gbit/s of one download."""
    argv = ["curl", "-sS", "-o", "/dev/null", "-m", seconds, "-w",
            "%{http_code} %{exitcode} %{speed_download}",
            f"http://{at.server_address}:{port}/bulk"]
    code, status, speed = at.run(argv, seconds, check=False).split()
    if code != "200" or status != "28":  # 28: the time was over
        raise stage.Failed(f"the download ended early: HTTP {code}, curl's status {status}")
    return float(speed) * 8 / 1e9


class Idle:
    """Connections that do nothing more: mere ones, or each behind an answered request."""

    BATCH = 200  # under way at a time

    def __init__(self, at, port, n, request=b"", tls=None):
        self.socks, batch = [], []
        # From several addresses, as visitors come: one has too few ports for some.
        prefix = at.server_address.rsplit(".", 2)[0]
        try:
            while len(self.socks) < n:
                batch = []
                for i in range(len(self.socks), min(n, len(self.socks) + self.BATCH)):
                    source = f"{prefix}.8.{1 + i % 50}"
                    s = socket.create_connection((at.server_address, port), 10, (source, 0))
                    batch.append(tls.wrap_socket(s) if tls else s)
                for s in batch if request else []:
                    s.sendall(request)
                for s in batch if request else []:
                    got = b""
                    while not got.partition(b"\r\n\r\n")[2].endswith(b"x" * 1024):
                        more = s.recv(8192)
                        if not more:
                            raise stage.Failed(f"idle connection {len(self.socks)} was closed")
                        got += more
                self.socks += batch
        except OSError as e:
            got = len(self.socks)
            self.socks += batch
            self.close()
            raise stage.Failed(f"idle connections {got} to {got + self.BATCH} of {n}: {e}") from e

    def close(self):
        for s in self.socks:
            s.close()
        self.socks = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def versions(names):
    """What each program says of itself."""
    flags = {"nginx": ["-v"], "ssh": ["-V"], "haproxy": ["-v"], "inlets": ["version"],
             "wrk": ["-v"]}
    found = {}
    for name in names:
        done = subprocess.run([name, *flags.get(name, ["--version"])], capture_output=True,
                              text=True, check=False)
        text = done.stdout + done.stderr
        m = re.search(r"(?<![\d.:-])\d+\.\d+(\.\d+)?(?![\dZ])\S*", text)
        found[name] = m[0] if m else "?"
    return found


def machine():
    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())
    return {"processor": cpu[1] if cpu else "?", "cores": os.cpu_count(),
            "kernel": os.uname().release, "memory": f"{int(memory[1]) >> 20} GiB"}
