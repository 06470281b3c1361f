# SPDX-License-Identifier: MIT
"""The link a second time, from docs/protocol.md: handshake, seal and frames in Python.

It exists to be hostile: a peer that knows the token and then breaks each rule of the mux, or a
server that is not one. Whatever it gets wrong by itself the program must notice, so a happy path
through it is a test of both. libsodium is called directly, as the interpreter has no ChaCha20; the
AES of version 2 is that of `cryptography`.
"""

import ctypes
import functools
import hashlib
import hmac
import json
import os
import struct
import threading

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from harness import wire
from harness.mitm import take_message
from harness.visitor import Closed, Visitor

sodium = ctypes.CDLL("libsodium.so.23")
sodium.sodium_init()

OPEN, DATA, DATAGRAM, FIN, RESET = 0x81, 0x82, 3, 0x84, 0x85
WINDOW, PING, PONG, GOAWAY, CONTROL = 0x86, 0x87, 8, 0x89, 0x8A
TCP, UDP, HTTP, ADMIN = 1, 2, 3, 4
CANCELLED = 13  # a reason of RESET

MAGIC = b"tunnel.hello"
REKEY_EVERY = 4096


@functools.cache  # many links to one server have one key
def argon2id(token, salt):
    out = ctypes.create_string_buffer(32)
    r = sodium.crypto_pwhash(out, ctypes.c_ulonglong(32), token, ctypes.c_ulonglong(len(token)),
                             salt, ctypes.c_ulonglong(2), ctypes.c_size_t(19 * 1024 * 1024), 2)
    assert r == 0
    return out.raw


def token_key(token, salt):
    """(psk, key id); the open mode's for no token."""
    if not token:
        return hashlib.blake2b(b"tunnel.v1 open", digest_size=32).digest(), bytes(8)
    master = argon2id(token.encode().rstrip(b"\r\n"), salt)

    def label(text):
        return hashlib.blake2b(text, digest_size=32, key=master).digest()
    return label(b"tunnel.v1 psk"), label(b"tunnel.v1 key id")[:8]


class ChaChaPoly:
    name = "ChaChaPoly"

    @staticmethod
    def seal(key, n, plain, ad=b""):
        out = ctypes.create_string_buffer(len(plain) + 16)
        size = ctypes.c_ulonglong()
        sodium.crypto_aead_chacha20poly1305_ietf_encrypt(
            out, ctypes.byref(size), plain, ctypes.c_ulonglong(len(plain)), ad,
            ctypes.c_ulonglong(len(ad)), None, bytes(4) + struct.pack("<Q", n), key)
        return out.raw[:size.value]

    @staticmethod
    def open(key, n, sealed, ad=b""):
        """None when the tag is wrong."""
        if len(sealed) < 16:
            return None
        out = ctypes.create_string_buffer(max(len(sealed) - 16, 1))
        size = ctypes.c_ulonglong()
        r = sodium.crypto_aead_chacha20poly1305_ietf_decrypt(
            out, ctypes.byref(size), None, sealed, ctypes.c_ulonglong(len(sealed)), ad,
            ctypes.c_ulonglong(len(ad)), bytes(4) + struct.pack("<Q", n), key)
        return None if r else out.raw[:size.value]


class Aes:
    name = "AESGCM"

    @staticmethod
    def seal(key, n, plain, ad=b""):
        return AESGCM(key).encrypt(bytes(4) + struct.pack(">Q", n), plain, ad)

    @staticmethod
    def open(key, n, sealed, ad=b""):
        try:
            return AESGCM(key).decrypt(bytes(4) + struct.pack(">Q", n), sealed, ad)
        except InvalidTag:
            return None


SUITES = {1: ChaChaPoly, 2: Aes}  # by version of the protocol


class Cipher:
    """One direction after the handshake."""

    def __init__(self, suite, key):
        self.suite = suite
        self.key = key
        self.n = 0

    def _advance(self):
        self.n += 1
        if self.n % REKEY_EVERY == 0:
            self.key = self.suite.seal(self.key, 2 ** 64 - 1, bytes(32))[:32]

    def seal(self, plain):
        out = self.suite.seal(self.key, self.n, plain)
        self._advance()
        return out

    def open(self, sealed):
        out = self.suite.open(self.key, self.n, sealed)
        self._advance()
        return out


class Handshake:
    """Noise_NNpsk0_25519_…_BLAKE2b."""

    def __init__(self, prologue, psk, suite=ChaChaPoly):
        self.suite = suite
        self.h = (b"Noise_NNpsk0_25519_%s_BLAKE2b" % suite.name.encode()).ljust(64, b"\0")
        self.ck = self.h
        self.k = None
        self.private = os.urandom(32)
        self.mix_hash(prologue)
        self.ck, middle, key = self.hkdf(psk, 3)
        self.mix_hash(middle)
        self.k = key[:32]

    def mix_hash(self, data):
        self.h = hashlib.blake2b(self.h + data).digest()

    def hkdf(self, data, n):
        def mac(key, text):
            return hmac.new(key, text, hashlib.blake2b).digest()
        temp, out = mac(self.ck, data), [b""]
        for i in range(1, n + 1):
            out.append(mac(temp, out[-1] + bytes([i])))
        return out[1:]

    def mix_key(self, data):
        self.ck, key = self.hkdf(data, 2)
        self.k = key[:32]

    def shared(self, peer):
        out = ctypes.create_string_buffer(32)
        sodium.crypto_scalarmult(out, self.private, peer)
        return out.raw

    def write(self, payload, peer=None):
        public = ctypes.create_string_buffer(32)
        sodium.crypto_scalarmult_base(public, self.private)
        self.mix_hash(public.raw)
        self.mix_key(public.raw)
        if peer is not None:
            self.mix_key(self.shared(peer))
        sealed = self.suite.seal(self.k, 0, payload, self.h)
        self.mix_hash(sealed)
        return public.raw + sealed

    def read(self, message, mix_shared):
        """(payload, the peer's public key); payload None when the tag is wrong."""
        peer, sealed = message[:32], message[32:]
        self.mix_hash(peer)
        self.mix_key(peer)
        if mix_shared:
            self.mix_key(self.shared(peer))
        payload = self.suite.open(self.k, 0, sealed, self.h)
        self.mix_hash(sealed)
        return payload, peer

    def split(self):
        first, second = self.hkdf(b"", 2)
        return Cipher(self.suite, first[:32]), Cipher(self.suite, second[:32])


def proof(waive=False):
    return bytes([0, 0]) + bytes(32) + bytes([waive])


def frame(kind, stream=0, payload=b"", size=None, flags=0):
    return struct.pack(">BBHI", kind, flags, len(payload) if size is None else size,
                       stream) + payload


def open_frame(stream, service=1, kind=TCP):
    address = bytes([4]) + struct.pack(">H", 1) + bytes([127, 0, 0, 1])
    return frame(OPEN, stream, struct.pack(">BI", kind, service) + address + address + bytes(2))


def control(**members):
    return frame(CONTROL, 0, json.dumps(members).encode())


class Refused(Exception):
    """The server answered the link request with something else than 101."""

    def __init__(self, response):
        super().__init__("%d %s" % (response.status, response.reason))
        self.response = response


class Link:
    """The client's end of a link, step by step; every step can be taken wrongly."""

    def __init__(self, address, request=None, source=None):
        self.v = Visitor(address, source=source)
        self.v.send(request or wire.link_request())
        head = self.v.read_head()
        if head.status != 101:
            raise Refused(head)
        self.head = head
        self.mask = True
        self.hello = self.read_message()
        assert self.hello.startswith(MAGIC), self.hello
        n = self.hello[len(MAGIC)]
        self.versions = self.hello[len(MAGIC) + 1:len(MAGIC) + 1 + n]
        self.salt = self.hello[-16:]
        self.buffer = b""
        self.sending = threading.Lock()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.v.close()

    def close(self):
        self.v.close()

    # WebSocket messages

    def read_message(self):
        """The payload of the next binary message; Closed when there is none."""
        while True:
            whole = take_message(self.v.buffer)
            if whole is None:
                self.v._more()
                continue
            data, at = whole
            self.v.buffer = self.v.buffer[len(data):]
            assert not data[1] & 0x80, "a masked message from a server"
            opcode = data[0] & 15
            if opcode == wire.CLOSE:
                raise Closed(data[at:])
            if opcode == wire.BINARY:
                assert data[0] == 0x82
                return data[at:]

    def send_message(self, payload, **kwargs):
        self.v.send(wire.frame(payload, mask=self.mask, **kwargs))

    # Handshake

    def first(self, token, waive=False, version=1, hello=None, key_id=None):
        """The client's first message, not sent yet."""
        psk, own_id = token_key(token, self.salt)
        key_id = own_id if key_id is None else key_id
        prologue = b"tunnel.v1" + (hello or self.hello) + bytes([version]) + key_id
        self.handshake = Handshake(prologue, psk, SUITES.get(version, ChaChaPoly))
        return bytes([version]) + key_id + self.handshake.write(proof(waive))

    def greet(self, token, waive=False, version=1):
        """Both handshake messages; the ciphers are ready when it returns."""
        self.send_message(self.first(token, waive, version))
        answer = self.read_message()
        assert answer[0] == 1, "rejected: reason %d" % answer[1]
        payload, _ = self.handshake.read(answer[1:], True)
        assert payload is not None, "the server's answer does not fit the token"
        self.sealed = payload[36] == 1
        self.out, self.inward = self.handshake.split()
        return self

    def confirm(self, base_window=65536, max_streams=1000, **extra):
        self.send(control(type="hello", version="0", instance=os.urandom(16).hex(),
                          base_window=base_window, max_streams=max_streams, **extra), sealed=True)
        first = self.inward.open(self.read_message())
        assert first is not None, "the server's first message does not open"
        self.buffer += first
        return self

    def up(self, token, version=1, **kwargs):
        return self.greet(token, version=version).confirm(**kwargs)

    def publish(self, host="", service=1, kind="http", upstream="http://127.0.0.1:1", **more):
        self.send(control(type="publish", service=service, kind=kind, host=host,
                          upstream=upstream, **more))
        return self.read_control("granted", "refused")

    # Frames

    def send(self, frames, sealed=None):
        with self.sending:  # a reader's thread answers PINGs, and records have numbers
            if self.sealed if sealed is None else sealed:
                frames = self.out.seal(frames)
            self.send_message(frames)

    def read_frame(self):
        """(type, stream, payload)"""
        while len(self.buffer) < 8:
            message = self.read_message()
            plain = self.inward.open(message) if self.sealed else message
            assert plain is not None, "a record that does not open"
            self.buffer += plain
        kind, _, size, stream = struct.unpack(">BBHI", self.buffer[:8])
        payload = self.buffer[8:8 + size]
        self.buffer = self.buffer[8 + size:]
        if kind == PING:
            self.send(frame(PONG, 0, payload))
        return kind, stream, payload

    def read_kind(self, *kinds):
        while True:
            f = self.read_frame()
            if f[0] in kinds:
                return f

    def read_control(self, *types):
        while True:
            message = json.loads(self.read_kind(CONTROL)[2])
            if message["type"] in types:
                return message

    def read_stream(self, stream=None, enough=b""):
        """The bytes of one stream from its OPEN on, until `enough` is among them: (stream,
        bytes)."""
        got = b""
        while stream is None or enough not in got:
            kind, on, payload = self.read_kind(OPEN, DATA, RESET)
            if kind == OPEN and stream is None:
                stream = on
            elif kind == DATA and on == stream:
                got += payload
        return stream, got

    def reset(self, stream, reason=CANCELLED, taken=0):
        self.send(frame(RESET, stream, struct.pack(">BQ", reason, taken)))

    def closed(self):
        """Reads on until the server ends the link, by a reset where it had not read everything."""
        try:
            while True:
                self.read_frame()
        except Closed:
            return self.v.ended()
        except ConnectionError:
            return True
        except (OSError, AssertionError):
            return False
