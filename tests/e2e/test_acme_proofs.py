# SPDX-License-Identifier: MIT
"""How names are proved to a CA, who orders, and when the CA wants a certificate renewed: with Pebble, as test_acme.py."""

import base64
import datetime
import json
import re
import ssl

import pytest

from harness.acme import MANAGEMENT, Authority, pebble
from harness.admin import ask
from harness.wait import PATIENCE, wait_until
from test_acme import NAME, kept, state_of

pytestmark = [pytest.mark.root,
              pytest.mark.skipif(not pebble(), reason="there is no Pebble: scripts/check builds it")]

WILDCARD = "*.apps.example.org"


@pytest.fixture
def authority(tunnel):
    return Authority(tunnel)


def test_by_tls_where_port_80_leads_elsewhere(authority):
    """auto finds out."""
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server(port="8080,443")
    authority.client([NAME + "=" + u.url], port=8080)
    authority.wait_certificate(NAME)
    assert "is ordered by tls-alpn-01 from" in server.log()
    # Whoever comes with that protocol, and is no CA under way, is served as everybody.
    context = ssl.create_default_context(cafile=authority.roots())
    context.set_alpn_protocols(["acme-tls/1"])
    assert authority.certificate(NAME, context=context).issuer.rfc4514_string().startswith("CN=Pebble Intermediate")


def test_the_challenge_that_is_asked_for(authority):
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server("--acme-challenge=tls-alpn-01")
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    assert "is ordered by tls-alpn-01 from" in server.log()
    assert "path=/.well-known/acme-challenge" not in server.log()


def test_a_client_with_a_ca_of_its_own_is_asked_itself(authority):
    """TLS that is passed on is passed on with this protocol as well."""
    authority.names(NAME)
    own = authority.ca.issue(NAME)
    context = own.server_context(["acme-tls/1"])
    u = authority.upstream("hello", tls=context)
    authority.server()
    authority.client(["%s=sni+tcp://127.0.0.1:%d" % (NAME, u.port)])
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    asking.set_alpn_protocols(["acme-tls/1"])
    assert authority.certificate(NAME, context=asking).serial_number == own.serial


def test_wildcards_by_dns(authority):
    u = authority.upstream("hello")
    server = authority.server("--acme-dns-hook=%s" % authority.texts.hook, "--acme-names=" + WILDCARD)
    authority.names("a.apps.example.org")
    authority.client(["%s=%s" % (WILDCARD, u.url), "a.apps.example.org=" + u.url])
    wait_until(lambda: authority.has_certificate("x.apps.example.org", WILDCARD), "the wildcard", 3 * PATIENCE)
    lines = wait_until(lambda: len(lines := authority.texts.log.read_text().splitlines()) == 2 and lines, "the hook")
    assert [line.split()[:2] for line in lines] == [["add", "_acme-challenge.apps.example.org"],
                                                   ["remove", "_acme-challenge.apps.example.org"]]
    assert lines[0].split()[2] == lines[1].split()[2] and len(lines[0].split()[2]) == 43
    assert (state_of(server) / "names" / "_wildcard.apps.example.org.pem").exists()
    # It is kept, and stays in use.
    server.stop()
    server.start()
    assert authority.has_certificate("x.apps.example.org", WILDCARD)


def test_every_name_by_dns(authority):
    """Where it leads is not asked."""
    u = authority.upstream("hello")
    server = authority.server("--acme-dns-hook=%s" % authority.texts.hook, "--acme-challenge=dns-01")
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    assert "tunnel-check" not in server.log() and "is ordered by dns-01 from" in server.log()


def test_a_hook_that_fails(authority):
    hook = authority.stage.file("failing", "#!/bin/sh\necho no such zone >&2\nexit 3\n", mode=0o700)
    u = authority.upstream("hello")
    server = authority.server("--acme-dns-hook=%s" % hook, "--acme-challenge=dns-01")
    client = authority.client([NAME + "=" + u.url])
    server.log_contains("warn  the certificate for %s was not issued: --acme-dns-hook %s add _acme-challenge.%s ended with "
                        "status 3; the next try is on" % (NAME, hook, NAME))
    assert "no such zone" in server.log()
    (item,) = [i for i in ask(server, "/api/v1/attention").json["items"] if i["about"] == "certificate"]
    assert item["what"].startswith("%s has no certificate: --acme-dns-hook" % NAME)
    client.log_contains("the exit node has no certificate for %s yet: --acme-dns-hook" % NAME)


def test_an_account_that_the_ca_knows(tunnel):
    key = base64.urlsafe_b64encode(b"k" * 48).decode().rstrip("=")
    authority = Authority(tunnel, binding={"kid-1": key})
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([NAME + "=" + u.url])
    server.log_contains("this CA wants an account that it knows: give --acme-eab")
    server.stop()
    for name, mode, content in (("eab", 0o600, "kid-1 %s\n" % key), ("open", 0o644, "kid-1 x"), ("odd", 0o600, "kid-1")):
        authority.stage.file(name, content, mode=mode)
    refused = authority.server("--acme-eab=%s" % (authority.stage.path / "odd"), start=False)
    refused.expected_status.add(1)
    refused.start(wait=False)
    assert refused.wait() == 1 and "--acme-eab: " in refused.log() and "has not what a CA gives" in refused.log()
    authority.server("--acme-eab=%s" % (authority.stage.path / "eab"))
    authority.wait_certificate(NAME)


def test_a_profile(tunnel):
    authority = Authority(tunnel, profiles={"usual": 90 * 86400, "shortlived": 6 * 86400})
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server("--acme-profile=tlsclient")
    authority.client([NAME + "=" + u.url])
    server.log_contains("this CA has no profile tlsclient: look at --acme-profile")
    server.stop()
    server = authority.server("--acme-profile=shortlived")
    authority.wait_certificate(NAME)
    found = authority.certificate(NAME)
    assert found.not_valid_after - found.not_valid_before < datetime.timedelta(days=7)
    # And it is no news that it ends within a week.
    assert "is issued, until" in server.log() and ": renew it" not in server.log()


def test_renewal_when_the_ca_says_so(authority):
    """RFC 9773: also behind a restart, and the order says what it replaces."""
    authority.names(NAME)
    u = authority.upstream("hello")
    server = authority.server()
    authority.client([NAME + "=" + u.url])
    authority.wait_certificate(NAME)
    first = authority.certificate(NAME)
    # What the CA suggests takes the place of two thirds.
    wait_until(lambda: kept(server, NAME)["windowLook"], "the CA to be asked", 3 * PATIENCE)
    server.stop()
    pem = (state_of(server) / "names" / (NAME + ".pem")).read_text()
    leaf = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", pem, re.S)[0]
    window = {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}}
    authority.get(MANAGEMENT + "/set-renewal-info/",
                  json.dumps({"certificate": leaf, "ariResponse": json.dumps(window)}).encode())
    path = state_of(server) / "names" / (NAME + ".json")
    state = json.loads(path.read_text())
    state["windowLook"] = 0
    path.write_text(json.dumps(state))
    server.start()
    wait_until(lambda: authority.certificate(NAME).serial_number != first.serial_number, "another certificate",
               3 * PATIENCE)
    assert re.search(r"the certificate for %s is renewed now and not on .*, as the CA suggests" % NAME, server.log())
    assert authority.orders() == 2
