# SPDX-License-Identifier: MIT
"""What commands make of an answer, whoever gives it: statuses, pages, tables, hostile texts."""

import fcntl
import json
import os
import pty
import re
import stat
import struct
import subprocess
import termios

import pytest

from harness.fake_admin import FakeAdmin, answer, problem
from harness.programs import TUNNEL

WEB = {"name": "web", "state": "active", "operator": False, "description": "", "hosts": ["*.web.example.org"],
       "ports": ["2222", "7000-7010"], "udpPorts": ["0"], "publish": [], "consume": ["redis"], "allowFrom": [],
       "maxSessions": None, "maxStreams": 100, "maxEndpoints": None, "rateUp": 10 << 20, "rateDown": None,
       "expiresAt": None, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
       "revision": 7, "sessions": 2,
       "tokens": [{"keyId": "0011223344556677", "label": "", "state": "active",
                   "createdAt": "2026-01-01T00:00:00.000Z", "expiresAt": None, "revokedAt": None,
                   "lastUsedAt": None}]}


@pytest.fixture
def fake(stage, tunnel):
    """fake(script) -> a function that runs a command against it: (status, standard output, error)."""
    def start(script):
        server = stage.add(FakeAdmin(stage, script if callable(script) else lambda _: script))

        def run(*argv, **kwargs):
            return tunnel.run(*argv, "--admin-socket=" + server.path, **kwargs)
        run.server = server
        return run
    return start


# ---- Exit statuses ----

@pytest.mark.parametrize("said,status", [
    (problem(400, "invalid", "a host has no blanks"), 2),
    (problem(401, "unknown_token", "who is that"), 3),
    (problem(403, "denied", "this is for operators"), 1),
    (problem(404, "not_found", "there is no identity web"), 4),
    (problem(409, "taken", "there is an identity web"), 1),
    (problem(412, "stale", "somebody changed it"), 1),
    (problem(429, "limit", "too many"), 1),
    (problem(503, "busy", "too much is waiting"), 1),
    (problem(507, "store", "the disk is full"), 1),
])
def test_a_problem_is_one_sentence(fake, said, status):
    detail = json.loads(said.split(b"\r\n\r\n")[1])["detail"]
    got, out, err = fake(said)("token", "show", "web")
    assert (got, out, err) == (status, "", "tunnel token show: %s\n" % detail)


@pytest.mark.parametrize("said,status,words", [
    (None, 5, "went away before it answered"),
    (answer(WEB)[:-20], 5, "cut short"),
    (b"220 mail.example.org ESMTP\r\n", 5, "is the socket tunnel's"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"a\":", 1, "no JSON"),
    (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 1, "HTTP status 500"),
    (b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nnot here\nmore", 4, "not here\n"),
])
def test_no_answer(fake, said, status, words):
    got, out, err = fake(said)("token", "show", "web")
    assert got == status and not out
    assert words in err and err.count("\n") == 1


def test_nobody_is_there(tunnel, stage):
    env = {**tunnel.env, "HOME": str(stage.path), "XDG_STATE_HOME": ""}
    status, out, err = tunnel.run("token", "list", env=env)
    assert status == 5 and not out
    assert "/run/tunnel/admin.sock (No such file or directory)" in err
    assert "%s/.local/state/tunnel/admin.sock (No such file" % stage.path in err
    assert "is tunnel server running?" in err and "--remote URL" in err
    for given in ({}, {"TUNNEL_ADMIN_SOCKET": str(stage.path / "x.sock")}):
        argv = [] if given else ["--admin-socket=%s/x.sock" % stage.path]
        status, _, err = tunnel.run("token", "list", *argv, env={**env, **given})
        assert status == 5 and "tried %s/x.sock" % stage.path in err and "/run" not in err


def test_the_first_that_answers(fake, tunnel, stage):
    run = fake(answer({"items": [WEB], "next": None}))
    state = stage.path / "elsewhere"
    state.mkdir()
    os.symlink(run.server.path, state / "admin.sock")
    assert tunnel.run("token", "list", "-oname", "--state-dir=%s" % state)[:2] == (0, "web\n")
    env = {**tunnel.env, "TUNNEL_ADMIN_SOCKET": run.server.path}
    assert tunnel.run("token", "list", "-oname", env=env)[:2] == (0, "web\n")


@pytest.mark.root
def test_who_may_not(fake):
    run = fake(answer(WEB))
    os.chmod(run.server.path, 0o600)
    setpriv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    os.chmod(os.path.dirname(run.server.path), 0o755)
    done = subprocess.run(setpriv + [TUNNEL, "token", "list", "--admin-socket=" + run.server.path],
                          capture_output=True, text=True)
    if "Permission denied" in done.stderr and "setpriv" in done.stderr:
        pytest.skip("the program is where nobody else may run it")
    assert done.returncode == 1 and "this user may not ask the server" in done.stderr


def test_an_answer_that_cannot_be_printed(fake):
    run = fake(answer({**WEB, "token": "0" * 40}, 201))
    for verb in ("create", "show"):
        with open("/dev/full", "w") as full:
            done = subprocess.run([TUNNEL, "token", verb, "web", "-q", "--admin-socket=" + run.server.path],
                                  stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and "standard output does not take the answer" in done.stderr


# ---- How answers come ----

def test_chunks_and_interim_answers(fake):
    body = json.dumps(WEB).encode()
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (body[:7], body[7:100], body[100:]))
    said = (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked + b"0\r\n\r\n")
    status, out, err = fake(said)("token", "show", "web", "--json")
    assert status == 0 and json.loads(out) == WEB and not err


def test_without_a_length_until_the_end(fake):
    status, out, _ = fake(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + json.dumps(WEB).encode())(
        "token", "show", "web", "--json")
    assert status == 0 and json.loads(out) == WEB


def pages(items, size):
    """A script that gives them `size` at a time, by the name of the last one."""
    def script(asked):
        after = asked.query.get("after", "")
        rest = [i for i in items if i["name"] > after]
        more = len(rest) > size
        return answer({"items": rest[:size], "next": rest[size - 1]["name"] if more else None})
    return script


def test_pages_are_joined(fake):
    items = [{**WEB, "name": "n%04d" % i} for i in range(1234)]
    run = fake(pages(items, 500))
    status, out, _ = run("token", "list", "-o", "json")
    assert status == 0 and [i["name"] for i in json.loads(out)] == [i["name"] for i in items]
    assert len(run.server.asked) == 3
    assert {a.query["limit"] for a in run.server.asked} == {"500"}


def test_a_list_that_never_ends(fake):
    """A server that gives nothing and says that there is more is not asked for ever."""
    run = fake(answer({"items": [], "next": "again"}))
    assert run("token", "list", "-q")[:2] == (0, "")
    assert len(run.server.asked) == 1


def test_nothing_is_a_head_or_an_empty_list(fake):
    run = fake(answer({"items": [], "next": None}))
    status, out, _ = run("token", "list")
    assert status == 0 and out.split()[:3] == ["NAME", "TOKENS", "STATE"] and out.count("\n") == 1
    assert run("token", "list", "--json")[:2] == (0, "[]\n")
    assert run("token", "list", "-o", "name")[:2] == (0, "")


# ---- How they are printed ----

def test_formats(fake):
    run = fake(answer({"items": [WEB, {**WEB, "name": "b", "consume": []}], "next": None}))
    lines = run("token", "list")[1].splitlines()
    assert re.split("  +", lines[1]) == ["web", "1", "active", "2", "*.web.example.org",
                                         "2222,7000-7010,*/udp", "-", "redis", "-"]
    assert [line.index("active") for line in lines[1:]] == [lines[0].index("STATE")] * 2
    assert [line.split() for line in run("token", "list", "-q")[1].splitlines()] == [
        line.split() for line in lines[1:]]
    assert run("token", "list", "-o", "name")[1] == "web\nb\n"
    assert run("token", "list", "-o", "tsv")[1].splitlines()[1].split("\t")[:5] == [
        "b", "1", "active", "2", "*.web.example.org"]
    assert json.loads(run("token", "list", "--json")[1]) == [WEB, {**WEB, "name": "b", "consume": []}]


def test_query(fake):
    """As az has it: JSON, or with -o tsv a line for each item, whose values have tabs between."""
    run = fake(answer({"items": [WEB, {**WEB, "name": "b", "consume": []}], "next": None}))

    def out(query, *options):
        status, text, err = run("token", "list", "--query", query, *options)
        assert status == 0, err
        return text

    assert json.loads(out("[?consume].name")) == ["web"]
    assert json.loads(out("length(@)")) == 2
    assert out("[].name", "-o", "tsv") == "web\nb\n"
    assert out("[].[name, maxSessions, operator]", "-o", "tsv") == "web\t%s\tfalse\nb\t%s\tfalse\n" % (
        (json.dumps(WEB["maxSessions"]).replace("null", "None"),) * 2)
    assert out("[0].{a: name, b: nothing}", "-o", "tsv") == "web\tNone\n"
    assert out("[?name=='nobody'].name", "-o", "tsv") == ""
    assert out("[0].name", "--json") == '"web"\n'
    status, text, err = run("token", "list", "--query", "lengthy(@)")
    assert (status, text) == (1, "") and "lengthy(): there is no such function here" in err
    hostile = {**WEB, "name": "a\x1b[2J\u202eb\nfake line"}
    shown = fake(answer({"items": [hostile], "next": None}))("token", "list", "--query", "[].name", "-o", "tsv")[1]
    assert shown == "a\\x1b[2J\\xe2\\x80\\xaeb\\x0afake line\n"


def test_texts_of_others_steer_no_terminal(fake):
    hostile = {**WEB, "name": "a\x1b[2J\u202eb\nfake line", "hosts": ["x\ty\x9b"]}
    run = fake(answer({"items": [hostile], "next": None}))
    for how in ("table", "tsv", "name"):
        status, out, _ = run("token", "list", "-o", how)
        assert status == 0 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", out)
        assert "a\\x1b[2J\\xe2\\x80\\xaeb\\x0afake line" in out
    status, _, err = fake(problem(404, "not_found", "no \x1b[31mred\nsecond"))("token", "show", "x")
    assert status == 4 and "\x1b" not in err and err.count("\n") == 1


def on_terminal(argv, columns, typed=b"", env=None):
    """What is shown on one of so many columns."""
    pid, leader = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, {**os.environ, "TERM": "xterm", **(env or {})})
    fcntl.ioctl(leader, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    if typed:
        os.write(leader, typed)
    seen = b""
    while True:
        try:
            data = os.read(leader, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode().replace("\r", "")


def test_a_line_fits_the_terminal(fake, tunnel):
    wide = {**WEB, "hosts": ["host%d.example.org" % i for i in range(40)]}
    run = fake(answer({"items": [wide], "next": None}))
    argv = [TUNNEL, "token", "list", "--admin-socket=" + run.server.path]
    # The size is set behind the start: the command asks for it when the answer is there.
    status, seen = on_terminal(argv, 100)
    assert status == 0 and "..." in seen
    assert max(len(line) for line in seen.splitlines()) <= 100
    status, seen = on_terminal(argv, 100, env={"TERM": "dumb"})
    assert "host39.example.org" in seen
    assert "host39.example.org" in run("token", "list")[1]


def test_json_on_a_terminal_is_ascii(fake):
    run = fake(answer({**WEB, "description": "a\u202eb"}))
    argv = [TUNNEL, "token", "show", "web", "--json", "--admin-socket=" + run.server.path]
    assert "a\\u202Eb" in on_terminal(argv, 80)[1]
    assert "a\u202eb" in run("token", "show", "web", "--json")[1]


# ---- What is asked ----

GRANTS = ["--hosts=a.example.org,*.b.example.org", "--ports=2222,7000-7010", "--udp-ports=*", "--publish=redis",
          "--consume", "a,b", "--allow-from=10.0.0.0/8", "--max-sessions=3", "--max-streams=100",
          "--max-endpoints=4", "--rate-up=10MiB", "--rate-down=1MiB", "--expires=90d", "--operator",
          "-d", "Web team"]
ASKED = {"hosts": ["a.example.org", "*.b.example.org"], "ports": ["2222", "7000-7010"], "udpPorts": ["0"],
         "publish": ["redis"], "consume": ["a", "b"], "allowFrom": ["10.0.0.0/8"], "maxSessions": 3,
         "maxStreams": 100, "maxEndpoints": 4, "rateUp": 10 << 20, "rateDown": 1 << 20, "expiresIn": "90d",
         "operator": True, "description": "Web team"}


def test_create_sends_what_is_given(fake):
    run = fake(answer({**WEB, "token": "secret-token"}, 201))
    status, out, err = run("token", "create", "web", *GRANTS, "-q")
    assert (status, out, err) == (0, "secret-token\n", "")
    asked, = run.server.asked
    assert (asked.method, asked.target) == ("POST", "/api/v1/identities")
    assert asked.json == {"name": "web", **ASKED}
    assert asked.fields["content-type"] == "application/json"
    run("token", "create", "--name", "b", "-q", "--expires=2027-01-31T00:00:00Z")
    assert run.server.asked[-1].json == {"name": "b", "expiresAt": "2027-01-31T00:00:00Z"}


def test_update_takes_away_with_nothing(fake):
    run = fake(answer(WEB))
    status, out, _ = run("token", "update", "web", "--hosts=", "--max-streams", "", "--rate-up=", "--expires=",
                         "--description=", "--operator=false", "--if-match=7")
    assert status == 0 and out == "web is changed\n"
    asked, = run.server.asked
    assert (asked.method, asked.target) == ("PATCH", "/api/v1/identities/web")
    assert asked.json == {"hosts": [], "maxStreams": None, "rateUp": None, "expiresAt": None, "description": None,
                          "operator": False}
    assert asked.fields["if-match"] == '"7"'
    status, _, err = run("token", "update", "web")
    assert status == 2 and "nothing to change is given" in err


def test_create_says_what_to_type_next(fake):
    def script(asked):
        if asked.path == "/api/v1/status":
            return answer({"publicAddress": "exit.example.org:8000"})
        return answer({**WEB, "token": "secret-token"}, 201)
    run = fake(script)
    status, out, err = run("token", "create", "web")
    assert (status, out) == (0, "secret-token\n")
    assert "shown only now" in err and "--remote=exit.example.org:8000 --token-from=FILE" in err
    assert err.count("\n") == 1 and "secret" not in err
    status, out, _ = run("token", "create", "web", "--json")
    assert status == 0 and json.loads(out)["token"] == "secret-token"


def test_create_into_a_file(fake, stage):
    run = fake(answer({**WEB, "token": "secret-token"}, 201))
    path = stage.path / "web.token"
    status, out, err = run("token", "create", "web", "--out=%s" % path)
    assert (status, out) == (0, "") and "--token-from=%s" % path in err
    assert path.read_text() == "secret-token\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    # It is not overwritten, and nothing is asked when it could not be written.
    n = len(run.server.asked)
    status, _, err = run("token", "create", "web", "--out=%s" % path)
    assert status == 1 and "not overwritten" in err and path.read_text() == "secret-token\n"
    assert run("token", "create", "web", "--out=/nonexistent/t")[0] == 1
    assert len(run.server.asked) == n
    # And none is left where the server refuses.
    refused = fake(problem(409, "taken", "there is one"))
    assert refused("token", "create", "web", "--out=%s/other" % stage.path)[0] == 1
    assert not (stage.path / "other").exists()


def test_import_reads_the_token(fake, stage):
    run = fake(answer(WEB, 201))
    path = stage.path / "old.token"
    path.write_text("a-token-that-exists\n")
    path.chmod(0o600)
    env = {k: v for k, v in os.environ.items() if not k.startswith("TUNNEL_")}
    for option in ("--from", "--token-from"):
        status, out, err = run("token", "import", "web", "%s=%s" % (option, path), "--ports=22", env=env)
        assert status == 0, err
        assert out == "web is there, with the token of %s\n" % path
        assert run.server.asked[-1].json == {"name": "web", "token": "a-token-that-exists", "ports": ["22"]}
    status, _, err = run("token", "import", "web", env=env)
    assert status == 2 and "--from FILE" in err


def test_rotate_and_revoke(fake):
    run = fake(answer({"token": "t2", "keyId": "ab", "previousExpireAt": "2026-01-02T00:00:00Z",
                       "sessionsEnded": 2, "streamsCut": 1}))
    status, out, err = run("token", "rotate", "web", "--overlap=24h", "--label=new")
    assert (status, out) == (0, "t2\n") and "end at 2026-01-02T00:00:00Z" in err
    assert run.server.asked[0].target == "/api/v1/identities/web/tokens"
    assert run.server.asked[0].json == {"overlap": "24h", "label": "new"}
    run("token", "rotate", "web", "-q")
    assert run.server.asked[-1].json == {"overlap": "1h"}
    assert run("token", "revoke", "web")[1] == "web is revoked: 2 sessions ended, 1 stream cut\n"
    assert (run.server.asked[-1].method, run.server.asked[-1].path) == ("POST", "/api/v1/identities/web/revoke")
    run("token", "revoke", "web", "--credential=00ff")
    assert (run.server.asked[-1].method, run.server.asked[-1].path) == (
        "DELETE", "/api/v1/identities/web/tokens/00ff")


def test_names_are_encoded(fake):
    run = fake(answer(WEB))
    run("token", "show", "a/b?c#d\u00e9")
    assert run.server.asked[0].target == "/api/v1/identities/a%2Fb%3Fc%23d%C3%A9"


def test_delete_asks_on_a_terminal(fake):
    run = fake(answer({"sessionsEnded": 0, "streamsCut": 0}))
    argv = [TUNNEL, "token", "delete", "web", "--admin-socket=" + run.server.path]
    status, seen = on_terminal(argv, 80, b"n\n")
    assert status == 1 and "web: delete it" in seen and "nothing is changed" in seen
    assert not run.server.asked
    status, seen = on_terminal(argv, 80, b"y\n")
    assert status == 0 and "web is deleted: 0 sessions ended, 0 streams cut" in seen
    assert on_terminal(argv + ["--yes"], 80)[0] == 0
    assert run("token", "rm", "web")[0] == 0
    assert [a.method for a in run.server.asked] == ["DELETE"] * 3


# ---- Status, sessions, routes, audit ----

STATUS = {"version": "0.1.0", "uptimeSeconds": 7300, "sessions": 1, "links": 2, "streams": 3, "services": 1,
          "publicAddress": "exit.example.org",
          "clients": [{"session": "00ff", "identity": "web", "remoteAddr": "192.0.2.7:4711",
                       "since": "2026-01-01T00:00:00Z", "upstreams": ["http://127.0.0.1:3000"],
                       "publishes": ["web.example.org"]}]}


def test_status(fake):
    ready = [answer()]
    run = fake(lambda asked: ready[0] if asked.path == "/readyz" else answer(STATUS))
    status, out, err = run("status")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == ("tunnel 0.1.0 at exit.example.org, for 2h: 1 client, 2 links, 3 streams, 1 service")
    assert re.split("  +", lines[2]) == ["CLIENT ID", "IDENTITY", "REMOTE ADDRESS", "CONNECTED", "UPSTREAMS",
                                         "PUBLISHES", "TRIP", "REQ/S"]
    assert re.split("  +", lines[3])[:3] == ["00ff", "web", "192.0.2.7:4711"]
    assert json.loads(run("status", "--json")[1]) == STATUS
    assert run("status", "-o", "name")[1] == "00ff\n"
    ready[0] = problem(503, "busy", "the store cannot be written")
    status, _, err = run("status")
    assert status == 7 and "the store cannot be written" in err


SESSION = {"id": "00ff", "identity": "web", "keyId": "ab", "remoteAddr": "192.0.2.7:1",
           "since": "2026-01-01T00:00:00Z", "version": "0.1.0", "links": [{}, {}], "streams": 4,
           "services": [{"number": 1, "kind": "http", "place": "web.example.org", "address": "http://web.example.org/"},
                        {"number": 2, "kind": "tcp", "place": "2222", "address": None}]}


def test_sessions(fake):
    run = fake(lambda asked: answer({"streamsCut": 4} if asked.method == "DELETE" else
                                    {"items": [SESSION], "next": None}))
    for words in (["sessions"], ["sessions", "list"], ["sessions", "ls"]):
        line = run(*words)[1].splitlines()[1]
        assert re.split("  +", line)[4:8] == ["0.1.0", "2", "4", "http://web.example.org/,2222"]
    assert run("sessions", "end", "00ff", "--drain=1m")[1] == "session 00ff is ended: 4 streams cut\n"
    assert run.server.asked[-1].target == "/api/v1/sessions/00ff?drain=60"


def test_routes(fake):
    def script(asked):
        if "host" in asked.query:
            return answer({"host": "a.example.org", "matched": "*.example.org", "why": "a wildcard has it",
                           "sessions": ["00ff"]})
        return answer({"items": [{"host": "*.example.org", "kind": "http", "sessions": ["00ff", "01"],
                                  "identity": "web"}], "next": None})
    run = fake(script)
    assert re.split("  +", run("routes")[1].splitlines()[1])[:4] == ["*.example.org", "http", "web", "00ff,01"]
    assert "a wildcard has it" in run("routes", "a.example.org", "--path=/x y")[1]
    assert run.server.asked[-1].query == {"host": "a.example.org", "path": "/x y"}
    assert run("routes", "--path=/")[0] == 2


def note(n, action="identity.create"):
    return {"id": n, "at": "2026-01-01T00:00:%02d.123Z" % n, "actor": "uid 0", "via": "admin socket",
            "action": action, "subject": "web", "detail": {"n": n}}


def test_audit_is_the_oldest_first(fake):
    run = fake(answer({"items": [note(1), note(2)], "next": None}))
    lines = run("audit")[1].splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["2026-01-01T00:00:01Z", "2026-01-01T00:00:02Z"]
    assert lines[1].endswith("  n=1")
    assert run.server.asked[0].query == {"since": "24h", "after": "0", "limit": "500"}
    assert [i["id"] for i in json.loads(run("audit", "--since=1h", "--json")[1])] == [1, 2]
    assert run.server.asked[-1].query["since"] == "1h"


def test_audit_follows(fake):
    run = fake(lambda asked: answer({"items": [note(int(asked.query["after"]) + 1)], "next": None}))
    command = subprocess.Popen([TUNNEL, "audit", "--follow", "--json", "--admin-socket=" + run.server.path],
                               stdout=subprocess.PIPE, text=True)
    try:
        assert [json.loads(command.stdout.readline())["id"] for _ in range(3)] == [1, 2, 3]
        command.stdout.close()
        assert command.wait(10) == 1  # nobody reads it any more
    finally:
        command.kill()
        command.wait()


# ---- Files ----

FILE = """
identities:
  - name: web
    hosts: [a.example.org, '*.b.example.org']
    ports: 2222
    rate-up: 10MiB
    maxStreams: 100
    expires: 90d
    operator: true
    description: ''
  - {"name": "ssh", "ports": ["22", "7000-7010"], "udpPorts": [], "allowFrom": null}
"""
FILE_ASKED = {"identities": [
    {"name": "web", "hosts": ["a.example.org", "*.b.example.org"], "ports": ["2222"], "rateUp": 10 << 20,
     "maxStreams": 100, "expiresIn": "90d", "operator": True, "description": None},
    {"name": "ssh", "ports": ["22", "7000-7010"], "udpPorts": [], "allowFrom": []}]}


def test_apply(fake, stage):
    run = fake(answer({"changes": [{"action": "create", "subject": "web",
                                        "detail": {"is": {"hosts": ["a.example.org"], "ports": []}}},
                                   {"action": "none", "subject": "ssh", "detail": {}}],
                       "tokens": {"web": "secret-token"}}))
    path = stage.path / "identities.yaml"
    path.write_text(FILE)
    status, out, err = run("apply", "-f", str(path))
    assert status == 0 and out == "create  web  hosts=a.example.org\nweb\tsecret-token\n"
    assert "shown only now" in err
    assert run.server.asked[0].json == FILE_ASKED and run.server.asked[0].query == {"dryRun": "false"}
    status, _, err = run("apply", "--dry-run", "-f", "-", stdin=FILE.encode())
    assert status == 0 and run.server.asked[-1].query == {"dryRun": "true"} and "nothing is changed" in err
    assert run.server.asked[-1].json == FILE_ASKED
    path.write_text(json.dumps(FILE_ASKED))
    assert run("apply", str(path))[0] == 0


@pytest.mark.parametrize("text,words", [
    ("identities:\n  - name: web\n    host: a\n", "FILE:3: host: an identity has nothing of that name"),
    ("identities:\n  - hosts: [a]\n", "FILE:2: this identity has no name"),
    ("identities:\n  - name: web\n    max-streams: many\n", 'FILE:3: max-streams: "many" is not a whole number'),
    ("identities:\n  - name: web\n    ports: [http]\n", 'FILE:3: ports: "http" is neither a port'),
    ("identities:\n  - name: web\n    max-streams: [1]\n", "FILE:3: max-streams: one value"),
    ("names: []\n", "FILE:1: names: what belongs here is a list"),
    ("", "there is nothing in it"),
    ("- name: web\n", "FILE:1"),
])
def test_apply_names_the_line(fake, stage, text, words):
    path = stage.path / "f.yaml"
    path.write_text(text)
    run = fake(answer({}))
    status, _, err = run("apply", "-f", str(path))
    assert status == 2 and words.replace("FILE", str(path)) in err
    assert not run.server.asked


def test_store(fake, stage):
    sound = {"sound": True, "detail": None}
    run = fake(lambda _: answer(sound))
    status, out, _ = run("store", "backup", "copy.db", cwd=stage.path)
    assert status == 0 and "copy.db" in out
    assert run.server.asked[-1].json == {"file": str(stage.path / "copy.db")}
    assert run("store", "check")[1] == "the store is sound\n"
    assert run.server.asked[-1].target == "/api/v1/store/check"
    sound.update(sound=False, detail="row 3 of identity is damaged")
    status, out, err = run("store", "check")
    assert (status, out, err) == (1, "", "tunnel store check: row 3 of identity is damaged\n")


# ---- Words ----

@pytest.mark.parametrize("words,says", [
    (["token"], "what to do is missing: see tunnel help token"),
    (["token", "crate", "web"], 'unknown command "crate"; did you mean tunnel token create?'),
    (["token", "frobnicate"], 'unknown command "frobnicate"; see tunnel help token'),
    (["token", "create"], "the NAME of the new identity is missing"),
    (["token", "create", "a", "b"], "tunnel token create takes one NAME, and it has one"),
    (["token", "create", "a", "--name=b"], "--name is given twice"),
    (["token", "create", "a", "--prots=1"], "did you mean --ports?"),
    (["token", "create", "a", "--ports=http"], '"http" is neither a port nor a range'),
    (["token", "create", "a", "--expires=soon"], '"soon" is neither a time from now'),
    (["token", "list", "-o", "yaml"], '"yaml" is not one of table, json, name or tsv'),
    (["token", "list", "--query=[?name"], "--query: at character 7: the filter [? has no ]"),
    (["token", "rotate", "a", "--overlap=5"], '"5" is not a time with its unit'),
    (["sessions", "kill", "x"], 'unknown command "kill"'),
    (["tokens"], "did you mean token?"),
    (["apply"], "the file is missing: -f FILE"),
    (["apply", "-f", "/nonexistent.yaml"], "/nonexistent.yaml cannot be opened"),
    (["token", "list", "--remote=exit.example.org"], "--remote needs the token"),
])
def test_wrong_usage(tunnel, words, says):
    env = {k: v for k, v in tunnel.env.items() if not k.startswith("TUNNEL_")}
    status, out, err = tunnel.run(*words, env=env)
    assert status == 2 and not out
    assert says in err and err.count("\n") == 1


@pytest.mark.parametrize("words", [["token"], ["token", "create"], ["sessions"], ["sessions", "end"], ["audit"],
                                   ["store"], ["apply"]])
def test_help(tunnel, words):
    texts = {tunnel.run(*argv) for argv in (words + ["--help"], ["help"] + words, words + ["-h"])}
    status, out, err = texts.pop()
    assert not texts and status == 0 and out.startswith("Usage: tunnel " + " ".join(words)) and not err
