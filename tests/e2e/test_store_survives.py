# SPDX-License-Identifier: MIT
"""What a server answered is there again, however it ended, and no more than was asked for; where its store
cannot be written, or is not what it was, a sentence says so."""

import http.client
import json
import os
import random
import signal
import sqlite3
import threading

import pytest

from harness import noise
from harness.admin import Connection, ask
from harness.wait import quiet_for, wait_until

IDENTITIES = "/api/v1/identities"
WEB = IDENTITIES + "/web"


def rejected(server, token):
    with noise.Link(server.address) as link:
        link.send_message(link.first(token))
        return link.read_message()[0] != 1


# ---- Killed ----

class Changer(threading.Thread):
    """Changes one thing after another, until the server is gone. What is there is (hosts, state) by name."""

    def __init__(self, server, there, rng, made):
        super().__init__()
        self.server, self.rng, self.made = server, rng, made
        self.there = dict(there)
        self.pending = None  # (name, what it will be): asked for, and not answered
        self.answered = 0
        self.failed = None

    def next(self):
        """(method, target, value, name, what it will be)"""
        active = [name for name, (_, state) in self.there.items() if state == "active"]
        kind = self.rng.random()
        if not active or kind < 0.4:
            name = "n%d" % self.made
            self.made += 1
            hosts = ["%s-%d.example.org" % (name, i) for i in range(self.rng.randrange(1, 40))]
            return "POST", IDENTITIES, {"name": name, "hosts": hosts}, name, (sorted(hosts), "active")
        name = self.rng.choice(active)
        if kind < 0.8:
            hosts = ["%s-%d.example.net" % (name, self.rng.randrange(1000))]
            return "PATCH", "%s/%s" % (IDENTITIES, name), {"hosts": hosts}, name, (hosts, "active")
        if kind < 0.95:
            return "POST", "%s/%s/revoke" % (IDENTITIES, name), None, name, (self.there[name][0], "revoked")
        return "DELETE", "%s/%s" % (IDENTITIES, name), None, name, None

    def run(self):
        try:
            with Connection(self.server) as admin:
                while True:
                    method, target, value, name, will_be = self.next()
                    self.pending = (name, will_be)
                    status, content = admin.ask(method, target, value)
                    if status >= 300:
                        self.failed = (method, target, status, content)
                        return
                    self.pending = None
                    self.answered += 1
                    keep(self.there, name, will_be)
        except (OSError, ValueError, http.client.HTTPException):
            pass  # it was killed

    def wait_for(self, answers):
        wait_until(lambda: self.answered >= answers or not self.is_alive(), "some changes", 30)

    def why_failed(self):
        return self.failed


def keep(there, name, value):
    if value:
        there[name] = value
    else:
        there.pop(name, None)


def what_is_there(server):
    there, after = {}, ""
    with Connection(server) as admin:
        while after is not None:
            page = admin.ok("GET", "%s?limit=500%s" % (IDENTITIES, after))
            for item in page["items"]:
                there[item["name"]] = (sorted(item["hosts"]), item["state"])
            after = page["next"] and "&after=" + page["next"]
    del there["default"]
    return there


@pytest.mark.parametrize("changes", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_killed(tunnel, changes):
    """kill -9 at random moments: each answered change is there, the one under way as a whole or not at all."""
    rng = random.Random(13)
    server = tunnel.server()
    server.expected_status |= {-signal.SIGKILL}
    there, made, answered, kills, kept = {}, 0, 0, 0, 0
    while answered < changes:
        changer = Changer(server, there, rng, made)
        changer.start()
        changer.wait_for(rng.randrange(1, 20))
        quiet_for(0.03 * rng.random(), changer.why_failed, "a refusal")
        server.process.kill()
        server.process.wait()
        changer.join()
        assert changer.failed is None
        server.start()
        kills += 1
        answered += changer.answered
        made = changer.made
        found, expected = what_is_there(server), changer.there
        if found != expected:
            assert changer.pending, (found, expected)
            keep(expected, *changer.pending)
            kept += 1
            assert found == expected
        there = found
    print("%d changes answered, killed %d times, %d times with one that was stored and not answered"
          % (answered, kills, kept))
    assert kills > 2


# ---- No room ----

@pytest.mark.root
def test_full_disk(tunnel, disk):
    """What gives is refused; what takes away acts, says that it is not stored, and is stored once there is room."""
    where = disk("512k")
    server = tunnel.server(state=where / "state")
    tokens = [ask(server, IDENTITIES, "-d", json.dumps({"name": name, "hosts": ["*"]})).json["token"]
              for name in ("web", "other")]
    ballast = where / "ballast"
    with open(ballast, "wb", buffering=0) as f:
        while os.statvfs(where).f_bavail > 0:
            f.write(b"x" * os.statvfs(where).f_bsize)
    for i in range(100):  # into what the file has already
        answer = ask(server, IDENTITIES, "-d", json.dumps({"name": "n%d" % i}))
        if answer.status != 201:
            break
    assert (answer.status, answer.json["reason"]) == (507, "store")
    assert answer.json["detail"].startswith("nothing was changed: ")
    assert answer.json["detail"].endswith("No space left on device")
    assert ask(server, IDENTITIES + "/n%d" % i).status == 404
    link = tunnel.stage.add(noise.Link(server.address)).up(tokens[0])
    assert link.publish("a.example.org")["type"] == "granted"
    answer = ask(server, WEB + "/revoke", "-X", "POST")
    assert answer.status == 507
    assert answer.json["detail"].startswith("it is in effect, but not stored: ")
    assert rejected(server, tokens[0]) and link.closed()
    assert ask(server, WEB).json["state"] == "revoked"
    ballast.unlink()
    server.log_contains("identity.revoke of web is stored now", 25)
    server.kill()
    server.start()
    assert ask(server, WEB).json["state"] == "revoked"
    assert rejected(server, tokens[0]) and not rejected(server, tokens[1])


# ---- Not what it was ----

def damage(state):
    """A byte of each page, among its rows, which are at its end."""
    content = bytearray((state / "store.db").read_bytes())
    for i in range(4096 - 20, len(content), 4096):
        content[i] ^= 255
    (state / "store.db").write_bytes(content)


def make_newer(state):
    with sqlite3.connect(state / "store.db") as db:
        version, = db.execute("PRAGMA user_version").fetchone()
        db.execute("PRAGMA user_version = %d" % (version + 1))
    db.close()


def change_salt(state):
    salt = (state / "salt").read_text()
    (state / "salt").write_text(("0" if salt[0] != "0" else "1") + salt[1:])


def change_a_grant(state):
    """Well-formed to SQLite, and more than was granted."""
    db = sqlite3.connect(state / "store.db")
    assert db.execute("UPDATE grants SET value = '*' WHERE value = 'a.example.org'").rowcount == 1
    db.commit()
    db.close()


def open_to_others(state):
    (state / "store.db").chmod(0o644)


@pytest.mark.parametrize("spoil, words", [
    (damage, "is damaged"),
    (make_newer, "knows versions up to 3"),
    (change_salt, "salt"),
    (change_a_grant, "is damaged"),
    (open_to_others, "others"),
])
def test_does_not_start(tunnel, spoil, words):
    server = tunnel.server()
    ask(server, IDENTITIES, "-d", '{"name":"web","hosts":["a.example.org"]}')
    server.stop()
    spoil(server.state)
    content = (server.state / "store.db").read_bytes()
    status, out, err = tunnel.run("server", "--port=0", "--bind-addr=127.0.0.1", "--token=" + tunnel.TOKEN,
                                  "--state-dir=%s" % server.state)
    said = [line for line in (out + err).splitlines() if " error " in line]
    print(*said)
    assert status == 1 and len(said) == 1
    assert words in said[0] and "store.db" in said[0]
    assert "listening" not in out + err
    assert (server.state / "store.db").read_bytes() == content
