# SPDX-License-Identifier: MIT
"""Certificates, right and wrong, made on the spot."""

import base64
import datetime
import hashlib
import ipaddress
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)

KINDS = {
    "ecdsa": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


class Cert:
    """Files: .cert (the leaf, then who vouches for it), .key, .both (in one file)."""

    def __init__(self, path, stem, chain, key):
        pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in chain)
        secret = key.private_bytes(serialization.Encoding.PEM,
                                   serialization.PrivateFormat.PKCS8,
                                   serialization.NoEncryption())
        self.leaf = chain[0]
        self.cert = _write(path / (stem + ".crt"), pem)
        self.key = _write(path / (stem + ".key"), secret)
        self.both = _write(path / (stem + ".pem"), pem + secret)
        self.pin = pin_of(chain[0])
        self.serial = chain[0].serial_number

    def options(self):
        """As the server takes it."""
        return ["--tls-cert=%s" % self.cert, "--tls-key=%s" % self.key]

    def server_context(self, alpn=()):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


class CA:
    def __init__(self, path, name="Test CA", above=None):
        """above: the CA that vouches for this one, which has no others below it."""
        self.path = path
        self.made = 0
        self.stem = name.lower().replace(" ", "-")
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = _build(self.name, above.name if above else self.name, self.key,
                                  above.key if above else self.key, ca=True)
        self.chain = [self.certificate] if above else []
        self.cert = _write(path / (self.stem + ".ca"),
                           self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names, days=30, client=False, kind="ecdsa"):
        """For these names and addresses; days below 0: it ended so many days ago."""
        self.made += 1
        key = KINDS[kind]()
        leaf = _build(_name(names[0]), self.name, key, self.key, names, days, client)
        return Cert(self.path, "%s-%d" % (self.stem, self.made), [leaf] + self.chain, key)

    def context(self, alpn=()):
        """For a visitor who trusts this CA alone."""
        context = ssl.create_default_context(cafile=self.cert)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context


def self_signed(path, *names, stem="self-signed"):
    key = ec.generate_private_key(ec.SECP256R1())
    return Cert(path, stem, [_build(_name(names[0]), _name(names[0]), key, key, names)], key)


def certificate_request(name="whoever", key=None):
    """PKCS#10 in PEM, of a key that nobody else has unless it is given."""
    key = key or KINDS["ecdsa"]()
    made = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def pin_of(certificate):
    """RFC 7469: of the public key, so it outlives a renewal that keeps the key."""
    info = certificate.public_key().public_bytes(serialization.Encoding.DER,
                                                 serialization.PublicFormat.SubjectPublicKeyInfo)
    return "sha256/" + base64.b64encode(hashlib.sha256(info).digest()).decode()


def serial_served(address, server_name=None):
    """Of the certificate that is shown there, trusted or not."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(address, 5) as sock, \
            context.wrap_socket(sock, server_hostname=server_name) as tls:
        return x509.load_der_x509_certificate(tls.getpeercert(True)).serial_number


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _write(path, content):
    path.write_bytes(content)
    path.chmod(0o600)
    return str(path)


def _alternative(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _build(subject, issuer, key, signer, names=(), days=30, client=False, ca=False):
    now = datetime.datetime.now(datetime.UTC)
    begins = now - DAY if days > 0 else now + (days - 10) * DAY
    b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
         .public_key(key.public_key()).serial_number(x509.random_serial_number())
         .not_valid_before(begins).not_valid_after(now + days * DAY)
         .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
         .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
         .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
                        False))
    if not ca:
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        b = b.add_extension(x509.ExtendedKeyUsage([usage]), False)
    if names:
        b = b.add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
    return b.sign(signer, hashes.SHA256())
