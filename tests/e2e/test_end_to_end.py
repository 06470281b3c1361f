# SPDX-License-Identifier: MIT
"""Private services that are sealed between the two clients: what the exit node sees, and whose key is believed."""

import os
import re
import signal

from harness.commands import ExitNode
from harness.consumer import consume, provide
from harness.jobs import BLOB, HERE, Openssl, Postgres, Redis
from harness.mitm import DOWN, Mitm
from harness.programs import TUNNEL
from harness.wait import at_once, quiet_for, wait_until
from test_connect import Tcp, ask_whole, digest, echo, is_reset, whole_first, works

JOBS = [Postgres, Redis, Openssl]
KEY = re.compile(r"x25519/[0-9a-f]{64}")


def state(tunnel, whose):
    """A state directory of its own, as each user of a client has one."""
    return "--state-dir=%s" % (tunnel.path / whose)


def sealed(tunnel, server, url, name, *options, whose="provider"):
    """(provider, alias with its key behind it)"""
    return provide(tunnel, server, url, name, "--end-to-end", state(tunnel, whose), *options)


def key_of(tunnel, whose):
    status, out, err = tunnel.run("key", "show", "-q", state(tunnel, whose))
    assert status == 0 and KEY.fullmatch(out.strip()), err
    return out.strip()


def uses(tunnel, server, *services, whose="consumer", **kwargs):
    options = kwargs.pop("options", ())
    return consume(tunnel, server, *services, options=[state(tunnel, whose), *options], **kwargs)


def test_programs(tunnel):
    """Databases and TLS say the same as direct: pipelines, large values, half-close."""
    jobs = at_once(lambda job: job(tunnel), JOBS)
    direct = at_once(lambda job: job(HERE, job.port), jobs)
    server = tunnel.server("--workers=2")
    aliases = [sealed(tunnel, server, "tcp://%s:%d" % (HERE, job.port), type(job).__name__.lower())[1]
               for job in jobs]
    assert all("#x25519/" in alias for alias in aliases)
    consumer = uses(tunnel, server, *[alias + "=0" for alias in aliases])
    through = at_once(lambda job: job(*consumer.address(type(job).__name__.lower())), jobs)
    wrong = []
    for job, a, b in zip(jobs, direct, through, strict=True):
        wrong += ["%s: %s is %.600r, direct %.600r" % (type(job).__name__, k, b.get(k), a[k])
                  for k in a if a[k] != b.get(k)]
    assert not wrong, "\n".join(wrong)


def carried(tunnel, redis, *options, pin):
    """What goes from the exit node to the provider, when neither link is sealed: all that the exit node has."""
    server = tunnel.server("--no-seal")
    line = tunnel.stage.add(Mitm(("127.0.0.1", server.port)))
    name = "redis-%d" % len(options)
    _, alias = provide(tunnel, line.address, "tcp://%s:%d" % (HERE, redis.port), name, "--no-seal",
                       state(tunnel, "provider"), *options)
    assert ("#" in alias) == pin
    place = uses(tunnel, server, alias + "=0", options=["--no-seal"]).address(name)
    redis.check("redis-cli", "-h", place[0], "-p", str(place[1]), "set", "secret-name", "secret-value")
    assert b"secret-value" in redis.check("redis-cli", "-h", place[0], "-p", str(place[1]), "get",
                                          "secret-name")
    return b"".join(pair.recorded[DOWN] for pair in line.pairs)


def test_exit_node_reads_nothing(tunnel):
    """No byte of a command or a value, nor of an answer; without end to end they are all there."""
    redis = Redis(tunnel)
    plain = carried(tunnel, redis, pin=False)
    assert b"secret-name" in plain and b"secret-value" in plain
    ciphered = carried(tunnel, redis, "--end-to-end", pin=True)
    assert b"E2E\x01" in ciphered
    for word in b"secret-name", b"secret-value", b"SET", b"GET", b"set\r\n", b"$3\r\n":
        assert word not in ciphered


def test_much_data_and_half_close(tunnel):
    server = tunnel.server("--workers=2")
    u = Tcp(tunnel.stage, whole_first)
    _, alias = sealed(tunnel, server, u.url, "store")
    place = uses(tunnel, server, alias + "=0").address("store")
    data = BLOB * 4
    answer = ask_whole(place, data)
    assert answer.split(b"\n", 1) == [digest(data).encode(), data]


def test_first_key_is_remembered_until_it_is_forgotten(tunnel):
    """Without a key behind the alias: the provider has another one, and a person says that this is right."""
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    provider, alias = sealed(tunnel, server, u.url, "echo")
    bare = alias.split("#")[0]
    consumer = uses(tunnel, server, bare + "=0")
    place = consumer.address("echo")
    assert works(place) is None
    old = key_of(tunnel, "provider")
    assert alias == "%s#%s" % (bare, old)

    provider.stop()
    sealed(tunnel, server, u.url, "echo", whose="another")
    new = key_of(tunnel, "another")
    consumer.said("its key is %s, and was %s before" % (new, old))
    assert is_reset(place, b"word")
    forget = re.findall(r"(tunnel key forget \S+);", consumer.log())[-1].split()
    status, out, err = tunnel.run(*forget[1:], state(tunnel, "consumer"))
    assert (status, out) == (0, "1 key of %s forgotten; the next one that is seen is remembered\n"
                             % forget[-1]), err
    wait_until(lambda: not is_reset(place, b"word"), "the new key to be taken")
    works(place)


def test_pin_takes_no_other_key(tunnel):
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    _, alias = sealed(tunnel, server, u.url, "echo")
    other = key_of(tunnel, "somebody")
    c = uses(tunnel, server, "%s#%s=0" % (alias.split("#")[0], other), wait=False)
    c.said("does not stand behind the '#' of its alias")
    assert u.accepted == 0
    # Both of them, as before a change of keys.
    both = uses(tunnel, server, "%s#%s,%s=0" % (alias.split("#")[0], other, alias.split("#")[1]),
                name="both")
    works(both.address("echo"))


def test_who_insists_is_not_served_without(tunnel):
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    _, alias = provide(tunnel, server, u.url, "echo")
    c = uses(tunnel, server, alias + "=0", options=["--end-to-end"], wait=False)
    c.said("its provider does not seal it end to end, as --end-to-end asks for")
    quiet_for(0.3, lambda: u.accepted, "a connection to the upstream")


def test_provider_takes_whom_it_knows(tunnel):
    """--known-keys, read again with SIGHUP: nobody is dialled for a consumer with another key."""
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    known = tunnel.path / "known"
    known.write_text("default %s\n" % key_of(tunnel, "somebody"))
    provider, alias = sealed(tunnel, server, u.url, "echo", "--known-keys=%s" % known)
    consumer = uses(tunnel, server, alias + "=0")
    place = consumer.address("echo")
    assert is_reset(place, b"word")
    assert u.accepted == 0
    own = key_of(tunnel, "consumer")
    assert "its key %s does not stand in --known-keys" % own in provider.log()
    consumer.said("or its provider does not take this client's key")
    known.write_text("default %s # web\n" % own)
    provider.send_signal(signal.SIGHUP)
    wait_until(lambda: not is_reset(place, b"word"), "the list to be read again")
    works(place)


def test_consumers_are_remembered(tunnel):
    """Another client under the same link id is not the one whose key was seen."""
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    provider, alias = sealed(tunnel, server, u.url, "echo", "--auto-approve=@all", "--visibility=@all")
    consumer = uses(tunnel, server, alias + "=0")
    works(consumer.address("echo"))
    consumer.stop()
    place = uses(tunnel, server, alias + "=0", whose="thief", name="thief").address("echo")
    assert is_reset(place, b"word")
    wait_until(lambda: "tunnel key forget %s/1" % ".".join(alias.split(".")[:2]) in provider.log(),
               "what to do in the provider's log")


def test_approval_is_of_a_key(tunnel):
    """The owner sees whose key it is, may insist on it, and is asked again for another."""
    node = ExitNode(tunnel)
    owner = node.create("owner", "--publish=echo")
    web = node.create("web", "--consume=echo")
    u = Tcp(tunnel.stage, echo)
    provider, alias = provide(tunnel, node.server, u.url, "echo", "--end-to-end",
                              state(tunnel, "provider"), "--visibility=web",
                              "--token-from=%s" % owner, token=None)
    options = ["--token-from=%s" % web]
    consumer = uses(tunnel, node.server, alias + "=0", options=options, token=None, wait=False)
    consumer.said("echo is pending")
    key = key_of(tunnel, "consumer")
    one, = node.json("endpoint", "list")
    assert one["properties"]["endToEndKey"] == key
    wrong = key_of(tunnel, "somebody")
    assert node.run("endpoint", "approve", one["name"], "--e2e-key", wrong)[0] == 1
    command = "endpoint approve %s --e2e-key %s" % (one["name"], key)
    provider.log_contains("to approve it: tunnel " + command)
    node.ok(*command.split())
    works(consumer.address("echo"))
    consumer.stop()

    again = uses(tunnel, node.server, alias + "=0", options=options, token=None, wait=False,
                 whose="another", name="again")
    again.said("echo is pending")
    assert node.json("endpoint", "list")[0]["properties"]["endToEndKey"] == key_of(tunnel, "another")


def test_replicas_are_one_party(tunnel):
    """Two providers with one --identity-key; with two keys the second is refused."""
    server = tunnel.server()
    u = Tcp(tunnel.stage, echo)
    key = tunnel.path / "provider.key"
    key_of(tunnel, "provider")
    key.write_bytes((tunnel.path / "provider" / "identity.key").read_bytes())
    key.chmod(0o600)
    _, alias = sealed(tunnel, server, u.url, "echo")
    _, same = sealed(tunnel, server, u.url, "echo", "--identity-key=%s" % key, whose="replica")
    assert same == alias
    works(uses(tunnel, server, alias + "=0").address("echo"))


def test_key_commands(tunnel):
    """show, new, forget: what they print, and the files they leave."""
    env = {**tunnel.env, "XDG_STATE_HOME": str(tunnel.path / "state")}

    def run(*argv):
        return tunnel.run("key", *argv, env=env)
    home = tunnel.path / "state" / "tunnel-client"
    status, out, err = run("show")
    assert status == 0 and KEY.fullmatch(out.strip())
    assert err == "there was none: it was made, and is kept in %s\n" % home
    assert (home / "identity.key").stat().st_mode & 0o777 == 0o600
    assert run("show") == (0, out, "")
    status, new, err = run("new")
    assert status == 0 and KEY.fullmatch(new.strip()) and new != out
    assert "has to be told" in err
    assert run("show") == (0, new, "")
    status, out, err = run("forget", "echo.k7m2q9x4p3ta.exit.example.org")
    assert (status, out) == (4, "")
    assert err == "tunnel key forget: no key of echo.k7m2q9x4p3ta is remembered in %s\n" % home
    (home / "known_keys").write_text("echo.k7m2q9x4p3ta/17 %secho@exit:1 %sother %s" % (new, new, new))
    assert run("forget", "echo.k7m2q9x4p3ta.exit/17")[:2] == (
        0, "1 key of echo.k7m2q9x4p3ta/17 forgotten; the next one that is seen is remembered\n")
    assert run("forget", "echo")[0] == 0
    assert (home / "known_keys").read_text() == "other " + new
    os.chmod(home / "identity.key", 0o644)
    status, out, err = run("show")
    assert (status, out) == (1, "")
    assert "others can read it" in err
    assert run("forget")[0] == 2
    assert TUNNEL
