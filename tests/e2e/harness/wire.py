# SPDX-License-Identifier: MIT
"""WebSocket frames and the link request by hand, right or wrong as a test wants them."""

import base64
import os

from websockets.utils import accept_key

# A visitor's WebSocket: what asks for it, and the answer where nobody looks at its key.
UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
SWITCHING = (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
             b"Connection: Upgrade\r\n\r\n")

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def frame(payload, opcode=BINARY, fin=True, mask=True, rsv=0, length=None, long_form=0):
    """length claims another length than the payload has; long_form forces 2 or 8 length bytes."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if mask else 0
    if long_form == 8 or (not long_form and n > 65535):
        head += bytes([bit | 127]) + n.to_bytes(8, "big")
    elif long_form == 2 or n > 125:
        head += bytes([bit | 126]) + n.to_bytes(2, "big")
    else:
        head += bytes([bit | n])
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))


def link_request(host="example.com", path="/tunnel", leave_out=(), extra=(), **replace):
    """The client's link request; leave_out and replace go by lower-case names with _ for -."""
    fields = {
        "Host": host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "tunnel.v1",
    }
    lines = ["GET %s HTTP/1.1" % path]
    for name, value in fields.items():
        key = name.lower().replace("-", "_")
        if key in leave_out:
            continue
        lines.append("%s: %s" % (name, replace.get(key, value)))
    return ("\r\n".join(lines + list(extra)) + "\r\n\r\n").encode()


def link_answer(request):
    """The head that accepts this link request."""
    key = next(line.split()[1] for line in request.decode().split("\r\n")
               if line.lower().startswith("sec-websocket-key:"))
    return ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Protocol: tunnel.v1\r\n"
            "Sec-WebSocket-Accept: %s\r\n\r\n" % accept_key(key)).encode()
