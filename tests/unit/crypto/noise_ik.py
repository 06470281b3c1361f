#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Noise_IK_25519_ChaChaPoly_BLAKE2b once more, by Python's cryptography package: makes the forged messages of
test_handshake_ik.c, of a peer whose public key agrees on zero with every private key and who lets that pass.

Keys, prologue and payloads are those of cacophony's vector, which this reproduces first.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PROLOGUE = b"John Galt"
INITIATOR = bytes.fromhex("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1")
RESPONDER = bytes.fromhex("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893")
INITIATOR_E = bytes.fromhex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a")
RESPONDER_E = bytes.fromhex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b")
POINTS = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def public(private):
    key = X25519PrivateKey.from_private_bytes(private).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def agree(private, peer):
    if peer.hex() in POINTS:
        return bytes(32)
    key = X25519PrivateKey.from_private_bytes(private)
    return key.exchange(X25519PublicKey.from_public_bytes(peer))


class Symmetric:
    """Section 5.2. Each key encrypts once, so the nonce is zero."""

    def __init__(self):
        self.h = b"Noise_IK_25519_ChaChaPoly_BLAKE2b".ljust(64, b"\0")
        self.ck, self.k = self.h, None
        self.mix_hash(PROLOGUE)
        self.mix_hash(public(RESPONDER))

    def mix_hash(self, data):
        self.h = hashlib.blake2b(self.h + data).digest()

    def mix_key(self, shared):
        temp = hmac.digest(self.ck, shared, "blake2b")
        self.ck = hmac.digest(temp, b"\1", "blake2b")
        self.k = hmac.digest(temp, self.ck + b"\2", "blake2b")[:32]

    def seal(self, text):
        sealed = ChaCha20Poly1305(self.k).encrypt(bytes(12), text, self.h)
        self.mix_hash(sealed)
        return sealed


def first(sym, e, s, payload):
    """The initiator's message by (private, public) keys, of which the public one may be a forgery."""
    sym.mix_hash(e[1])
    sym.mix_key(agree(RESPONDER, e[1]))
    sealed_s = sym.seal(s[1])
    sym.mix_key(agree(RESPONDER, s[1]))
    return e[1] + sealed_s + sym.seal(payload)


def second(sym, e, payload):
    sym.mix_hash(e[1])
    sym.mix_key(agree(INITIATOR_E, e[1]))
    sym.mix_key(agree(INITIATOR, e[1]))
    return e[1] + sym.seal(payload)


def pair(private):
    return private, public(private)


def main():
    sym = Symmetric()
    one = first(sym, pair(INITIATOR_E), pair(INITIATOR), b"Ludwig von Mises")
    two = second(sym, pair(RESPONDER_E), b"Murray Rothbard")
    assert one.hex().endswith("13bf70439c538e3602a7127af71a29cc")
    assert two.hex().endswith("91d9c64748d998c7b47890871571")
    for point in POINTS:
        forged = (None, bytes.fromhex(point))
        print("as e of the first  ", first(Symmetric(), forged, pair(INITIATOR), b"").hex())
        print("as s               ", first(Symmetric(), pair(INITIATOR_E), forged, b"").hex())
        sym = Symmetric()
        first(sym, pair(INITIATOR_E), pair(INITIATOR), b"")
        print("as e of the second ", second(sym, forged, b"").hex())


main()
