# SPDX-License-Identifier: MIT
"""UDP upstreams and visitors."""

import contextlib
import socket
import threading
import time

from harness.wait import PATIENCE, wait_until

BUFFER = 1 << 20  # bytes: a burst of a test fits, whatever the kernel's default is


def _socket(family=socket.AF_INET):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
    return s


class UdpUpstream:
    """answer(data) -> datagrams to send back; without one it is an echo."""

    def __init__(self, answer=lambda data: [data], host="127.0.0.1", port=0):
        self.answer = answer
        self.received = []  # [(datagram, where it came from)]
        self.stopping = False
        self.sock = _socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.bind((host, port))
        self.host = "[%s]" % host if ":" in host else host
        self.port = self.sock.getsockname()[1]
        self.address = "%s:%d" % (self.host, self.port)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                data, peer = self.sock.recvfrom(65536)
            except OSError:
                return
            if self.stopping:
                return
            self.received.append((data, peer))
            for out in self.answer(data):
                try:
                    self.sock.sendto(out, peer)
                except OSError:
                    return

    def wait_received(self, n):
        wait_until(lambda: len(self.received) >= n, "%d datagrams at the upstream" % n)

    def peers(self):
        """Whoever sent something, in the order of their first datagram."""
        return list(dict.fromkeys(peer for _, peer in list(self.received)))

    def stop(self):
        # A close() would not wake the thread; this does.
        self.stopping = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


class UdpVisitor:
    """Connected: what comes from anywhere but the address it asked is not seen."""

    def __init__(self, address):
        self.sock = _socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock.connect(address)
        self.sock.settimeout(PATIENCE)

    def send(self, data):
        self.sock.send(data)
        return self

    def receive(self, timeout=None):
        """One datagram; None when nothing comes."""
        self.sock.settimeout(PATIENCE if timeout is None else timeout)
        try:
            return self.sock.recv(65536)
        except TimeoutError:
            return None

    def pause(self, seconds):
        """A visitor who takes his time."""
        time.sleep(seconds)

    def ask(self, data, timeout=None):
        return self.send(data).receive(timeout)

    def stop(self):
        self.sock.close()


class VisitorFrom(UdpVisitor):
    """From an address of one's choice."""

    def __init__(self, host, address):
        self.sock = _socket()
        self.sock.bind((host, 0))
        self.sock.connect(address)
        self.sock.settimeout(PATIENCE)
