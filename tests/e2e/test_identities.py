# SPDX-License-Identifier: MIT
"""Several identities: what each may claim (rule 30), whose tokens are whose (rule 27), and what ends when
rights are taken away. Its hostile clients make their own messages."""

import datetime
import json
import time

import pytest

from harness import noise
from harness.admin import ask
from harness.noise import control
from harness.public import free_ports
from harness.upstream import response
from harness.visitor import Closed
from harness.wait import PATIENCE, wait_until

WEB, TEAM = "/api/v1/identities/web", "/api/v1/identities/team"


def request(server, method, target, body=None, status=200):
    options = ["-X", method] + (["--data-binary", json.dumps(body)] if body is not None else [])
    answer = ask(server, target, *options)
    assert answer.status == status, (method, target, answer.status, answer.body)
    return answer.json


def create(server, name, **grants):
    return request(server, "POST", "/api/v1/identities", dict(grants, name=name), 201)["token"]


def link(tunnel, server, token):
    return tunnel.stage.add(noise.Link(server.address)).up(token)


def claim(of, number=1, **members):
    """What the server says to a hand-made publish."""
    asked = {"kind": "http", "host": "", "upstream": "http://127.0.0.1:1", **members}
    of.send(control(type="publish", service=number, **asked))
    return of.read_control("granted", "refused")


def port(number, kind="tcp"):
    return {"kind": kind, "port": number, "upstream": kind + "://127.0.0.1:1"}


def rejected(server, token):
    with noise.Link(server.address) as link:
        link.send_message(link.first(token))
        return link.read_message()[0] != 1


def test_each_claims_its_own(tunnel):
    """Its own names and ports, and neither those of the other nor what covers them."""
    mine, other = free_ports(2)
    server = tunnel.server()
    web = link(tunnel, server, create(server, "web", hosts=["a.example.org"], ports=[str(mine)]))
    team = link(tunnel, server, create(server, "team", hosts=["*.b.example.org"]))
    for of, number, asked in [(web, 1, {"host": "a.example.org"}), (web, 2, port(mine)),
                              (team, 1, {"host": "x.b.example.org"}),
                              (team, 2, {"host": "*.b.example.org"})]:
        assert claim(of, number, **asked)["type"] == "granted", asked
    for of, name, asked, option in [
            (web, "web", {"host": "x.b.example.org"}, "--hosts"),
            (web, "web", {"host": "*.b.example.org"}, "--hosts"),
            (web, "web", {"host": "*.example.org"}, "--hosts"),
            (web, "web", {"host": "*.a.example.org"}, "--hosts"),
            (web, "web", {"host": ""}, "--hosts"),
            (web, "web", port(other), "--ports"),
            (web, "web", port(0), "--ports"),
            (web, "web", dict(port(mine), ports=2), "--ports"),
            (web, "web", port(mine, "udp"), "--udp-ports"),
            (team, "team", {"host": "a.example.org"}, "--hosts"),
            (team, "team", {"host": "b.example.org"}, "--hosts"),
            (team, "team", {"host": "*.example.org"}, "--hosts"),
            (team, "team", {"host": ""}, "--hosts"),
            (team, "team", port(mine), "--ports")]:
        answer = claim(of, 9, **asked)
        assert (answer["type"], answer["reason"]) == ("refused", "denied"), (asked, answer)
        assert "tunnel token update %s %s " % (name, option) in answer["sentence"]


def test_the_command_line_is_refused_likewise(tunnel):
    server = tunnel.server()
    token = create(server, "team", hosts=["*.b.example.org"])
    up = tunnel.upstream(response(b"mine"))
    tunnel.client(server, "x.b.example.org=" + up.url, token=token)
    client = tunnel.client(server, "a.example.org=" + up.url, token=token, wait=False)
    client.log_contains("tunnel token update team --hosts '*.b.example.org,a.example.org'")
    with tunnel.visitor(server) as v:
        assert v.get("/", host="x.b.example.org").body == b"mine"


def test_two_tokens_are_one_identity(tunnel):
    """Rule 27: during a rotation both have the names; then only the new one."""
    server = tunnel.server()
    old = create(server, "web", hosts=["*"])
    first = link(tunnel, server, old)
    assert claim(first, host="a.example.org")["type"] == "granted"
    new = request(server, "POST", WEB + "/tokens", {"overlap": "2s"}, 201)["token"]
    second = link(tunnel, server, new)
    assert claim(second, host="a.example.org")["type"] == "granted"
    assert not rejected(server, old)
    with pytest.raises(Closed):
        first.read_kind(noise.GOAWAY)
        while True:
            first.read_frame()
    assert rejected(server, old) and not rejected(server, new)
    assert claim(second, 2, host="b.example.org")["type"] == "granted"


def test_a_revoked_token_takes_all_with_it(tunnel):
    mine, = free_ports(1)
    server = tunnel.server()
    token = create(server, "web", hosts=["a.example.org"], ports=[str(mine)])
    up = tunnel.upstream(response(b"mine"))
    client = tunnel.client(server, ["a.example.org=" + up.url, "%d=tcp://%s" % (mine, up.address)],
                           token=token)
    v = tunnel.visitor("127.0.0.1:%d" % mine)
    assert v.get("/").body == b"mine"
    began = time.monotonic()
    assert request(server, "POST", WEB + "/revoke")["sessionsEnded"] == 1
    # Behind the answer nothing of it is there any more.
    assert rejected(server, token)
    with pytest.raises(OSError):
        tunnel.visitor("127.0.0.1:%d" % mine)
    assert time.monotonic() - began < 1
    client.log_contains("denied")


def test_what_is_granted_no_more_is_withdrawn(tunnel):
    server = tunnel.server()
    web = link(tunnel, server, create(server, "web", hosts=["a.example.org", "b.example.org"]))
    assert claim(web, 1, host="a.example.org")["type"] == "granted"
    assert claim(web, 2, host="b.example.org")["type"] == "granted"
    request(server, "PATCH", WEB, {"hosts": ["b.example.org"]})
    message = web.read_control("refused")
    assert (message["service"], message["reason"]) == (1, "denied")
    assert claim(web, 3, host="a.example.org")["type"] == "refused"
    request(server, "PATCH", WEB, {"hosts": ["*"]})
    assert claim(web, 4, host="")["type"] == "granted"


def test_identities_are_there_after_a_restart(tunnel):
    server = tunnel.server()
    web, team = create(server, "web", hosts=["a.example.org"]), create(server, "team")
    request(server, "DELETE", TEAM)
    server.stop()
    server.start()
    assert rejected(server, team)
    of = link(tunnel, server, web)
    assert claim(of, 1, host="a.example.org")["type"] == "granted"
    assert claim(of, 2, host="b.example.org")["type"] == "refused"
    # --token is the identity `default`, which has all.
    assert claim(link(tunnel, server, tunnel.TOKEN), host="b.example.org")["type"] == "granted"
    assert server.alive()


def test_when_a_token_was_used_last(tunnel):
    """Told at once, and kept over an ordered restart."""
    def used():
        token, = request(server, "GET", WEB)["tokens"]
        return token["lastUsedAt"]
    server = tunnel.server()
    token = create(server, "web", hosts=["*"])
    assert used() is None
    began = datetime.datetime.now(datetime.UTC)
    link(tunnel, server, token).publish("a.example.org")
    told = used()
    assert abs(datetime.datetime.fromisoformat(told) - began).total_seconds() < PATIENCE
    revision = request(server, "GET", WEB)["revision"]
    server.stop()
    server.start()
    assert (used(), request(server, "GET", WEB)["revision"]) == (told, revision)
    request(server, "PATCH", WEB, {"description": "changed"})
    assert used() == told


def test_where_it_comes_from(tunnel):
    server = tunnel.server()
    token = create(server, "web", hosts=["*"], allowFrom=["192.0.2.0/24"])
    of = link(tunnel, server, token)
    with pytest.raises(Closed):
        while True:
            of.read_frame()
    wait_until(lambda: "--allow-from '192.0.2.0/24,127.0.0.1'" in server.log(), "the refusal")
    request(server, "PATCH", WEB, {"allowFrom": ["127.0.0.0/8"]})
    assert claim(link(tunnel, server, token))["type"] == "granted"
