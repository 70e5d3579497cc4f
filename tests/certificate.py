"""A certificate for `localhost`, and a bundle of issuers that has its own among the real ones: for https in tests."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

NAME = "localhost"


@dataclass(frozen=True)
class Certificate:
    """PEM files: key and certificate of a server; its issuer; a bundle of that and of the real issuers."""

    server: Path
    issuer: Path
    bundle: Path

    def context(self) -> ssl.SSLContext:
        """What a server needs to speak TLS."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server)
        return context


def make(place: Path) -> Certificate:
    """Write a certificate for `NAME` and who is to be trusted for it into a directory; good for a day."""
    issuer_key, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    issuer = _sign("Issuer of the tests", issuer_key, constraints, issuer_key=issuer_key)
    names = x509.SubjectAlternativeName([x509.DNSName(NAME)])
    server = _sign(NAME, key, names, issuer_key=issuer_key, issuer=issuer.subject)
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    made = Certificate(place / "server.pem", place / "issuer.pem", place / "bundle.pem")
    made.server.write_bytes(secret + server.public_bytes(Encoding.PEM))
    made.issuer.write_bytes(issuer.public_bytes(Encoding.PEM))
    made.bundle.write_bytes(Path(requests.certs.where()).read_bytes() + made.issuer.read_bytes())
    return made


def _sign(
    name: str,
    key: EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
    *,
    issuer_key: EllipticCurvePrivateKey,
    issuer: x509.Name | None = None,
) -> x509.Certificate:
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    by = issuer_key.public_key()
    return (
        x509.CertificateBuilder(issuer or subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
