# SPDX-License-Identifier: MIT
"""Commands and the server that they ask, on the exit node and from elsewhere."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys

import pytest

from harness import TOP
from harness.commands import ExitNode
from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.wait import quiet_for, wait_until

sys.path.append(str(TOP / "tests"))

from documents import blocks


@pytest.fixture(name="node")
def node_fixture(tunnel):
    return ExitNode(tunnel)


@pytest.fixture(name="asked", params=["here", "remote"])
def asked_fixture(request, node):
    """The same commands at the socket, and over a link with an operator's token."""
    if request.param == "remote":
        operator = node.create("admin", "--operator")
        here = node.run

        def over_the_link(*argv, **kwargs):
            return here(*argv, "--remote=" + node.server.address, "--token-from=%s" % operator, **kwargs)
        node.run = over_the_link
    return node


# ---- Identities ----

def test_two_teams(node, tunnel):
    """Each publishes its own, and is refused the other's, the catch-all and a covering wildcard."""
    port = free_port()
    web = node.create("web", "--hosts=example.org,*.b.example.org")
    ssh = node.create("ssh", "--ports=%d" % port)
    up = tunnel.upstream("hello")
    tcp = tunnel.upstream("")
    node.client(["example.org=" + up.url, "x.b.example.org=" + up.url], web)
    node.client("%d=tcp://%s" % (port, tcp.address), ssh)
    visitor = tunnel.visitor(node.server)
    assert visitor.get("/", host="example.org").body == b"hello"
    for token, upstream in ((web, "a.example.org=" + up.url), (web, up.url), (web, "*.example.org=" + up.url),
                            (web, "%d=tcp://%s" % (port, tcp.address)), (ssh, "example.org=" + up.url)):
        refused = node.client(upstream, token, wait=False)
        refused.log_contains("token update %s --" % token.name.split(".")[0])  # what would allow it
        refused.stop()
    rows = {line.split()[0]: line for line in node.ok("token", "list").splitlines()[1:]}
    assert set(rows) == {"default", "ssh", "web"}
    assert "*.b.example.org,example.org" in rows["web"] and str(port) in rows["ssh"]
    assert re.split("  +", rows["web"])[3] == "1"
    assert node.json("token", "show", "web")["tokens"][0]["lastUsedAt"]


def test_life_of_an_identity(asked):
    out = asked.ok("token", "create", "web", "--hosts=a.example.org", "--rate-up=10MiB", "-q")
    assert re.fullmatch("[0-9a-f]{40}\n", out)
    web = asked.json("token", "show", "web")
    assert (web["hosts"], web["rateUp"], web["state"]) == (["a.example.org"], 10 << 20, "active")
    assert asked.ok("token", "update", "web", "--hosts=", "--ports=2222,7000-7010", "--description=Web") == (
        "web is changed\n")
    web = asked.json("token", "show", "web")
    assert (web["hosts"], web["ports"], web["rateUp"], web["description"]) == (
        [], ["2222", "7000-7010"], 10 << 20, "Web")
    shown = asked.ok("token", "show", "web")
    assert re.search(r"^Description: +Web$", shown, re.M) and re.search(r"^Rate up: +10MiB$", shown, re.M)
    status, out, err = asked.run("token", "rotate", "web", "--overlap=24h", "--label=new")
    assert status == 0 and re.fullmatch("[0-9a-f]{40}\n", out) and "end at 20" in err
    assert len(asked.json("token", "show", "web")["tokens"]) == 2
    assert re.search("one in 2[34]h", asked.ok("token", "list", "--prefix=web"))
    old = asked.json("token", "show", "web")["tokens"][0]["keyId"]
    assert asked.ok("token", "revoke", "web", "--credential=" + old).startswith(
        "token %s of web is revoked: 0 sessions" % old)
    assert asked.ok("token", "revoke", "web") == "web is revoked: 0 sessions ended, 0 streams cut\n"
    assert asked.json("token", "show", "web")["state"] == "revoked"
    assert asked.ok("token", "rm", "web").startswith("web is deleted")
    assert asked.run("token", "show", "web")[0] == 4


def test_statuses(asked):
    assert asked.run("token", "show", "nobody")[0] == 4
    asked.ok("token", "create", "web")
    status, out, err = asked.run("token", "create", "web")
    assert (status, out) == (1, "") and "web" in err
    assert asked.run("token", "create", "a b")[0] == 2
    assert asked.run("token", "create", "x", "--hosts=a b")[0] == 2
    assert asked.run("token", "delete", "default")[0] != 0
    revision = asked.json("token", "show", "web")["revision"]
    asked.ok("token", "update", "web", "-d", "first", "--if-match=%d" % revision)
    assert asked.run("token", "update", "web", "-d", "second", "--if-match=%d" % revision)[0] == 1
    assert asked.json("token", "show", "web")["description"] == "first"


def test_who_may_ask_over_a_link(node):
    """An operator; somebody without the grant; somebody whom the exit node does not know."""
    plain = node.create("plain")
    remote = "--remote=" + node.server.address
    status, out, err = node.run("token", "list", remote, "--token-from=%s" % plain)
    assert (status, out) == (1, "") and err.count("\n") == 1
    node.ok("token", "update", "plain", "--operator")
    assert "plain" in node.ok("token", "list", "-o", "name", remote, "--token-from=%s" % plain)
    stranger = node.tunnel.stage.file("stranger", "f" * 40 + "\n")
    assert node.run("token", "list", remote, "--token-from=%s" % stranger)[0] == 3
    node.ok("token", "revoke", "plain")
    assert node.run("token", "list", remote, "--token-from=%s" % plain)[0] == 3
    node.server.stop()
    status, _, err = node.run("token", "list", remote, "--token-from=%s" % stranger)
    assert status == 5 and node.server.address in err


def test_a_changed_grant_acts_at_once(node, tunnel):
    up = tunnel.upstream("hello")
    web = node.create("web", "--hosts=example.org")
    node.client("example.org=" + up.url, web)
    visitor = tunnel.visitor(node.server)
    assert visitor.get("/", host="example.org").status == 200
    node.ok("token", "update", "web", "--hosts=other.example.org")
    wait_until(lambda: visitor.get("/", host="example.org").status != 200, "the name to be withdrawn")
    node.ok("token", "update", "web", "--hosts=example.org")
    wait_until(lambda: visitor.get("/", host="example.org").status == 200, "the name to be back")


def test_revoke_ends_sessions(node, tunnel):
    up = tunnel.upstream("hello")
    web = node.create("web", "--hosts=example.org")
    client = node.client("example.org=" + up.url, web)
    assert node.ok("token", "revoke", "web").startswith("web is revoked: 1 session ended")
    assert node.json("sessions") == []
    client.log_contains("(denied)")
    node.server.log_contains("the token is not one of this server's")


def test_rotation_loses_no_request(node, tunnel):
    up = tunnel.upstream("hello")
    old = node.create("web", "--hosts=example.org")
    first = node.client("example.org=" + up.url, old)
    new = tunnel.path / "new.token"
    node.ok("token", "rotate", "web", "--overlap=3s", "--out=%s" % new)
    second = node.client("example.org=" + up.url, new)
    first.stop()
    visitor = tunnel.visitor(node.server)
    quiet_for(4, lambda: visitor.get("/", host="example.org").status != 200, "a failed request")
    assert second.alive()
    node.client("example.org=" + up.url, old, wait=False)
    node.server.log_contains("the token is not one of this server's")


def test_import(node, tunnel):
    path = tunnel.stage.file("old.token", "a-token-of-another-program\n")
    assert "is there" in node.ok("token", "import", "old", "--from=%s" % path, "--hosts=example.org")
    up = tunnel.upstream("hello")
    node.client("example.org=" + up.url, path)
    assert tunnel.visitor(node.server).get("/", host="example.org").body == b"hello"
    short = tunnel.stage.file("short.token", "tooshort\n")
    status, _, err = node.run("token", "import", "short", "--from=%s" % short)
    assert status == 2 and "16" in err


# ---- What is there ----

def test_views(asked, tunnel):
    up = tunnel.upstream("hello")
    asked.tunnel.client(asked.server, "example.org=" + up.url)
    status = asked.json("status")
    assert status["sessions"] >= 1
    client, = [c for c in status["clients"] if c["publishes"]]
    assert client["identity"] == "default"
    shown = asked.ok("status")
    line, = [s for s in shown.splitlines() if s.startswith(client["session"])]
    assert "example.org" in line
    session, = [s for s in asked.json("sessions") if s["services"]]
    assert session["id"] == client["session"]
    assert session["id"] in asked.ok("sessions")
    assert "example.org" in asked.ok("routes")
    assert session["id"] in asked.ok("routes", "example.org")
    assert json.loads(asked.ok("routes", "nobody.example.net", "--json"))["matched"] is None
    assert asked.ok("sessions", "end", session["id"]) == "session %s is ended: 0 streams cut\n" % session["id"]
    assert asked.run("sessions", "end", "0" * 16)[0] == 4


def test_audit(asked):
    asked.ok("token", "create", "web")
    asked.ok("token", "revoke", "web")
    subjects = [(i["subject"], i["action"]) for i in asked.json("audit", "--since=1h")]
    web = [action for subject, action in subjects if "web" in subject]
    assert len(web) == 2 and web[0] != web[1]
    assert [s for s in asked.ok("audit").splitlines() if "web" in s]
    assert json.loads(asked.ok("audit", "--since=2100-01-01T00:00:00Z", "--json")) == []


def test_audit_follows(node):
    node.ok("token", "create", "first")
    command = subprocess.Popen([TUNNEL, "audit", "--follow", "--json"], env=node.env, stdout=subprocess.PIPE, text=True)
    try:
        assert "first" in command.stdout.readline()
        node.ok("token", "create", "second")
        assert "second" in command.stdout.readline()
    finally:
        command.terminate()
        command.wait()
        command.stdout.close()


# ---- The store, and files ----

def test_store(asked):
    asked.ok("token", "create", "web")
    assert asked.ok("store", "check")
    copy = asked.state / "copy.db"
    asked.ok("store", "backup", str(copy))
    assert copy.stat().st_size > 0 and stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert asked.run("store", "backup", "/nonexistent/copy.db")[0] == 1


def test_without_a_server(node, tunnel):
    """Commands ask the store itself; the server finds what they changed."""
    node.create("web", "--hosts=example.org")
    node.server.stop()
    status, out, err = node.run("token", "create", "late", "--hosts=late.example.org")
    assert status == 0 and re.fullmatch("[0-9a-f]{40}\n", out)
    assert "no server runs here" in err
    token = tunnel.stage.file("late.token", out)
    assert node.ok("token", "revoke", "web", "-q") == ""
    assert {i["name"]: i["state"] for i in node.json("token", "list")}["web"] == "revoked"
    assert node.json("audit")[-1]["via"] == "the store itself"
    assert node.ok("audit", "--follow", "-q")  # nothing comes by itself: it ends
    assert "create" in node.ok("apply", "-f", "-", "--dry-run", stdin=b"identities: [{name: x}]")
    for words in (["status"], ["sessions"], ["routes"]):
        assert node.run(*words)[0] == 5
    node.server.start()
    up = tunnel.upstream("hello")
    node.client("late.example.org=" + up.url, token)
    assert tunnel.visitor(node.server).get("/", host="late.example.org").body == b"hello"
    assert node.json("token", "show", "web")["state"] == "revoked"


@pytest.mark.root
def test_files_stay_the_server_s(node):
    """root changes the store of a server that runs as another user."""
    node.server.stop()
    for path in [node.state, *node.state.iterdir()]:
        os.chown(path, 65534, 65534)
    node.ok("token", "create", "web", "-q")
    assert {path.stat().st_uid for path in node.state.iterdir()} == {65534}


def test_store_that_is_damaged(node):
    """No server starts with it: the command says why."""
    node.ok("token", "create", "web")
    node.server.stop()
    assert node.ok("store", "check") == "the store is sound\n"
    node.ok("store", "backup", "copy.db")
    assert stat.S_IMODE((node.tunnel.path / "copy.db").stat().st_mode) == 0o600
    store = node.state / "store.db"
    data = bytearray(store.read_bytes())
    at = data.index(b"web")
    data[at:at + 3] = b"wob"
    store.write_bytes(data)
    status, _, err = node.run("store", "check")
    assert status == 1 and "damaged" in err


def test_restore(node):
    """As the manual says; and what is said to who forgets a part of it."""
    node.ok("token", "create", "web", "-q")
    node.ok("store", "backup", str(node.tunnel.path / "copy.db"))
    node.ok("token", "delete", "web")
    node.ok("token", "create", "later", "-q")
    node.server.kill()  # so that there is a journal
    store, journal = node.state / "store.db", node.state / "store.db-wal"
    assert journal.exists()
    shutil.copy(node.tunnel.path / "copy.db", store)
    status, _, err = node.run("store", "check")
    assert status == 1 and "damaged" in err and "remove %s" % journal in err
    shutil.copy(node.tunnel.path / "copy.db", store)  # the journal has spoiled it
    journal.unlink(missing_ok=True)
    assert node.ok("store", "check") == "the store is sound\n"
    node.server.start()
    assert node.ok("token", "list", "-oname").split() == ["default", "web"]


def shell(node, lines):
    """Types lines of a document, as root or as the server's user, who needs no sudo."""
    path = node.tunnel.path / "bin"
    path.mkdir(exist_ok=True)
    if not (path / "tunnel").exists():
        (path / "tunnel").symlink_to(os.path.abspath(TUNNEL))
    script = "set -e\n" + "\n".join(lines).replace("sudo ", "")
    done = subprocess.run(["bash", "-c", script], env={**node.env, "PATH": "%s:%s" % (path, node.env["PATH"])},
                          cwd=node.tunnel.path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("document, section", [
    ("README.md", "Two teams, two tokens"), ("docs/getting-started.md", "Who may publish what")])
def test_what_the_documents_type(node, document, section):
    found, _ = blocks.parse(document, (TOP / document).read_text())
    typed = [b for b in found if b.section == section]
    assert len(typed) == 2
    for block in typed:
        assert block.kind == "shown"
        shell(node, block.lines)
    states = {i["name"]: i["state"] for i in node.json("token", "list")}
    assert sorted(states.values()) == ["active", "active", "revoked"]


def test_restored_as_the_manual_says(node):
    """The lines of the manual, with the server of the test instead of the unit's."""
    manual = (TOP / "docs/man/tunnel-store.1.scd").read_text().split("# RESTORING A BACKUP")[1]
    lines = manual.split("```")[1].strip().splitlines()
    assert lines[0] == "systemctl stop tunnel-server" and lines[-1] == "systemctl start tunnel-server"
    node.create("web", "--hosts=example.org")
    node.ok("store", "backup", "copy.db")
    node.ok("token", "delete", "web", "--yes")
    node.create("later")
    node.server.kill()
    shell(node, [line.replace("/var/lib/tunnel", str(node.state)).replace("BACKUP", "copy.db") for line in lines[1:-1]])
    node.server.start()
    assert [i["name"] for i in node.json("token", "list")] == ["default", "web"]


def test_it_is_there_after_a_restart(node):
    node.create("web", "--hosts=example.org")
    node.server.kill()
    node.server.start()
    assert node.json("token", "show", "web")["hosts"] == ["example.org"]


def test_apply(asked):
    path = asked.tunnel.path / "identities.yaml"
    path.write_text("identities:\n"
                    "  - name: web\n    hosts: [example.org, '*.example.org']\n    rate-up: 10MiB\n"
                    "  - name: ssh\n    ports: 2222\n")
    status, out, err = asked.run("apply", "--dry-run", "-f", str(path))
    assert status == 0 and "create" in out and "nothing is changed" in err
    assert asked.run("token", "show", "web")[0] == 4
    assert "hosts=*.example.org,example.org; rate-up=10MiB\n" in out
    out = asked.ok("apply", "-f", str(path))
    tokens = dict(line.split("\t") for line in out.splitlines() if "\t" in line)
    assert set(tokens) == {"web", "ssh"}
    assert asked.json("token", "show", "web")["rateUp"] == 10 << 20
    assert "already" in asked.ok("apply", "-f", str(path))
    path.write_text("identities:\n  - name: ssh\n    ports: 22\n")
    assert "ports=22 (was 2222)\n" in asked.ok("apply", str(path))
    assert asked.json("token", "show", "ssh")["ports"] == ["22"]
    assert sorted(asked.json("token", "show", "web")["hosts"]) == ["*.example.org", "example.org"]


# ---- Slips of the hand ----

@pytest.mark.parametrize("typed, instead", [
    ("token get web", "tunnel token show NAME"), ("token remove web", "tunnel token delete NAME"),
    ("token add web", "tunnel token create NAME"), ("sessions kill x", "tunnel sessions end ID"),
    ("store restore x", "RESTORING"), ("logs", "tunnel audit --follow"), ("get tokens", "tunnel token list")])
def test_commands_of_others(tunnel, typed, instead):
    status, _, err = tunnel.run(*typed.split())
    assert status == 2 and instead in err


def test_a_token_that_is_over_already(node):
    status, _, err = node.run("token", "create", "web", "--expires=2020-01-31T00:00:00Z")
    assert status == 2 and "is over already" in err
    assert node.run("token", "show", "web")[0] == 4


# ---- How it is reached ----

def test_a_server_without_admin_socket(tunnel):
    node = ExitNode(tunnel, "--admin-socket=none")
    status, _, err = node.run("token", "list")
    assert status == 1 and "unless it was started with none" in err


def test_another_socket(tunnel):
    path = tunnel.path / "other.sock"
    node = ExitNode(tunnel, "--admin-socket=%s" % path)
    assert node.run("status")[0] == 5
    assert "default" in node.ok("token", "list", "--admin-socket=%s" % path)
    node.env["TUNNEL_ADMIN_SOCKET"] = str(path)
    assert "default" in node.ok("token", "list")


def test_no_socket(tunnel):
    node = ExitNode(tunnel, "--admin-socket=none")
    status, _, err = node.run("status")
    assert status == 5 and "no server answers" in err


def test_curl_does_the_same(node):
    node.ok("token", "create", "web")
    done = subprocess.run(["curl", "-sS", "--unix-socket", str(node.state / "admin.sock"),
                           "http://localhost/api/v1/identities/web"], capture_output=True, check=True)
    assert json.loads(done.stdout) == node.json("token", "show", "web")


def test_over_tls(tunnel):
    """With the TLS options of a client."""
    node = ExitNode(tunnel, "--auto-tls")
    operator = node.create("admin", "--operator")
    url = "wss://" + node.server.address
    assert "admin" in node.ok("token", "list", "--remote=" + url, "--token-from=%s" % operator)
    status, _, err = node.run("token", "list", "--remote=" + url, "--token-from=%s" % operator,
                              "--tls-pin=sha256/" + "A" * 43 + "=")
    assert status == 5 and "pin" in err


def test_the_default_token(node):
    """It publishes everything, and asks nothing over a link."""
    path = node.tunnel.stage.file("default.token", TOKEN + "\n")
    assert node.json("token", "show", "default")["hosts"] == ["*"]
    status, _, err = node.run("token", "list", "--remote=" + node.server.address, "--token-from=%s" % path)
    assert status == 1 and err.count("\n") == 1
    assert os.stat(node.state / "admin.sock").st_mode & 0o777 == 0o600
