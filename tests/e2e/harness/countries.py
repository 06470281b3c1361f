# SPDX-License-Identifier: MIT
"""A small writer of MaxMind's format (version 2.0), for files of countries that tests look into."""

import ipaddress
import struct


def _text(s):
    data = s.encode()
    assert len(data) < 29
    return bytes([2 << 5 | len(data)]) + data


def _uint(n, kind, size):
    data = n.to_bytes(size, "big").lstrip(b"\0")
    if kind < 8:
        return bytes([kind << 5 | len(data)]) + data
    return bytes([len(data), kind - 7]) + data


def _map(pairs):
    return bytes([7 << 5 | len(pairs)]) + b"".join(_text(k) + v for k, v in pairs)


def write(path, networks):
    """networks: {"192.0.2.0/24": "XX"}; IPv4 stands below ::/96, as everywhere."""
    nodes, leaves, data = [[None, None]], [], b""
    for text, code in networks.items():
        network = ipaddress.ip_network(text)
        bits = network.prefixlen
        value = int(network.network_address)
        if network.version == 4:
            bits += 96
        at = 0
        for i in range(bits):
            bit = value >> (127 - i) & 1
            if i == bits - 1:
                nodes[at][bit] = ("data", len(data))
            elif nodes[at][bit] is None:
                nodes.append([None, None])
                nodes[at][bit] = ("node", len(nodes) - 1)
                at = len(nodes) - 1
            else:
                at = nodes[at][bit][1]
        leaves.append(code)
        data += _map([("country", _map([("iso_code", _text(code))]))])
    count = len(nodes)

    def record(r):
        return count if r is None else r[1] if r[0] == "node" else count + 16 + r[1]
    tree = b"".join(struct.pack(">II", record(a), record(b)) for a, b in nodes)
    metadata = _map([("node_count", _uint(count, 6, 4)), ("record_size", _uint(32, 5, 2)),
                     ("ip_version", _uint(6, 5, 2)), ("database_type", _text("Test-Country")),
                     ("languages", bytes([0, 11 - 7])),
                     ("binary_format_major_version", _uint(2, 5, 2)),
                     ("binary_format_minor_version", _uint(0, 5, 2)),
                     ("build_epoch", _uint(1700000000, 9, 8)),
                     ("description", bytes([7 << 5]))])
    path.write_bytes(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + metadata)
    return path
