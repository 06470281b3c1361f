# SPDX-License-Identifier: MIT
"""Real programs, all through one exit node at once, against the same programs direct.

Each job (harness/jobs.py) says what came of it, exit statuses and bytes; what differs between the
two ways is the tunnel's doing.
"""

from harness.jobs import (
    BLOB,
    HERE,
    Dns,
    GitHttp,
    GitSsh,
    Iperf,
    Openssl,
    Postgres,
    Redis,
    Smtp,
    Ssh,
    digest,
)
from harness.public import port_of
from harness.wait import at_once

JOBS = [Ssh, GitSsh, GitHttp, Postgres, Redis, Dns, Iperf, Openssl, Smtp]


def test_programs(tunnel):
    jobs = at_once(lambda job: job(tunnel), JOBS)
    direct = at_once(lambda job: job(HERE, job.port), jobs)

    server = tunnel.server()
    client = tunnel.client(server, [job.url() for job in jobs])
    places = [server.port if job.scheme == "http" else port_of(client, ":%d" % job.port)
              for job in jobs]
    through = at_once(lambda x: x[0](HERE, x[1]), list(zip(jobs, places, strict=True)))

    wrong = []
    for job, a, b in zip(jobs, direct, through, strict=True):
        wrong += ["%s: %s is %.600r, direct %.600r" % (type(job).__name__, k, b.get(k), a[k])
                  for k in a if a[k] != b.get(k)]
    assert not wrong, "\n".join(wrong)
    check_direct(dict(zip([type(j) for j in jobs], direct, strict=True)))
    assert client.log().count("connected to") == 1


def check_direct(results):
    """That they did anything at all: two failures would be equal as well."""
    ssh = results[Ssh]
    assert ssh["ssh"][:2] == (7, digest(BLOB)) and ssh["quiet"] == 0 and ssh["complete"], ssh
    assert ssh["scp"][:2] == (0, 0) and ssh["rsync"][:2] == (0, 0) and ssh["rsync"][3] != 0, ssh
    for kind in (GitSsh, GitHttp):
        r = results[kind]
        assert r["status"] == 0 and r["fsck"] == 0 and r["push"] == 0 and r["arrived"], r
        assert r["missing"] != 0, r
    pg = results[Postgres]
    assert pg["tls"] == (0, b"t|TLSv1.3\n") and pg["wrong name"] == (2, True), pg
    assert pg["pgbench"][2] == [[b"320/320", b"0"], [b"40/40", b"0"]], pg
    redis = results[Redis]
    assert redis["benchmark"][:2] == (0, 0) and redis["blob"][1] == b"OK\n", redis
    dns = results[Dns]
    assert dns["dig"][:2] == (0, 2 * sum(range(40))) and dns["large"][2], dns
    assert all(v[:2] == (0, True) for v in results[Iperf].values()), results[Iperf]
    tls = results[Openssl]
    assert tls["1.3"][0] == 0 and tls["1.2"] == tls["1.3"] and tls["length"], tls
    assert tls["unknown CA"][0] != 0, tls
    smtp = results[Smtp]
    assert smtp["sent"][0] == 0 and smtp["refused"] == 55, smtp
