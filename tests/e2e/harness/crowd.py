# SPDX-License-Identifier: MIT
"""Many connections that stay, as processes of their own, since one may have few descriptors: those who accept them at
one port together, and those who make them.

    crowd.py accept ADDRESS PORT     echoes; for each line of its input a line of JSON: {address: connections}
    crowd.py connect ADDRESS PORT N  makes N, each with a byte there and back; then the same on all of them for each line of
                                     its input, and writes how many answered
"""

import collections
import json
import resource
import select
import socket
import subprocess
import sys

AT_ONCE = 64


def read(conn):
    """b"": it has ended, in order or not."""
    try:
        return conn.recv(64)
    except ConnectionResetError:
        return b""


def accept(address, port):
    listener = socket.create_server((address, port), backlog=4096, reuse_port=True)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    poll.register(sys.stdin, select.EPOLLIN)
    conns, by = {}, collections.Counter()
    print("ready", flush=True)
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                conn, peer = listener.accept()
                conns[conn.fileno()] = conn, peer[0]
                by[peer[0]] += 1
                poll.register(conn, select.EPOLLIN)
            elif fd == sys.stdin.fileno():
                if not sys.stdin.readline():
                    return
                print(json.dumps(by), flush=True)
            else:
                conn, peer = conns[fd]
                data = read(conn)
                if data:
                    conn.send(data)
                else:
                    by[peer] -= 1
                    conns.pop(fd)[0].close()


def answered(conns):
    for c in conns:
        c.send(b"x")
    return sum(read(c) == b"x" for c in conns)


def connect(address, port, n):
    conns = []
    while len(conns) < n:
        some = [socket.create_connection((address, port), 600) for _ in range(min(AT_ONCE, n - len(conns)))]
        lost = len(some) - answered(some)
        assert not lost, "of %d, %d are answered, and then %d not" % (n, len(conns), lost)
        conns += some
    print(n, flush=True)
    for _ in sys.stdin:
        print(answered(conns), flush=True)


class Crowd:
    """One such process, in a network namespace."""

    def __init__(self, space, *words):
        self.process = subprocess.Popen(["ip", "netns", "exec", space.name, sys.executable, __file__, *map(str, words)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        return json.loads(self.process.stdout.readline())

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.read()

    def ready(self):
        assert self.process.stdout.readline() == "ready\n"
        return self

    def stop(self):
        self.process.kill()
        self.process.communicate()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1] == "accept":
        accept(sys.argv[2], int(sys.argv[3]))
    else:
        connect(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
