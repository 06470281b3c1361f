# SPDX-License-Identifier: MIT
"""Certificates by ACME, from Pebble: strict, and with nonces that it rejects for no reason."""

import json
import re
import ssl
import stat
import subprocess

import pytest

from harness.acme import DIRECTORY, Authority, pebble
from harness.tls import TlsVisitor
from harness.wait import at_once, wait_until

pytestmark = [pytest.mark.root,
              pytest.mark.skipif(not pebble(), reason="there is no Pebble: scripts/check builds it")]

NAME = "app.example.org"


@pytest.fixture
def authority(tunnel):
    return Authority(tunnel)


def state_of(server):
    (found,) = (server.state / "acme").iterdir()
    return found


def kept(server, name):
    return json.loads((state_of(server) / "names" / (name + ".json")).read_text())


def test_a_published_name_gets_a_certificate(authority):
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server("--https-redirect")
    assert not authority.has_certificate(NAME)
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    context = ssl.create_default_context(cafile=authority.roots())
    with authority.space.inside():
        v = TlsVisitor("127.0.0.1:443", context, NAME)
    with v:
        assert v.get(host=NAME).body == b"hello"
    assert authority.orders() == 1
    # Nobody else can read a key, and both are in one file.
    folder = state_of(server)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (folder / "account.key", folder / "account.json", folder / "names" / (NAME + ".pem"),
                 folder / "names" / (NAME + ".json")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert "PRIVATE KEY" in (folder / "names" / (NAME + ".pem")).read_text()
    assert "PRIVATE KEY" not in server.log()
    assert re.search(r"the certificate for app.example.org is issued, until .*; it is renewed from ", server.log())


def test_thirty_names_at_once(tunnel):
    authority = Authority(tunnel, rejects=30)
    names = ["n%d.example.org" % i for i in range(30)]
    authority.names(*names)
    u = authority.upstream("hello")
    server = authority.server("--acme-names-per-hour=30")
    authority.client([n + "=" + u.url for n in names])
    authority.wait_certificate(*names, timeout=40)
    assert authority.orders() == 30
    assert "is issued" in server.log() and "was not issued" not in server.log()
    # One account, whoever was first.
    assert authority.log().count("accounts in memory") == 1


def test_a_name_that_leads_elsewhere_costs_no_order(authority):
    authority.dns.names.update({"gone.example.org": [], "elsewhere.example.org": ["127.0.0.2"],
                                "both.example.org": ["127.0.0.1", "127.0.0.2"], NAME: ["127.0.0.1"]})
    other = authority.upstream("somebody else", host="127.0.0.2", port=80)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([n + "=" + u.url for n in ("gone.example.org", "elsewhere.example.org", "both.example.org", NAME)])
    authority.wait_certificate(NAME)
    for name, why in (("gone.example.org", "cannot be found in DNS"),
                      ("elsewhere.example.org", "at its address 127.0.0.2 another server answers"),
                      ("both.example.org", "at its address 127.0.0.2 another server answers")):
        wait_until(lambda n=name, w=why: re.search(
            r"warn  no certificate is ordered for %s: .*%s.*; the next look is on " % (n, w), server.log()), name)
    assert authority.orders() == 1
    assert other.connections


def test_what_a_ca_did_not_ask_for_goes_to_the_upstream(authority):
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    token = re.search(r"path=/.well-known/acme-challenge/(\S+) status=200.* why=challenge", server.log())[1]
    for path in ("/.well-known/acme-challenge/" + token, "/.well-known/acme-challenge/x", "/.well-known/tunnel-check/x"):
        with authority.visitor() as v:
            assert v.get(path, host=NAME).body == b"hello"


def test_limits_hold_over_a_restart(authority):
    names = ["one.example.org", "two.example.org", "three.example.org"]
    authority.names(*names)
    u = authority.upstream("hello")
    server = authority.server("--acme-names-per-hour=2")
    authority.client([n + "=" + u.url for n in names])
    waits = r"warn  the certificate for (\S+) waits: default has had 2 new names within an hour.*; the next look is on"
    left = wait_until(lambda: re.search(waits, server.log()), "the limit")[1]
    wait_until(lambda: server.log().count(" is issued, until ") == 2, "two certificates")
    server.stop()
    begin = len(server.log())
    server.start()
    wait_until(lambda: re.search(waits, server.log()[begin:]), "the limit again")
    assert re.search(waits, server.log()[begin:])[1] == left
    # And those that are there are served at once, without another order.
    for name in names:
        assert authority.has_certificate(name) == (name != left)
    assert authority.orders() == 2


def test_renewal_under_load_fails_no_request(tunnel):
    authority = Authority(tunnel, lasts=24)
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    first = authority.certificate(NAME)
    load = subprocess.Popen(
        ["ip", "netns", "exec", authority.space.name, "h2load", "--h1", "-c", "8", "-D", "21", "--connect-to=127.0.0.1:443",
         "https://%s/" % NAME], stdout=subprocess.PIPE, text=True)
    context = ssl.create_default_context(cafile=authority.roots())

    def visits():
        """Each by a handshake of its own, and judged by a visitor who trusts the CA alone."""
        serials, n = set(), 0
        while load.poll() is None:
            with authority.space.inside():
                v = TlsVisitor("127.0.0.1:443", context, NAME)
            with v:
                assert v.get(host=NAME).body == b"hello"
                serials.add(v.sock.getpeercert()["serialNumber"])
            n += 1
        return serials, n
    results = at_once(lambda _: visits(), range(4))
    out = load.communicate()[0]
    assert re.search(r"(\d+) failed, 0 errored, 0 timeout", out)[1] == "0", out
    assert all(len(serials) == 2 and n > 20 for serials, n in results), results
    assert authority.certificate(NAME).serial_number != first.serial_number
    assert authority.orders() == 2 and "was not issued" not in server.log()


def test_damaged_state_is_set_aside(authority):
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    wait_until(lambda: kept(server, NAME)["next"], "the state")
    server.stop()
    folder = state_of(server)
    damaged = [folder / "account.key", folder / "names" / (NAME + ".pem"), folder / "names" / (NAME + ".json")]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:40] + b"\xff{")
    begin = len(server.log())
    server.start()
    for path in damaged:
        assert "warn  %s is of no use" % path in server.log()[begin:], path
        assert path.with_name(path.name + ".damaged").exists()
    authority.wait_certificate(NAME)
    assert authority.orders() == 2


def test_the_exit_nodes_own_names_as_inlets_says_it(tunnel):
    authority = Authority(tunnel)
    authority.names("exit.example.org")
    server = authority.tunnel.server(
        "--letsencrypt-email=operator@exit.example", "--letsencrypt-issuer=" + DIRECTORY,
        "--letsencrypt-domain=exit.example.org", "--acme-ca=" + authority.ca.cert, port="80,443", start=False)
    authority.space.move(server).start()
    authority.wait_certificate("exit.example.org")
    # It is the exit node's: nobody passes on its TLS.
    u = authority.upstream("hello")
    client = authority.client(["exit.example.org=sni+tcp://127.0.0.1:%d" % u.port], services=0)
    client.log_contains("exit.example.org is in a certificate of the exit node's own")


def test_a_clients_name_stays_the_clients(authority):
    """It may end its TLS itself later on, and gets no certificate then."""
    authority.names(NAME, "sealed.example.org")
    u = authority.upstream("hello")
    server = authority.server()
    first = authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    first.stop()
    own = authority.ca.issue(NAME, "sealed.example.org")
    tls = authority.upstream("hello", tls=own.server_context())
    authority.client(["%s=sni+tcp://127.0.0.1:%d" % (n, tls.port) for n in (NAME, "sealed.example.org")])
    for name in (NAME, "sealed.example.org"):
        wait_until(lambda n=name: authority.certificate(n).serial_number == own.serial, "the client's own certificate")
    assert authority.orders() == 1 and "sealed.example.org is ordered" not in server.log()
