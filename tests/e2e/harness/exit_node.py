# SPDX-License-Identifier: MIT
"""The server's end of a link, in the hands of whoever means no good."""

import contextlib
import ctypes
import json
import os
import socket
import struct

from harness import wire
from harness.mitm import take_message
from harness.noise import CONTROL, MAGIC, Handshake, control, proof, sodium, token_key
from harness.programs import TOKEN
from harness.wait import PATIENCE


class ExitNode:
    """The server's end of one link, which may then say what it likes."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.read = b""

    def accept(self):
        self.listener.settimeout(PATIENCE)
        self.sock, _ = self.listener.accept()
        self.sock.settimeout(PATIENCE)
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.sock.recv(4096)
        salt = os.urandom(16)
        hello = MAGIC + bytes([1, 1]) + os.urandom(32) + salt
        self.sock.sendall(wire.link_answer(head) + wire.frame(hello, mask=False))
        first = self.read_message()
        psk, _ = token_key(TOKEN, salt)
        handshake = Handshake(b"tunnel.v1" + hello + first[:9], psk)
        payload, peer = handshake.read(first[9:], False)
        assert payload is not None
        public = ctypes.create_string_buffer(32)
        sodium.crypto_scalarmult_base(public, handshake.private)
        second = handshake.write(proof() + bytes([0, 1]), peer)
        self.sock.sendall(wire.frame(b"\x01" + second, mask=False))
        self.inward, self.out = handshake.split()
        self.frames = b""
        self.send(control(type="hello", version="0", instance=os.urandom(16).hex(),
                          base_window=65536, max_streams=1000))
        return self

    def read_message(self):
        while take_message(self.read) is None:
            self.read += self.sock.recv(4096)
        whole, at = take_message(self.read)
        self.read = self.read[len(whole):]
        mask = whole[at - 4:at]
        return bytes(b ^ mask[i % 4] for i, b in enumerate(whole[at:]))

    def heard(self):
        """The client's control messages, as long as it says something without a pause."""
        self.sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                self.frames += self.inward.open(self.read_message())
        self.sock.settimeout(PATIENCE)
        messages = []
        while len(self.frames) >= 8:
            kind, _, size, _ = struct.unpack(">BBHI", self.frames[:8])
            if kind == CONTROL:
                messages.append(json.loads(self.frames[8:8 + size]))
            self.frames = self.frames[8 + size:]
        return messages

    def send(self, frames):
        self.sock.sendall(wire.frame(self.out.seal(frames), mask=False))

    def stop(self):
        self.listener.close()
        self.sock.close()
