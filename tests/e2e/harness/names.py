# SPDX-License-Identifier: MIT
"""A name server of the tests' own, for programs that run in a namespace. Needs root."""

import contextlib
import pathlib
import shutil
import socket
import struct
import threading
import time

from harness.netns import Namespace

TYPE_A, TYPE_TXT = 1, 16


class NameServer:
    """Answers for `names` at 127.0.0.1:53 of the namespace `space`, whose resolv.conf names it. A
    value is a list of IPv4 addresses, [] for no such name, None for no answer at all (by UDP)."""

    def __init__(self, hosts=""):
        self.space = Namespace()
        self.names = {}
        self.delay = {}   # seconds, by name
        self.texts = {}   # TXT records: lists of bytes, by name
        self.asked = []   # names, for A records
        # `ip netns exec` puts these over the machine's own.
        self.etc = pathlib.Path("/etc/netns") / self.space.name
        self.etc.mkdir(parents=True)
        (self.etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:5\n")
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n" + hosts)
        (self.etc / "nsswitch.conf").write_text("hosts: files dns\n")
        with self.space.inside():
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.listener = socket.create_server(("127.0.0.1", 53))
        self.sock.bind(("127.0.0.1", 53))
        threading.Thread(target=self._serve, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                conn, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_stream, args=(conn,), daemon=True).start()

    def _serve_stream(self, conn):
        with contextlib.suppress(OSError), conn, conn.makefile("rwb") as stream:
            while head := stream.read(2):
                question = stream.read(struct.unpack(">H", head)[0])
                name, kind = self._read(question)
                answer = self._answer(question, kind, name)
                stream.write(struct.pack(">H", len(answer)) + answer)
                stream.flush()

    def _serve(self):
        while True:
            try:
                question, peer = self.sock.recvfrom(512)
            except OSError:
                return
            if not question:
                return
            name, kind = self._read(question)
            if kind == TYPE_A:
                self.asked.append(name)
            if self.names.get(name, []) is not None:
                answer = self._answer(question, kind, name)
                threading.Timer(self.delay.get(name, 0), self._send, (answer, peer)).start()

    def _send(self, answer, peer):
        with contextlib.suppress(OSError):
            self.sock.sendto(answer, peer)

    @staticmethod
    def _read(question):
        at, labels = 12, []
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        return ".".join(labels), struct.unpack_from(">H", question, at + 1)[0]

    def _answer(self, question, kind, name):
        end = question.index(b"\0", 12) + 5
        addresses, texts = self.names.get(name) or [], self.texts.get(name, [])
        records = ([socket.inet_aton(a) for a in addresses] if kind == TYPE_A else
                   [bytes([len(t)]) + t for t in texts] if kind == TYPE_TXT else [])
        flags = 0x8180 if addresses or texts else 0x8183
        head = question[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return head + question[12:end] + b"".join(
            struct.pack(">HHHIH", 0xc00c, kind, 1, 0, len(r)) + r for r in records)

    def stop(self):
        with contextlib.suppress(OSError):  # not connected, and awake nevertheless
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        shutil.rmtree(self.etc, ignore_errors=True)
        # A program that was killed a moment ago may still be leaving.
        for _ in range(20):
            try:
                self.space.stop()
                return
            except AssertionError:
                time.sleep(0.1)
