# SPDX-License-Identifier: MIT
"""What somebody sees who records the link: neither the token nor a visitor's bytes."""

import base64
import urllib.parse

from harness.mitm import take_message
from harness.programs import TOKEN
from harness.upstream import response

SECRET_UP = b"visitors-secret-request-bytes"
SECRET_DOWN = b"upstreams-secret-response-bytes"


def payloads(data):
    """The payloads of the recorded WebSocket messages, their masks taken off."""
    rest = data[data.find(b"\r\n\r\n") + 4:]
    while message := take_message(rest):
        whole, offset = message
        rest = rest[len(whole):]
        payload = whole[offset:]
        if whole[1] & 0x80:
            key = whole[offset - 4:offset]
            payload = bytes(b ^ key[i & 3] for i, b in enumerate(payload))
        yield payload


def unmasked(data):
    """Everything twice: as recorded, and with the masks of the WebSocket messages taken off."""
    return data + b"".join(payloads(data))


def sealed(data):
    """What is sealed: the payloads behind each side's first, whose beginning is readable."""
    return b"".join(list(payloads(data))[1:])


def forms(secret):
    return (secret, base64.b64encode(secret)[:-4], secret.hex().encode(),
            urllib.parse.quote(secret).encode(), bytes.fromhex(secret.decode())
            if set(secret) <= set(b"0123456789abcdef") else secret)


def test_nothing_of_token_or_visitor_is_readable(tunnel):
    upstream = tunnel.upstream(response(SECRET_DOWN * 100, fields=["X-Down: %s"
                                                                    % SECRET_DOWN.decode()]))
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, ["secret-host.example=" + upstream.url])
    v = tunnel.visitor(server)
    for i in range(5):
        r = v.get("/secret-path?%d" % i, method="POST", body=SECRET_UP * 100,
                  host="secret-host.example", fields=["Authorization: Bearer secret-bearer"])
        assert r.status == 200
    assert SECRET_UP in upstream.received()
    recorded = unmasked(relay.recorded("up")) + unmasked(relay.recorded("down"))
    assert len(recorded) > 2 * 5 * 100 * len(SECRET_UP)
    for secret in (TOKEN.encode(), SECRET_UP, SECRET_DOWN, b"secret-path", b"secret-host",
                   b"secret-bearer", b"POST /", b"HTTP/1.1 200", b"X-Forwarded-For"):
        for form in forms(secret):
            assert form not in recorded, secret


def test_the_same_request_never_looks_the_same(tunnel):
    """Fresh keys for every link: two links that carry the same bytes have nothing in common."""
    upstream = tunnel.upstream(response(b"A" * 4096))
    server = tunnel.server()
    relay = tunnel.mitm(server)
    tunnel.client(relay.address, upstream)
    for i in range(2):
        assert tunnel.visitor(server).get("/same").status == 200
        if i == 0:
            relay.cut()
            relay.wait_pairs(2)
    for direction in ("up", "down"):
        a, b = (sealed(p.recorded[direction]) for p in relay.pairs[:2])
        assert len(a) > 100 and len(b) > 100
        blocks = {a[i:i + 16] for i in range(len(a) - 15)}
        assert not any(b[i:i + 16] in blocks for i in range(len(b) - 15))
