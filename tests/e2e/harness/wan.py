# SPDX-License-Identifier: MIT
"""A long path between two network namespaces (tests/wan), and what is sent over it.

The exit node lives in namespace A with the visitors, the client in namespace B with the upstream,
so that the link crosses the path and the rest is loopback. "Plain" is the same program asking the
same upstream across the path without a tunnel.

Run as a program this file is both ends of a measurement, because they have to run inside the
namespaces:

    wan.py serve            an HTTP server on a free port, which it prints
    wan.py fetch ...        connections that fetch for a fixed time; prints a JSON object
    wan.py ask ...          small requests one after another; prints a JSON object
"""

import argparse
import ctypes
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

ADDRESS_A, ADDRESS_B = "10.213.0.1", "10.213.0.2"  # of namespaces that reach nothing else
NETWORK = "10.213.0.0/24"
CHUNK = 256 << 10  # bytes written or read at once
CLONE_NEWNET = 0x40000000


# The namespaces


PAYLOAD = 1472  # bytes of UDP in a packet of 1500


class NotHere(Exception):
    """This machine cannot do it; the sentence says why."""


class Path:
    """Two namespaces, and the path between them once open() has been called.

    `settings` are options of tests/wan: rate, delay, queue, loss, reorder, seed.
    """

    def __init__(self, stage):
        self.stage = stage
        self.wan = None
        clear_stale()
        self.a, self.b = ["tw-%d-%s" % (os.getpid(), side) for side in "ab"]
        if not pathlib.Path("/dev/net/tun").exists():
            raise NotHere("there is no /dev/net/tun")
        for name in (self.a, self.b):
            p = ip("netns", "add", name)
            if p.returncode:
                self.stop()
                raise NotHere("no network namespaces here: " + p.stderr.strip())
            self.run(name, "ip", "link", "set", "lo", "up")
            self.sysctl("net.ipv6.conf.all.disable_ipv6", 1, name)
            self.sysctl("net.ipv6.conf.default.disable_ipv6", 1, name)
            # Each run starts as if it was the first: no thresholds remembered from the last one.
            self.sysctl("net.ipv4.tcp_no_metrics_save", 1, name)
            # Of loopback: the one that every kernel has, and no pacing.
            self.sysctl("net.ipv4.tcp_congestion_control", "reno", name)

    def open(self, congestion="cubic", **settings):
        """The path as asked for; congestion control is that of connections across it."""
        argv = [program(), "--ns-a", self.a, "--addr-a", ADDRESS_A + "/24",
                "--ns-b", self.b, "--addr-b", ADDRESS_B + "/24"]
        for option, value in settings.items():
            argv += ["--" + option, str(value)]
        self.wan = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    text=True)
        if self.wan.stdout.readline() != "ready\n":
            self.wan.wait()
            error, self.wan = self.wan.stderr.read(), None
            raise NotHere("no TUN devices here: " + error.strip())
        # The sysctl of a namespace takes only what the machine lets everybody use, often no more
        # than one; a route takes whatever the kernel has.
        for name in (self.a, self.b):
            self.run(name, "ip", "route", "change", NETWORK, "dev", "wan", "congctl", congestion)
        self.congestion = congestion
        return self

    def close(self):
        """Ends the path; returns its counts: {"a-to-b": {"packets": …}, "b-to-a": …}."""
        if not self.wan:
            return {}
        self.wan.terminate()
        out, error = self.wan.communicate(timeout=10)
        status, self.wan = self.wan.returncode, None
        assert status == 0, error
        return {name: {k: int(v) for k, v in (f.split("=") for f in fields)}
                for name, *fields in (line.split() for line in out.splitlines())}

    def stop(self):
        try:
            self.close()
        finally:
            for name in (self.a, self.b):
                ip("netns", "del", name)

    def inside(self, name, *argv):
        return ["ip", "netns", "exec", name] + [str(a) for a in argv]

    def run(self, name, *argv, timeout=60):
        p = subprocess.run(self.inside(name, *argv), capture_output=True, text=True,
                           timeout=timeout)
        assert p.returncode == 0, "%s in %s: %s" % (" ".join(map(str, argv)), name, p.stderr)
        return p.stdout

    def sysctl(self, key, value, name):
        self.run(name, "sysctl", "-qw", "%s=%s" % (key, value))

    def describe(self):
        """How TCP is set, for the report of a measurement."""
        words = ["congestion control %s" % self.congestion]
        for key in ("tcp_rmem", "tcp_wmem"):
            value = self.run(self.b, "sysctl", "-n", "net.ipv4." + key)
            words.append("%s %s" % (key, " ".join(value.split())))
        return ", ".join(words)

    def socket(self, name, kind=socket.SOCK_DGRAM):
        """A socket of this process that lives in a namespace, bound to its side of the path."""
        made = []

        def make():
            # Of this thread alone; the socket stays where it was made.
            with open("/run/netns/" + name) as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            s = socket.socket(socket.AF_INET, kind)
            s.bind((ADDRESS_A if name == self.a else ADDRESS_B, 0))
            made.append(s)
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        return made[0]

    def connections(self, port):
        """How many across the path are up, from B to this port."""
        return len(self.run(self.b, "ss", "-tnH", "state", "established", "dst",
                            "%s:%d" % (ADDRESS_A, port)).splitlines())

    # What runs at its ends

    def burst(self, n, pause=0.0):
        """Sends n packets from B to A. Those that came, as (number, seconds under way, seconds
        since the first left), and how many seconds the sending took."""
        to, by = self.socket(self.a), self.socket(self.b)
        with to, by:
            to.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE: drops are to be the path's
            start = time.monotonic()
            sent = []
            for i in range(n):
                sent.append(time.monotonic())
                by.sendto(i.to_bytes(4, "big").ljust(PAYLOAD, b"."), to.getsockname())
                time.sleep(pause)
            to.settimeout(0.5)
            came = []
            try:
                while True:
                    i = int.from_bytes(to.recv(2048)[:4], "big")
                    now = time.monotonic()
                    came.append((i, now - sent[i], now - start))
            except TimeoutError:
                return came, sent[-1] - start

    def serve(self):
        """The upstream in namespace B; its port."""
        daemon = self.stage.daemon("upstream", self.inside(self.b, *this("serve")))
        daemon.expected_status.add(-15)
        daemon.log_contains("port ")
        return int(re.search(r"port (\d+)", daemon.log()).group(1))

    def fetch(self, address, connections=1, seconds=10, skip=0):
        """Mbit/s of payload that each of the connections got from `skip` to `skip + seconds`."""
        out = self.run(self.a, *this("fetch", address, "--connections", connections, "--seconds",
                                     seconds, "--skip", skip), timeout=seconds + skip + 60)
        return json.loads(out)["mbit"]

    def ask(self, address, seconds=10):
        """Seconds that each of the requests took which were made in that time, sorted."""
        out = self.run(self.a, *this("ask", address, "--seconds", seconds), timeout=seconds + 60)
        return json.loads(out)["took"]

    def background(self, address, connections=1, skip=0):
        """The same as fetch(), until the test ends or stops it, under way for `skip` seconds."""
        daemon = self.stage.daemon("bulk", self.inside(self.a, *this(
            "fetch", address, "--connections", connections, "--seconds", 3600)))
        daemon.expected_status.add(-15)
        time.sleep(skip)
        return daemon


def ip(*argv):
    return subprocess.run(["ip"] + list(argv), capture_output=True, text=True)


def clear_stale():
    """Namespaces of runs that were killed before they could remove them."""
    for line in ip("netns", "list").stdout.splitlines():
        m = re.match(r"(tw-(\d+)-[ab])\b", line)
        if m and not os.path.exists("/proc/" + m.group(2)):
            ip("netns", "del", m.group(1))


def program():
    path = pathlib.Path(os.environ.get("TUNNEL_BIN", "build/tunnel")).parent / "tests/wan/wan"
    if not os.access(path, os.X_OK):
        raise NotHere("there is no %s" % path)
    return path


def this(*argv):
    return ["/usr/bin/python3", __file__] + list(argv)


def missing():
    """Why no path can be made here, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which("ip"):
        return "needs iproute2"
    return None


# The upstream


def serve():
    """/bulk has no end; anything else is answered with a few bytes. One thread a connection."""
    listener = socket.create_server(("0.0.0.0", 0), backlog=128)
    print("port", listener.getsockname()[1], flush=True)
    while True:
        conn, _ = listener.accept()
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(conn,), daemon=True).start()


def answer(conn):
    chunk = bytes(CHUNK)
    try:
        with conn, conn.makefile("rb") as f:
            while line := f.readline():
                while f.readline() not in (b"\r\n", b""):
                    pass
                if line.split()[1] == b"/bulk":
                    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (1 << 40))
                    while True:
                        conn.sendall(chunk)
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n")
    except OSError:
        pass  # visitors go when they have measured enough


# The visitors


def request(address, path):
    host, port = address.rsplit(":", 1)
    s = socket.create_connection((host, int(port)), 30)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.sendall(b"GET %s HTTP/1.1\r\nHost: wan\r\n\r\n" % path.encode())
    return s


def fetch(address, connections, seconds, skip):
    """All start at once; the first `skip` seconds, slow start among them, are not counted."""
    selector = selectors.DefaultSelector()
    got = [0] * connections
    socks = []
    for i in range(connections):
        s = request(address, "/bulk")
        s.setblocking(False)
        selector.register(s, selectors.EVENT_READ, i)
        socks.append(s)
    room = memoryview(bytearray(CHUNK))
    start = time.monotonic() + skip
    base, began = None, None
    while True:
        now = time.monotonic()
        if base is None and now >= start:
            base, began = list(got), now
        if base is not None and now >= began + seconds:
            break
        for key, _ in selector.select(0.01):
            n = key.fileobj.recv_into(room)
            if not n:
                sys.exit("connection %d ended after %d bytes" % (key.data, got[key.data]))
            got[key.data] += n
    for s in socks:
        # RST: what is still on its way must not meet the next measurement.
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()
    took = now - began
    return {"mbit": [(g - b) * 8 / took / 1e6 for g, b in zip(got, base, strict=True)]}


def ask(address, seconds):
    """One kept connection, one request at a time."""
    took = []
    s = request(address, "/first")
    f = s.makefile("rb")
    end = time.monotonic() + seconds
    sent = time.monotonic()
    while True:
        length = 0
        status = f.readline()
        assert b" 200 " in status, status
        while (line := f.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        f.read(length)
        now = time.monotonic()
        took.append(now - sent)
        if now > end:
            return {"took": sorted(took)}
        sent = now
        s.sendall(b"GET /small HTTP/1.1\r\nHost: wan\r\n\r\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["serve", "fetch", "ask"])
    p.add_argument("address", nargs="?")
    p.add_argument("--connections", type=int, default=1)
    p.add_argument("--seconds", type=float, default=10)
    p.add_argument("--skip", type=float, default=0)
    o = p.parse_args()
    if o.what == "serve":
        serve()
    elif o.what == "fetch":
        print(json.dumps(fetch(o.address, o.connections, o.seconds, o.skip)))
    else:
        print(json.dumps(ask(o.address, o.seconds)))


if __name__ == "__main__":
    main()
