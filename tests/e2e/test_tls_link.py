# SPDX-License-Identifier: MIT
"""Links over TLS: what is verified, what is bound, and who in the middle is found out (rules 7 to
9).
"""

import pathlib
import re
import shutil
import signal
import ssl
import subprocess

import pytest

from harness import certs
from harness.public import port_of
from harness.tls import TlsMitm, TlsVisitor, trusting
from harness.tunnel import PUBLISHED
from harness.wait import quiet_for, wait_until

SECRET = "what nobody on the way may read"


def wss(server, host="127.0.0.1"):
    port = server.port if hasattr(server, "port") else int(server.rpartition(":")[2])
    return "wss://%s:%d" % (host, port)


@pytest.fixture
def node(tunnel, ca):
    """An exit node with a certificate of that CA."""
    return tunnel.server(*ca.issue("127.0.0.1", "localhost").options())


def refused(client, *words):
    """The client says why, and does not go on."""
    pattern = "|".join(words)
    wait_until(lambda: re.search(pattern, client.log()), "/%s/ in the client's log" % pattern)
    # And it stays so over its next attempts.
    quiet_for(0.5, lambda: PUBLISHED in client.log(), "that it publishes")
    client.expected_status |= {1, 2, 3}


UNKNOWN_CA = "vouches for its certificate"
EXPIRED = "certificate ended on"
WRONG_NAME = "certificate is for"


# Who is believed


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_verified_by_ca(tunnel, ca, node, host):
    client = tunnel.client(wss(node, host), tunnel.upstream(SECRET), "--tls-ca=" + ca.cert)
    assert tunnel.visitor(node).get().body == SECRET.encode()
    log = client.log()
    assert UNKNOWN_CA not in log and "before the exit node" not in log and " warn" not in log


def test_verified_by_the_systems_cas(tunnel, ca, node):
    """OpenSSL's own variable stands in for /etc/ssl/certs."""
    env = dict(tunnel.env, SSL_CERT_FILE=ca.cert)
    client = tunnel.client(wss(node), tunnel.upstream("ok"), env=env)
    assert tunnel.visitor(node).get().body == b"ok"
    assert UNKNOWN_CA not in client.log()


def test_nothing_on_the_line_is_plain(tunnel, ca, node):
    relay = tunnel.mitm(node)
    tunnel.client(wss(relay), tunnel.upstream(SECRET), "--tls-ca=" + ca.cert)
    assert tunnel.visitor(node).get().body == SECRET.encode()
    for text in (SECRET.encode(), b"tunnel.v1", b"Upgrade", b"example.com"):
        assert text not in relay.recorded()


def test_unknown_ca_is_safe_when_bound(tunnel, node):
    client = tunnel.client(wss(node), tunnel.upstream("ok"))
    assert tunnel.visitor(node).get().body == b"ok"
    assert client.log().count(UNKNOWN_CA) == 1


def test_plain_links_come_to_the_same_port(tunnel, node):
    tunnel.client("ws://" + node.address, tunnel.upstream("ok"))
    assert tunnel.visitor(node).get().body == b"ok"


def test_wss_to_a_server_without_tls(tunnel):
    client = tunnel.client(wss(tunnel.server()), tunnel.upstream(), wait=False)
    refused(client, "TLS")


def test_tcp_services_over_wss(tunnel, ca, node):
    upstream = tunnel.upstream(lambda conn: conn.send(conn.read(5)[::-1]))
    client = tunnel.client(wss(node), "0=tcp://" + upstream.address, "--tls-ca=" + ca.cert)
    v = tunnel.visitor("127.0.0.1:%d" % port_of(client))
    assert v.send(b"12345").read_to_end() == b"54321"


def test_large_bodies_over_wss(tunnel, ca, node):
    body = SECRET.encode() * 200000
    tunnel.client(wss(node), tunnel.upstream(body), "--tls-ca=" + ca.cert)
    v = tunnel.visitor(node)
    for _ in range(3):
        assert v.get().body == body


# A token is what binds; without one the certificate is all there is (rule 12)


def issue(ca, other, how):
    return {
        "good": lambda: ca.issue("127.0.0.1"),
        "unknown CA": lambda: other.issue("127.0.0.1"),
        "self-signed": lambda: certs.self_signed(ca.path, "127.0.0.1"),
        "expired": lambda: ca.issue("127.0.0.1", days=-3),
        "wrong name": lambda: ca.issue("elsewhere.example"),
    }[how]()


@pytest.mark.parametrize("how,sentence", [
    ("unknown CA", UNKNOWN_CA), ("self-signed", UNKNOWN_CA), ("expired", EXPIRED),
    ("wrong name", WRONG_NAME),
])
def test_open_mode_refuses_what_it_cannot_verify(tunnel, ca, how, sentence):
    cert = issue(ca, tunnel.ca("Other CA"), how)
    server = tunnel.server("--no-token", *cert.options(), token=None)
    client = tunnel.client(wss(server), tunnel.upstream(), "--no-token", "--tls-ca=" + ca.cert,
                           token=None, wait=False)
    refused(client, sentence)
    others = {UNKNOWN_CA, EXPIRED, WRONG_NAME} - {sentence}
    assert not [s for s in others if s in client.log()]
    if how == "expired":
        client.log_contains(cert.leaf.not_valid_after.strftime("%Y-%m-%d"))
    if how == "wrong name":
        client.log_contains("elsewhere.example, not 127.0.0.1: dial it by a name of its own, or pin it")
        assert "--tls-ca" not in client.log()


def test_open_mode_with_a_good_certificate(tunnel, ca):
    server = tunnel.server("--no-token", *ca.issue("127.0.0.1").options(), token=None)
    tunnel.client(wss(server), tunnel.upstream("ok"), "--no-token", "--tls-ca=" + ca.cert,
                  token=None)
    assert tunnel.visitor(server).get().body == b"ok"


@pytest.mark.parametrize("how,sentence", [("expired", EXPIRED), ("wrong name", WRONG_NAME)])
@pytest.mark.parametrize("asked", [True, False])
def test_certificate_that_is_wrong_where_a_token_binds(tunnel, ca, how, sentence, asked):
    """Bound is safe, so the client goes on and says what is wrong. Whoever names a CA wants more:
    with it a team's members cannot play the exit node for each other (rule 13)."""
    server = tunnel.server(*issue(ca, ca, how).options())
    options = ["--tls-ca=" + ca.cert] if asked else []
    client = tunnel.client(wss(server), tunnel.upstream("ok"), *options, wait=not asked,
                           env=dict(tunnel.env, SSL_CERT_FILE=ca.cert))
    if asked:
        refused(client, sentence)
    else:
        assert tunnel.visitor(server).get().body == b"ok"
        client.log_contains(sentence)


# Whoever stands in the middle


@pytest.fixture
def middle(tunnel):
    def make(target, cert, **kwargs):
        return tunnel.stage.add(TlsMitm(("127.0.0.1", target.port), cert, **kwargs))
    return make


def test_man_in_the_middle_of_an_auto_tls_server(tunnel, middle, stage):
    """His certificate is as good as the server's: none is vouched for. The binding tells."""
    server = tunnel.server("--auto-tls")
    mallory = middle(server, certs.self_signed(stage.path, "127.0.0.1"))
    client = tunnel.client(wss(mallory), tunnel.upstream(SECRET), wait=False)
    wait_until(lambda: b"tunnel.v1" in mallory.recorded(), "the client to knock")
    refused(client, "in the middle", "before the exit node", "not bound", UNKNOWN_CA)
    assert not mallory.failed, "it has to be let in that far, else nothing is tested"
    assert tunnel.TOKEN.encode() not in mallory.recorded()
    # The same server without him, and with as little verified.
    assert tunnel.client(wss(server), tunnel.upstream("ok")).alive()


def test_proxy_in_the_middle_that_is_vouched_for(tunnel, middle, ca):
    """The same relay with a certificate that the client trusts is a proxy, and reads nothing."""
    server = tunnel.server("--auto-tls")
    proxy = middle(server, ca.issue("127.0.0.1"))
    client = tunnel.client(wss(proxy), tunnel.upstream(SECRET), "--tls-ca=" + ca.cert)
    assert tunnel.visitor(server).get().body == SECRET.encode()
    assert len(re.findall("before the exit node", client.log())) == 1
    assert b"tunnel.v1" in proxy.recorded()
    assert SECRET.encode() not in proxy.recorded()
    assert b"publish" not in proxy.recorded()


@pytest.mark.parametrize("trusted", [True, False])
def test_tls_on_the_clients_side_alone(tunnel, middle, ca, trusted):
    """ws:// behind the relay: equal to nothing, absent included."""
    server = tunnel.server()
    proxy = middle(server, ca.issue("127.0.0.1"), to_tls=False)
    client = tunnel.client(wss(proxy), tunnel.upstream(SECRET),
                           *(["--tls-ca=" + ca.cert] if trusted else []), wait=trusted)
    if trusted:
        assert tunnel.visitor(server).get().body == SECRET.encode()
        assert SECRET.encode() not in proxy.recorded() and b"publish" not in proxy.recorded()
    else:
        refused(client, UNKNOWN_CA, "before the exit node")


def tls_1_2(tunnel, stage):
    """An environment in which OpenSSL has no TLS 1.3."""
    config = stage.file("openssl.cnf",
    """
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = old
[old]
MaxProtocol = TLSv1.2
""")
    return dict(tunnel.env, OPENSSL_CONF=str(config))


def test_tls_1_2_setting_works(tunnel, stage, ca, node):
    for env, version in ((tls_1_2(tunnel, stage), "TLSv1.2"), (tunnel.env, "TLSv1.3")):
        p = subprocess.run(["openssl", "s_client", "-connect", node.address, "-CAfile", ca.cert],
                           env=env, input=b"", capture_output=True, timeout=10)
        assert ("New, %s" % version).encode() in p.stdout


@pytest.mark.parametrize("who", ["client", "server"])
@pytest.mark.parametrize("trusted", [True, False])
def test_tls_1_2_binds_nothing(tunnel, stage, ca, who, trusted):
    """Rule 8: its exporter says too little, so the link is sealed, and the certificate counts."""
    env = tls_1_2(tunnel, stage)
    server = tunnel.server(*ca.issue("127.0.0.1").options(),
                           env=env if who == "server" else None)
    client = tunnel.client(wss(server), tunnel.upstream("ok"),
                           *(["--tls-ca=" + ca.cert] if trusted else []),
                           env=env if who == "client" else None, wait=trusted)
    if trusted:
        assert tunnel.visitor(server).get().body == b"ok"
    else:
        refused(client, UNKNOWN_CA)


def behind_nginx(tunnel, server, cert, versions="TLSv1.2 TLSv1.3"):
    return tunnel.nginx("""
        ssl_protocols %s;
        ssl_certificate %s;
        ssl_certificate_key %s;
        location / {
            proxy_pass http://%s;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_read_timeout 60s;
        }
""" % (versions, cert.cert, cert.key, server.address), listen="ssl", http="""
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
""")


@pytest.mark.parametrize("versions,words", [
    ("TLSv1.2 TLSv1.3", "before the exit node"), ("TLSv1.2", "TLS 1.2"),
])
def test_nginx_ends_tls_in_front(tunnel, ca, versions, words):
    server = tunnel.server()
    relay = tunnel.mitm(server)  # what nginx and the exit node say to each other
    nginx = behind_nginx(tunnel, relay, ca.issue("127.0.0.1"), versions)
    client = tunnel.client(wss(nginx), tunnel.upstream(SECRET), "--tls-ca=" + ca.cert)
    assert tunnel.visitor(server).get().body == SECRET.encode()
    client.log_contains(words)
    assert b"tunnel.v1" in relay.recorded() and SECRET.encode() not in relay.recorded()
    # A visitor through the same nginx.
    body = tunnel.curl("https://127.0.0.1:%d/" % nginx.port, "--cacert", ca.cert)
    assert body == SECRET.encode()


def test_nginx_in_front_whose_ca_is_unknown(tunnel, ca):
    nginx = behind_nginx(tunnel, tunnel.server(), ca.issue("127.0.0.1"))
    refused(tunnel.client(wss(nginx), tunnel.upstream(), wait=False), UNKNOWN_CA)


# Pins


def test_right_pin(tunnel, ca, stage):
    """It is all that is asked: neither CA nor name nor date matters."""
    cert = certs.self_signed(stage.path, "elsewhere.example")
    server = tunnel.server(*cert.options())
    client = tunnel.client(wss(server), tunnel.upstream("ok"), "--tls-pin=" + cert.pin)
    assert tunnel.visitor(server).get().body == b"ok"
    assert UNKNOWN_CA not in client.log() and WRONG_NAME not in client.log()


def test_wrong_pin(tunnel, ca, node):
    """Rule 13: everybody in a team could play the exit node; a pin says which one is meant."""
    other = ca.issue("127.0.0.1")
    client = tunnel.client(wss(node), tunnel.upstream(), "--tls-ca=" + ca.cert,
                           "--tls-pin=" + other.pin, wait=False)
    refused(client, "pin")


@pytest.mark.parametrize("pin", ["sha256/abc", "sha1/" + "A" * 27 + "=", "A" * 44])
def test_pin_that_is_none(tunnel, pin):
    status, _, err = tunnel.run("client", "--remote=wss://127.0.0.1:9", "--upstream=http://a",
                                "--token=" + tunnel.TOKEN, "--tls-pin=" + pin)
    assert status == 2 and "tls-pin" in err and "sha256/" in err


def test_auto_tls_prints_a_pin_and_keeps_it(tunnel):
    server = tunnel.server("--auto-tls")
    pin = wait_until(lambda: re.search(r"sha256/[A-Za-z0-9+/]{43}=", server.log()),
                     "a pin in the server's log")
    serial = certs.serial_served(("127.0.0.1", server.port))
    for p in server.state.iterdir():
        assert p.stat().st_mode & 0o077 == 0 or b"PRIVATE" not in p.read_bytes()
    server.stop()
    server.start()
    assert certs.serial_served(("127.0.0.1", server.port)) == serial
    client = tunnel.client(wss(server), tunnel.upstream("ok"), "--tls-pin=" + pin[0])
    assert tunnel.visitor(server).get().body == b"ok"
    assert UNKNOWN_CA not in client.log()


# Client certificates


def test_client_certificate(tunnel, ca):
    own = tunnel.ca("Client CA")
    mine = own.issue("laptop", client=True)
    server = tunnel.server("--tls-client-ca=" + own.cert, *ca.issue("127.0.0.1").options())
    tunnel.client(wss(server), tunnel.upstream("ok"), "--tls-ca=" + ca.cert,
                  "--tls-client-cert=" + mine.cert, "--tls-client-key=" + mine.key)
    assert tunnel.visitor(server).get().body == b"ok"
    # It is the links' affair: visitors are asked for none.
    with TlsVisitor(server.address, ca.context()) as v:
        assert v.get(host="127.0.0.1").body == b"ok"


@pytest.mark.parametrize("which", ["none", "other CA", "expired"])
def test_client_certificate_that_is_not_enough(tunnel, ca, which):
    own = tunnel.ca("Client CA")
    server = tunnel.server("--tls-client-ca=" + own.cert, *ca.issue("127.0.0.1").options())
    options = ["--tls-ca=" + ca.cert]
    if which != "none":
        cert = (tunnel.ca("Stranger") if which == "other CA" else own).issue(
            "laptop", client=True, days=-3 if which == "expired" else 30)
        options += ["--tls-client-cert=" + cert.cert, "--tls-client-key=" + cert.key]
    client = tunnel.client(wss(server), tunnel.upstream(), *options, wait=False)
    refused(client, "certificate")


def test_client_certificate_is_asked_for_on_plain_links_too(tunnel, ca):
    """Else ws:// to the same port would be the way around it."""
    own = tunnel.ca("Client CA")
    server = tunnel.server("--tls-client-ca=" + own.cert, *ca.issue("127.0.0.1").options())
    client = tunnel.client("ws://" + server.address, tunnel.upstream(), wait=False)
    refused(client, "certificate", "wss", "TLS", "403")


# Certificates that change


def replace(old, new):
    for a, b in ((old.cert, new.cert), (old.key, new.key)):
        shutil.copy(b, a + ".new")
        pathlib.Path(a + ".new").rename(a)


@pytest.mark.parametrize("told", [True, False])
def test_new_certificate(tunnel, ca, told):
    """By SIGHUP, and without: the links that are there stay."""
    cert, renewed = ca.issue("127.0.0.1"), ca.issue("127.0.0.1")
    server = tunnel.server(*cert.options())
    client = tunnel.client(wss(server), tunnel.upstream("ok"), "--tls-ca=" + ca.cert)
    held = TlsVisitor(server.address, ca.context())
    assert held.get(host="127.0.0.1").body == b"ok"
    assert certs.serial_served(("127.0.0.1", server.port)) == cert.serial
    replace(cert, renewed)
    if told:
        server.send_signal(signal.SIGHUP)
    wait_until(lambda: certs.serial_served(("127.0.0.1", server.port)) == renewed.serial,
               "the new certificate", 30)
    assert held.get(host="127.0.0.1").body == b"ok"
    assert client.log().count("connected to") == 1
    held.close()


def test_broken_certificate_changes_nothing(tunnel, ca):
    cert = ca.issue("127.0.0.1")
    server = tunnel.server(*cert.options())
    pathlib.Path(cert.cert).write_text("half a certifi")
    before = server.log()
    server.send_signal(signal.SIGHUP)
    wait_until(lambda: cert.cert in server.log()[len(before):], "a complaint")
    assert certs.serial_served(("127.0.0.1", server.port)) == cert.serial
    assert server.alive()


@pytest.mark.parametrize("wrong", ["missing", "no PEM", "another key"])
def test_certificate_that_cannot_be_used_at_start(tunnel, ca, wrong):
    cert, other = ca.issue("127.0.0.1"), ca.issue("127.0.0.1")
    if wrong == "missing":
        cert.cert = str(tunnel.path / "nowhere.crt")
    elif wrong == "no PEM":
        pathlib.Path(cert.cert).write_text("nonsense")
    elif wrong == "another key":
        cert.key = other.key
    status, _, err = tunnel.run("server", "--port=0", "--bind-addr=127.0.0.1",
                                "--token=" + tunnel.TOKEN, "--state-dir=%s" % tunnel.path,
                                *cert.options())
    assert status in (1, 2)
    assert (cert.key if wrong == "another key" else cert.cert) in err or cert.cert in err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_protocols_are_not_spoken(tunnel, ca, node):
    context = trusting()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        TlsVisitor(node.address, context)
    TlsVisitor(node.address, ca.context()).close()
