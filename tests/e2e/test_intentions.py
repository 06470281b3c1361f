# SPDX-License-Identifier: MIT
"""tunnel intention: Consul's words, output and exit statuses, here and from elsewhere."""

import json
import os
import re

import pytest

from test_commands import asked_fixture, node_fixture  # noqa: F401

TABLE = re.compile(r"[0-9a-f]{8} +(\S+) +(\S+) +(\S+) +(\d)")


def rows(out):
    """Those of `list`: (source, action, destination, precedence)."""
    head, *lines = out.splitlines()
    assert head.split() == ["ID", "SOURCE", "ACTION", "DESTINATION", "PRECEDENCE"]
    return [TABLE.fullmatch(line).groups() for line in lines]


def test_as_consul_says_it(asked):
    """What a real Consul printed to the same, line by line. Ours differs where the design says so: a list of nothing is
    no error, wrong usage is 2, and --replace tells what it did."""
    run = asked.run

    def says(words, out, status=0, err=""):
        got = run("intention", *words.split())
        assert got[:2] == (status, out), (words, got)
        assert (err in got[2]) if err else not got[2], (words, got)

    assert rows(asked.ok("intention", "list")) == []
    says("check web redis", "Allowed\n")
    says("create --deny web redis", "Created: web => redis (deny)\n")
    says("check web redis", "Denied\n", 1)
    for action in ("--deny", "--allow"):
        says("create %s web redis" % action, "", 1, "there is an intention web => redis (deny) already")
    says("create --replace --allow web redis", "Replaced: web => redis (allow)\n")
    says("check web redis", "Allowed\n")
    says("create --deny * redis", "Created: * => redis (deny)\n")
    says("create --allow --deny a b", "", 2, "only one of --allow and --deny may be given")
    says("create web", "", 2, "two names are needed")
    says("create we* redis", "", 2, '"*" is not a part of a name')
    says("create --meta owner=me * *", "Created: * => * (allow)\n")
    assert rows(asked.ok("intention", "list")) == [
        ("web", "allow", "redis", "9"), ("*", "deny", "redis", "8"), ("*", "allow", "*", "5")]
    matches = "web => redis (allow)\n* => redis (deny)\n* => * (allow)\n"
    says("match redis", matches)
    says("match --source web", matches)
    says("match --source --destination web", "", 2, "only one of --source and --destination may be given")
    says("get web nothing", "", 4, 'no intention with source "web" and destination "nothing"')
    says("check web nothing", "Allowed\n")
    says("check batch redis", "Denied\n", 1)
    says("check web", "", 2, "two names are needed")
    says("check * redis", "Denied\n", 1)
    says("delete web redis", "Intention deleted.\n")
    says("delete web redis", "Intention deleted.\n")
    says("delete web", "", 2, "two names are needed")
    says("check web redis", "Denied\n", 1)
    assert [row[0] for row in rows(asked.ok("intention", "ls"))] == ["*", "*"]


def test_get(asked):
    asked.ok("intention", "create", "--meta", "owner=me", "--meta=a=b=c", "-d", "for the shop", "web", "redis")
    lines = asked.ok("intention", "get", "web", "redis").splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "Source", "Destination", "Action", "ID", "Description", "Meta[a]", "Meta[owner]", "Created At"]
    assert lines[0] == "Source:       web" and lines[5] == "Meta[a]:      b=c"
    assert re.fullmatch(r"ID: +[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", lines[3])
    assert re.fullmatch(r"Created At: +[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d [A-Z]+", lines[-1])
    intention = asked.json("intention", "get", "web", "redis")
    assert intention["meta"] == {"owner": "me", "a": "b=c"} and intention["precedence"] == 9
    assert asked.json("intention", "list") == [intention]
    assert asked.ok("intention", "list", "-o", "tsv") == "%s\tweb\tallow\tredis\t9\n" % intention["id"]


def test_no_answer_is_no_denial(node):
    """Status 1 is Denied, and whoever waits for it is not told so by a server that is away, or by a wrong name."""
    assert node.run("intention", "check", "we*", "redis")[0] == 2
    assert node.run("intention", "check", "web", "redis", "--admin-socket=/nonexistent")[0] == 2
    token = node.create("other")
    status, out, err = node.run("intention", "check", "web", "redis", "--remote=" + node.server.address,
                                "--token-from=%s" % token)
    assert (status, out) == (2, "") and "other may ask about itself" in err
    bad = node.tunnel.path / "bad.token"
    bad.write_text("0" * 40)
    bad.chmod(0o600)
    status, out, err = node.run("intention", "check", "web", "redis", "--remote=" + node.server.address,
                                "--token-from=%s" % bad)
    assert (status, out) == (2, "") and err


def test_another_identity(node):
    """By its own token an identity sees what is said of it, and changes nothing."""
    web = node.create("web")
    node.ok("intention", "create", "--deny", "web", "redis")
    node.ok("intention", "create", "--deny", "api", "redis")
    way = ["--remote=" + node.server.address, "--token-from=%s" % web]
    assert [row[0] for row in rows(node.ok("intention", "list", *way))] == ["web"]
    assert node.run("intention", "check", "web", "redis", *way)[:2] == (1, "Denied\n")
    assert node.run("intention", "get", "api", "redis", *way)[0] == 4
    for verb in ("create --replace", "delete"):
        status, out, err = node.run("intention", *verb.split(), "web", "redis", *way)
        assert (status, out) == (1, "") and "--operator" in err
    assert node.run("intention", "check", "web", "redis")[0] == 1


def test_default(tunnel, node):
    server = tunnel.server("--default-intention=deny")
    socket = "--admin-socket=%s" % server.admin_socket
    assert tunnel.run("intention", "check", "web", "redis", socket)[:2] == (1, "Denied\n")
    out = tunnel.run("intention", "check", "--explain", "web", "redis", socket)[1]
    assert "intention   none, so the default decides: deny\n" in out
    tunnel.run("intention", "create", "web", "redis", socket)
    assert tunnel.run("intention", "check", "web", "redis", socket)[:2] == (0, "Allowed\n")


def test_explain(node):
    node.create("web", "--consume=db")
    node.ok("intention", "create", "--deny", "web", "redis")
    status, out, _ = node.run("intention", "check", "--explain", "web", "redis")
    assert status == 1 and out.splitlines() == [
        "Denied",
        "  intention   web => redis (deny, precedence 9)",
        "  endpoint    none: there is no such private service",
        "  grants      consume: db, which this private service is not among",
        "  provider    offline"]
    assert "grants      none: there is no such identity" in node.run("intention", "check", "--explain", "x", "y")[1]


def test_survives(node):
    node.ok("intention", "create", "--deny", "web", "redis")
    node.server.stop()
    assert node.run("intention", "check", "web", "redis")[0] == 2
    assert [row[1] for row in rows(node.ok("intention", "list"))] == ["deny"]
    assert node.ok("intention", "create", "*", "redis") == "Created: * => redis (allow)\n"
    node.server.start()
    assert node.run("intention", "check", "web", "redis")[0] == 1
    assert node.run("intention", "check", "api", "redis")[0] == 0
    audit = [row["subject"] for row in node.json("audit") if row["action"] == "intention.create"]
    assert sorted(audit) == ["* => redis", "web => redis"]


# ---- Consul's files ----

def test_files(asked, tunnel):
    one, more = tunnel.path / "one.json", tunnel.path / "more.json"
    one.write_text(json.dumps({
        "ID": "e9ebc19f-d481-42b1-4871-4d298d3acd5c", "Description": "of Consul", "SourceNS": "default",
        "SourceName": "web", "DestinationNS": "default", "DestinationName": "db", "SourceType": "consul",
        "Action": "deny", "Meta": {"k": "v"}, "Precedence": 9, "CreatedAt": "2018-05-21T16:41:27.977155457Z",
        "CreateIndex": 11, "ModifyIndex": 11, "SourcePeer": "", "Permissions": None}))
    more.write_text('[{"sourcename": "a", "destinationname": "*", "action": "allow"},'
                    ' {"SourceName": "b", "DestinationName": "*", "Action": "deny"}]')
    out = asked.ok("intention", "create", "-f", one, "--file=%s" % more)
    assert out == "Created: web => db (deny)\nCreated: a => * (allow)\nCreated: b => * (deny)\n"
    assert asked.json("intention", "get", "web", "db")["meta"] == {"k": "v"}
    # What we print is read as well.
    one.write_text(json.dumps(asked.json("intention", "list")))
    out = asked.ok("intention", "create", "--replace", "-f", one)
    assert out.splitlines()[0] == "Replaced: web => db (deny)" and out.count("\n") == 3
    status, out, err = asked.run("intention", "create", "-f", one)
    assert (status, out) == (1, "") and "already" in err


@pytest.mark.parametrize("text, words", [
    ("{", "it is not JSON"),
    ("[1]", "an intention is an object"),
    ('{"SourceName": "web"}', "SourceName and DestinationName belong to each"),
    ('{"SourceName": "a", "DestinationName": "b", "Permissions": [{"Action": "deny"}]}', "only connections"),
    ('{"SourceName": "a", "DestinationName": "b", "SourceNS": "team"}', "SourceNS: there is one alone, default here"),
    ('{"SourceName": "a", "DestinationName": "b", "SourcePeer": "dc2"}', "SourcePeer: there is none here"),
    ('{"SourceName": "a", "DestinationName": "b", "Aktion": "deny"}', "nothing of that name"),
])
def test_files_refused(node, tunnel, text, words):
    path = tunnel.path / "faulty.json"
    path.write_text(text)
    status, out, err = node.run("intention", "create", "-f", path)
    assert (status, out) == (2, "") and words in err and str(path) in err
    assert rows(node.ok("intention", "list")) == []


# ---- tunnel apply ----

MESH = """
identities:
  - name: web
intentions:
  - {source: '*', destination: '*', action: deny}
  - source: web
    destination: redis
    description: for the shop
    meta: {ticket: 4711}
"""


def test_apply(asked, tunnel):
    path = tunnel.path / "mesh.yaml"
    path.write_text(MESH)
    asked.ok("intention", "create", "--deny", "web", "redis")
    asked.ok("intention", "create", "--deny", "a", "b")
    dry = asked.ok("apply", "-f", path, "--dry-run")
    assert [line.split()[0] for line in dry.splitlines()] == ["create", "create", "update"]
    assert "web => redis  action=allow (was deny); description=for the shop" in dry and "ticket=4711" in dry
    assert len(asked.json("intention", "list")) == 2
    done = asked.ok("apply", "-f", path)
    assert done.startswith(dry)
    assert re.fullmatch(r"web\t[0-9a-z]{40}\n", done[len(dry):])
    assert [row[:3] for row in rows(asked.ok("intention", "list"))] == [
        ("a", "deny", "b"), ("web", "allow", "redis"), ("*", "deny", "*")]
    assert "everything is as" in asked.ok("apply", path)
    # All or nothing.
    path.write_text(MESH + "  - {source: x, destination: 'y*'}\n")
    status, out, err = asked.run("apply", path)
    assert (status, out) == (2, "") and 'intention 3: the destination: "y*"' in err
    path.write_text("intentions:\n  - {source: web, destination: redis}\n")
    assert "description=- (was for the shop)" in asked.ok("apply", path)
    assert asked.run("intention", "check", "other", "redis")[0] == 1


@pytest.mark.parametrize("text, words", [
    ("intentions:\n  - web\n", ':2: an intention is written "source: NAME"'),
    ("intentions:\n  - source: web\n", ":2: source and destination belong to each"),
    ("intentions:\n  - {source: a, destination: b, to: c}\n", ":2: to: an intention has nothing of that name"),
    ("intentions:\n  - {source: [a], destination: b}\n", ":2: source: one value belongs here"),
    ("intentions:\n  - {source: a, destination: b, meta: 1}\n", ":2: meta: pairs belong here"),
    ("intention:\n  - {source: a}\n", ':2: intention: what belongs here is a list, "identities:", "services:", "endpoints:" or "intentions:"'),
])
def test_apply_refused(node, tunnel, text, words):
    path = tunnel.path / "mesh.yaml"
    path.write_text(text)
    status, out, err = node.run("apply", path)
    assert (status, out) == (2, "") and "mesh.yaml" + words in err


@pytest.mark.root
def test_apply_keeps_who_is_named(tunnel, disk):
    """Denies are in force before they are stored. Beside them stand at once the allows that give nothing: nobody is cut
    for a moment who may go on. What gives waits for the disk, and with a full one it never is."""
    where = disk("512k")
    server = tunnel.server(state=where / "state")
    socket = "--admin-socket=%s" % server.admin_socket

    def run(*argv):
        return tunnel.run(*argv, socket)

    assert run("intention", "create", "--deny", "batch", "redis")[0] == 0
    with open(where / "ballast", "wb", buffering=0) as f:
        while os.statvfs(where).f_bavail > 0:
            f.write(b"x" * os.statvfs(where).f_bsize)
    for i in range(200):  # into what the file has already
        if run("intention", "create", "--replace", "a", "b%d" % i)[0]:
            break
    assert i < 199
    path = tunnel.path / "mesh.yaml"
    path.write_text("intentions:\n  - {source: '*', destination: redis, action: deny}\n"
                    "  - {source: web, destination: redis}\n  - {source: batch, destination: redis}\n")
    status, out, err = run("apply", "-f", path)
    assert (status, out) == (1, "") and "it is in effect, but not stored" in err
    assert run("intention", "check", "api", "redis")[0] == 1
    assert run("intention", "check", "web", "redis")[0] == 0
    assert run("intention", "check", "batch", "redis")[0] == 1
    (where / "ballast").unlink()
    server.log_contains("apply of intentions is stored now", timeout=30)
    assert run("intention", "check", "batch", "redis")[0] == 1
