# SPDX-License-Identifier: MIT
"""--audit-log: changes, and who was let in, refused, granted what; reopened, and without any token."""

import json
import os
import signal

from harness import noise
from harness.admin import ask
from harness.private import PrivateNode
from harness.public import free_ports
from harness.wait import wait_until


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def actions(path):
    return [line["action"] for line in lines(path)]


def test_lines(tunnel):
    log = tunnel.path / "audit.log"
    server = tunnel.server("--audit-log=%s" % log)
    created = ask(server, "/api/v1/identities", "-d", '{"name":"web","hosts":["a.example.org"]}').json
    wait_until(lambda: "identity.create" in actions(log), "the change's line")
    line = lines(log)[0]
    assert line["actor"] == "uid %d" % os.getuid() and line["via"] == "admin socket"
    assert line["subject"] == "web" and line["detail"]["is"]["hosts"] == ["a.example.org"]
    client = tunnel.client(server, "http://127.0.0.1:9")
    wait_until(lambda: "claim.grant" in actions(log), "the claim's line")
    assert [line["grant"] for line in lines(log) if line["action"] == "claim.grant"] == ["*"]
    begin = next(line for line in lines(log) if line["action"] == "session.begin")
    assert begin["actor"] == "default" and begin["via"].startswith("127.0.0.1")
    client.stop()
    wait_until(lambda: "session.end" in actions(log), "the end's line")
    # One that may not have what it asks for, and then may not be here at all.
    token = tunnel.path / "token"
    token.write_text(created["token"])
    token.chmod(0o600)
    other = tunnel.client(server, "b.example.org=http://127.0.0.1:9", "--token-from=%s" % token, token=None,
                          wait=False)
    other.expected_status |= set(range(256))
    wait_until(lambda: "claim.refuse" in actions(log), "the refusal's line")
    refused = next(line for line in lines(log) if line["action"] == "claim.refuse")
    assert refused["actor"] == "web" and "b.example.org" in refused["subject"] and refused["why"]
    ask(server, "/api/v1/identities/web/revoke", "-X", "POST")
    wait_until(lambda: actions(log).count("session.end") == 2, "the end of its session")
    assert created["token"] not in log.read_text() and tunnel.TOKEN not in log.read_text()


def test_private_services(tunnel):
    """Who uses one, and who is told that there is none."""
    log = tunnel.path / "audit.log"
    node = PrivateNode(tunnel, "--audit-log=%s" % log)
    web = node.create("web")
    node.provider("redis", "tcp://127.0.0.1:9", None, "--visibility=@all", "--auto-approve=@all")
    node.consumer(web, "--service=redis=0", "--service=nothing=0").approved()
    wait_until(lambda: "endpoint.attach" in actions(log) and "endpoint.decline" in actions(log), "both lines")
    found = {line["action"]: line for line in lines(log)}
    assert found["endpoint.request"]["subject"].startswith("redis/web.")
    assert found["endpoint.attach"]["actor"] == "web" and found["endpoint.attach"]["subject"].startswith("redis/web.")
    assert found["endpoint.decline"]["subject"] == "nothing" and found["endpoint.decline"]["why"]


def test_reopened(tunnel):
    log, old = tunnel.path / "audit.log", tunnel.path / "audit.log.1"
    server = tunnel.server("--audit-log=%s" % log)
    ask(server, "/api/v1/identities", "-d", '{"name":"a"}')
    wait_until(lambda: actions(log), "the first line")
    log.rename(old)
    server.process.send_signal(signal.SIGHUP)
    wait_until(log.exists, "the new file")
    ask(server, "/api/v1/identities", "-d", '{"name":"b"}')
    wait_until(lambda: actions(log), "the second line")
    assert [line["subject"] for line in lines(old)] == ["a"]
    assert [line["subject"] for line in lines(log)] == ["b"]


def test_which_grant(tunnel):
    """The line of a claim names what allowed it."""
    log = tunnel.path / "audit.log"
    first, second = free_ports(2)
    server = tunnel.server("--audit-log=%s" % log)
    answer = ask(server, "/api/v1/identities", "-d", json.dumps(
        {"name": "web", "hosts": ["*.example.org", "z.example.net"], "ports": ["%d-%d" % (first, second)]}))
    link = tunnel.stage.add(noise.Link(server.address)).up(answer.json["token"])
    assert link.publish("a.example.org", 1)["type"] == "granted"
    assert link.publish("z.example.net", 2)["type"] == "granted"
    link.send(noise.control(type="publish", service=3, kind="tcp", host="", port=second, upstream="tcp://127.0.0.1:1"))
    assert link.read_control("granted", "refused")["type"] == "granted"
    wait_until(lambda: actions(log).count("claim.grant") == 3, "the claims' lines")
    assert [(line["actor"], line["subject"], line["grant"]) for line in lines(log) if line["action"] == "claim.grant"] == [
        ("web", "a.example.org", "*.example.org"), ("web", "z.example.net", "z.example.net"),
        ("web", "tcp:%d" % second, "%d-%d" % (first, second))]
