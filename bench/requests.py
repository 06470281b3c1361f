#!/usr/bin/python3
"""Requests per second through the tunnel, beside two chained HAProxies, in one run.

    bench/requests.py BUILD/tunnel [--rounds N] [--seconds S] [--connections N,N...]

The load (wrk) and the upstream (nginx) are pinned to core 0, every process between them to core 1.
Contenders take turns; what is printed are medians with their spread, and the ratio to the HAProxies,
which is the figure that matters: absolute ones move with the machine. With --stalled, the same load
through the tunnel with and without a reader that stalls on a large download beside it.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

UPSTREAM, FRONT, MIDDLE = 4900, 4901, 4902  # on an address of loopback that is this run's own
LARGE = 512 << 20  # bytes; more than a stalled reader takes in a run

NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 1000000000; tcp_nodelay on;
    client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
    uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
    server {{
        listen {ip}:{upstream} backlog=4096;
        location / {{ return 200 "hello\\n"; }}
        location /files/ {{ alias {dir}/files/; }}
    }}
}}
"""

HAPROXY = """
global
    nbthread 1
    maxconn 8000
defaults
    mode {mode}
    timeout client 60s
    timeout server 60s
    timeout connect 5s
    {options}
listen l
    bind {ip}:{port}
    server s {ip}:{to}
"""


class Bench:
    def __init__(self, tunnel, directory):
        self.tunnel, self.dir = tunnel, directory
        self.ip = f"127.{os.getpid() % 250 + 1}.7.1"
        self.children = []

    def start(self, core, *command):
        log = open(f"{self.dir}/log", "ab")
        child = subprocess.Popen(["taskset", "-c", str(core), *command], stdin=subprocess.DEVNULL,
                                 stdout=log, stderr=log)
        self.children.append(child)
        return child

    def stop(self, *children):
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
            self.children.remove(child)

    def write(self, name, text):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def start_upstream(self):
        os.chmod(self.dir, 0o755)
        os.mkdir(f"{self.dir}/files")
        with open(f"{self.dir}/files/large", "wb") as f:
            f.truncate(LARGE)
        path = self.write("nginx.conf", NGINX.format(dir=self.dir, ip=self.ip, upstream=UPSTREAM))
        self.start(0, "nginx", "-c", path)

    def start_haproxies(self):
        http = self.write("http.cfg", HAPROXY.format(
            mode="http", options="http-reuse always", ip=self.ip, port=FRONT, to=MIDDLE))
        tcp = self.write("tcp.cfg", HAPROXY.format(
            mode="tcp", options="", ip=self.ip, port=MIDDLE, to=UPSTREAM))
        return [self.start(1, "haproxy", "-f", http), self.start(1, "haproxy", "-f", tcp)], FRONT

    def start_tunnel(self, *options):
        ready = f"{self.dir}/ready"
        if os.path.exists(ready):
            os.unlink(ready)
        token = "--token=0123456789abcdef0123456789abcdef"
        server = self.start(1, self.tunnel, "server", "--port=0", f"--bind-addr={self.ip}", token,
                            f"--state-dir={self.dir}/state", f"--ready-file={ready}", *options)
        while not os.path.exists(ready):
            time.sleep(0.02)
            if server.poll() is not None:
                sys.exit("the server did not start: see " + self.dir)
        with open(ready, encoding="ascii") as f:
            port = int(f.read().split()[1])
        seal = [o for o in options if o == "--no-seal"]
        client = self.start(1, self.tunnel, "client", f"--remote={self.ip}:{port}", token,
                            f"--upstream=http://{self.ip}:{UPSTREAM}", *seal)
        return [client, server], port

    def load(self, port, connections, seconds):
        out = subprocess.run(
            ["taskset", "-c", "0", "wrk", "-t1", f"-c{connections}", f"-d{seconds}",
             f"http://{self.ip}:{port}/"], stdout=subprocess.PIPE, text=True, check=True).stdout
        bad = re.search(r"(Socket errors:.*|Non-2xx.*)", out)
        return float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1]), bad and bad[1]

    def measure(self, starter, connections, seconds):
        children, port = starter()
        time.sleep(0.5)
        figure, bad = self.load(port, connections, seconds)
        self.stop(*children)
        return figure, bad

    def measure_stalled(self, stalled, connections, seconds):
        children, port = self.start_tunnel()
        time.sleep(0.5)
        if stalled:
            reader = self.start(0, "curl", "-s", "--limit-rate", "1k", "-o", "/dev/null",
                                f"http://{self.ip}:{port}/files/large")
            time.sleep(0.5)
        figure, bad = self.load(port, connections, seconds)
        if stalled:
            self.stop(reader)
        self.stop(*children)
        return figure, bad

    def close(self):
        for child in list(self.children):
            self.stop(child)


def row(name, figures, base):
    middle = statistics.median(figures)
    print(f"  {name:24} {middle:10.0f} /s  ({min(figures):.0f} to {max(figures):.0f})"
          f"  {middle / base:5.2f} x")


def compare(contenders, rounds):
    """Contenders in turn, so that a machine that slows down slows down all of them."""
    figures = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            figure, bad = run()
            figures[name].append(figure)
            if bad:
                print(f"  {name}: {bad}")
    base = statistics.median(next(iter(figures.values())))
    for name, values in figures.items():
        row(name, values, base)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("tunnel")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--connections", default="64")
    parser.add_argument("--stalled", action="store_true")
    args = parser.parse_args()
    for program in ("wrk", "nginx", "haproxy", "curl", "taskset"):
        if not shutil.which(program):
            sys.exit(f"this needs {program} on the PATH")
    with tempfile.TemporaryDirectory(prefix="tunnel-bench-") as directory:
        b = Bench(os.path.abspath(args.tunnel), directory)
        try:
            b.start_upstream()
            for n in map(int, args.connections.split(",")):
                print(f"{n} keep-alive connections, {args.rounds} rounds of {args.seconds} s")
                if args.stalled:
                    compare({
                        "alone": lambda n=n: b.measure_stalled(False, n, args.seconds),
                        "beside a stalled reader": lambda n=n: b.measure_stalled(True, n, args.seconds),
                    }, args.rounds)
                else:
                    compare({
                        "two HAProxies": lambda n=n: b.measure(b.start_haproxies, n, args.seconds),
                        "tunnel": lambda n=n: b.measure(b.start_tunnel, n, args.seconds),
                        "tunnel --no-seal":
                            lambda n=n: b.measure(lambda: b.start_tunnel("--no-seal"), n, args.seconds),
                        "tunnel, no access log":
                            lambda n=n: b.measure(lambda: b.start_tunnel("--access-log=off"), n,
                                                  args.seconds),
                    }, args.rounds)
        finally:
            b.close()


if __name__ == "__main__":
    main()
