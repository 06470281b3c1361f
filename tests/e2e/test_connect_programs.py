# SPDX-License-Identifier: MIT
"""Real programs through private services: ssh over standard input and output, and databases, git and more at local
ports and sockets, against the same programs direct."""

import contextlib
import os
import pathlib
import subprocess

from harness.consumer import Consumer, alias_of, consume, provide
from harness.jobs import (
    BLOB,
    HERE,
    GitHttp,
    GitSsh,
    Iperf,
    Openssl,
    Postgres,
    Redis,
    Ssh,
    digest,
)
from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.wait import PATIENCE, at_once, wait_until

JOBS = [GitSsh, GitHttp, Postgres, Redis, Iperf, Openssl]


def name_of(job):
    return type(job).__name__.lower()


def test_programs(tunnel):
    """Each says the same as direct, all at once through one client on each side."""
    jobs = at_once(lambda job: job(tunnel), JOBS)
    direct = at_once(lambda job: job(HERE, job.port), jobs)
    server = tunnel.server("--workers=2")
    provided = [o for job in jobs for o in ("--upstream=%s://%s:%d" % (job.scheme, HERE, job.port),
                                            "--private=" + name_of(job))]
    tunnel.stage.add(Consumer(tunnel.stage, server, *provided, command="client",
                              name="provider")).start()
    alias_of(tunnel.stage.things[-1], "openssl")
    consumer = consume(tunnel, server, *[name_of(job) + "=0" for job in jobs])
    places = [consumer.address(name_of(job)) for job in jobs]
    through = at_once(lambda x: x[0](*x[1]), list(zip(jobs, places, strict=True)))
    wrong = []
    for job, a, b in zip(jobs, direct, through, strict=True):
        wrong += ["%s: %s is %.600r, direct %.600r" % (name_of(job), k, b.get(k), a[k])
                  for k in a if a[k] != b.get(k)]
    assert not wrong, "\n".join(wrong)
    pg, redis = direct[2], direct[3]
    assert pg["pgbench"][2] == [[b"320/320", b"0"], [b"40/40", b"0"]], pg
    assert redis["benchmark"][:2] == (0, 0) and redis["blob"][1] == b"OK\n", redis


def proxied(tunnel, server, job):
    """The job's ssh goes through `tunnel connect --stdio` from now on."""
    token = tunnel.path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    config = tunnel.path / "ssh_config"
    config.write_text("Host *\n\tProxyCommand %s connect --remote %s --token-from %s --stdio ssh-box\n"
                      % (os.path.abspath(TUNNEL), server.address, token))
    job.options[1] = config
    return token


def proxies(token):
    """Processes that carry an ssh of this test."""
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found += [p] if str(token).encode() in p.read_bytes() else []
    return found


def test_ssh_over_stdio(tunnel):
    """Login, exit status, half-close, scp and rsync as direct; and no process is left behind."""
    job = Ssh(tunnel)
    direct = job(HERE, job.port)
    server = tunnel.server()
    provide(tunnel, server, "tcp://%s:%d" % (HERE, job.port), "ssh-box")
    token = proxied(tunnel, server, job)
    through = job(HERE, free_port())
    assert through == direct
    assert direct["ssh"][:2] == (7, digest(BLOB)) and direct["complete"]
    wait_until(lambda: not proxies(token), "the end of each ProxyCommand")


def test_ssh_copies_much(tunnel):
    """100 MB each way, by checksum."""
    job = Ssh(tunnel)
    server = tunnel.server()
    provide(tunnel, server, "tcp://%s:%d" % (HERE, job.port), "ssh-box")
    proxied(tunnel, server, job)
    source, there, back = (job.path / n for n in ("much", "there", "back"))
    source.write_bytes(BLOB * 32)
    to = "%s@%s" % (job.user, HERE)
    job.check("scp", *job.options, "-q", source, "%s:%s" % (to, there), timeout=5 * PATIENCE)
    job.check("scp", *job.options, "-q", "%s:%s" % (to, there), back, timeout=5 * PATIENCE)
    assert digest(back.read_bytes()) == digest(source.read_bytes())


def test_ssh_is_interrupted(tunnel):
    """Ctrl-C reaches the program there, and its exit status comes back."""
    job = Ssh(tunnel)
    server = tunnel.server()
    provide(tunnel, server, "tcp://%s:%d" % (HERE, job.port), "ssh-box")
    token = proxied(tunnel, server, job)
    p = subprocess.Popen([str(x) for x in ["ssh", "-tt", *job.options, "%s@%s" % (job.user, HERE),
                                           "trap 'exit 3' INT; echo ready; read line"]],
                         env=tunnel.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert b"ready" in p.stdout.readline()
        p.stdin.write(b"\x03")
        p.stdin.flush()
        assert p.wait(PATIENCE) == 3
    finally:
        p.kill()
        p.communicate()
    wait_until(lambda: not proxies(token), "the end of the ProxyCommand")


def test_database_at_a_socket(tunnel):
    """PostgreSQL's client finds it as if the server were here: at its socket's usual name."""
    job = Postgres(tunnel)
    server = tunnel.server()
    provide(tunnel, server, "tcp://%s:%d" % (HERE, job.port), "pg")
    consume(tunnel, server, "pg=unix:%s/.s.PGSQL.5432" % tunnel.path)
    to = ["-h", tunnel.path, "-p", "5432", "-U", "tester"]
    assert job.check(job.bin + "/psql", "-X", "-A", "-t", *to, "-c", "select 6 * 7",
                     "postgres") == b"42\n"
    bench = job.check(job.bin + "/pgbench", "-n", "-S", "-c", "20", "-j", "2", "-t", "50", *to,
                      "postgres")
    assert b"processed: 1000/1000" in bench
