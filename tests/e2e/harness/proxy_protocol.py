# SPDX-License-Identifier: MIT
"""PROXY protocol, versions 1 and 2: headers to be written, and read by the specification."""

import socket
import struct

V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source="203.0.113.7", to="192.0.2.1", port=56324, family="TCP4"):
    return ("PROXY %s %s %s %d 443\r\n" % (family, source, to, port)).encode()


def v2(source="203.0.113.7", to="192.0.2.1", port=56324, command=1, tlvs=b"", family=0x11):
    if ":" in source:
        family = 0x21
    form = socket.AF_INET6 if family == 0x21 else socket.AF_INET
    body = socket.inet_pton(form, source) + socket.inet_pton(form, to) + struct.pack("!HH", port,
                                                                                     443) + tlvs
    return V2_SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


V2_LOCAL = V2_SIGNATURE + struct.pack("!BBH", 0x20, 0, 0)


class Header:
    """One that an upstream was given, read by the specification."""

    def __init__(self, conn):
        first = conn.read(12)
        self.tlvs = {}
        if first != V2_SIGNATURE:
            self.version = 1
            words = (first + conn.read_until(b"\r\n")).decode().split()
            assert words[0] == "PROXY"
            self.family, self.source, self.to = words[1:4]
            self.source_port, self.to_port = int(words[4]), int(words[5])
            return
        self.version = 2
        first, family, length = struct.unpack("!BBH", conn.read(4))
        assert first >> 4 == 2
        self.command = first & 15
        body = conn.read(length)
        form, n = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}[family]
        self.family = "TCP%s" % ("4" if n == 4 else "6")
        self.source, self.to = (socket.inet_ntop(form, body[i * n:i * n + n]) for i in range(2))
        self.source_port, self.to_port = struct.unpack_from("!HH", body, 2 * n)
        at = 2 * n + 4
        while at < len(body):
            kind, size = struct.unpack_from("!BH", body, at)
            self.tlvs[kind] = body[at + 3:at + 3 + size]
            at += 3 + size
        assert at == len(body)
