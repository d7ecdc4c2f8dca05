"""Makes the certificate of a server on this machine: self-signed, with a key of its own (X.509, RFC 5280)."""

from __future__ import annotations

import hashlib
import ssl
import sys
from pathlib import Path

from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import pkcs1_15

#: ASN.1 tags (X.690).
BOOLEAN, INTEGER, BITS, OCTETS, OID, UTF8, SEQUENCE, SET, UTC_TIME = 1, 2, 3, 4, 6, 12, 0x30, 0x31, 23
#: From and until when it holds: as long as a UTCTime can say.
HOLDS = (b"200101000000Z", b"491231235959Z")
#: Object identifiers, encoded: sha256WithRSAEncryption; commonName; the extensions.
SHA256_RSA, COMMON_NAME = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("550403")
KEY_ID, KEY_USAGE, ALTERNATIVE_NAME, CONSTRAINTS = (bytes.fromhex(f"551d{last}") for last in ("0e", "0f", "11", "13"))


def write_certificate(path: Path, host: str) -> None:
    """Write a certificate of `host` and its key, as PEM, into one file that a TLS server can load."""
    key = RSA.generate(2048)
    pem = ssl.DER_cert_to_PEM_cert(certificate(key, host))
    path.write_text(f"{key.export_key().decode()}\n{pem}")


def certificate(key: RSA.RsaKey, host: str) -> bytes:
    """Return a self-signed certificate of `host`, in DER: the authority and the server in one."""
    name = der(SEQUENCE, der(SET, der(SEQUENCE, der(OID, COMMON_NAME), der(UTF8, host.encode()))))
    algorithm = der(SEQUENCE, der(OID, SHA256_RSA), b"\x05\x00")
    public = key.public_key().export_key("DER")
    to_be_signed = der(
        SEQUENCE,
        der(0xA0, der(INTEGER, b"\x02")),  # version 3
        der(INTEGER, b"\x01"),
        algorithm,
        name,
        der(SEQUENCE, *(der(UTC_TIME, moment) for moment in HOLDS)),
        name,
        public,
        der(0xA3, der(SEQUENCE, *extensions(host, hashlib.sha256(public).digest()[:20]))),
    )
    signature = pkcs1_15.new(key).sign(SHA256.new(to_be_signed))
    return der(SEQUENCE, to_be_signed, algorithm, der(BITS, b"\x00", signature))


def extensions(host: str, key_id: bytes) -> list[bytes]:
    """Return what a strict check wants of an authority (RFC 5280, 4.2), and the name that clients look for."""
    return [
        extension(CONSTRAINTS, der(SEQUENCE, der(BOOLEAN, b"\xff")), critical=True),
        extension(KEY_USAGE, der(BITS, b"\x02\x84"), critical=True),  # digitalSignature, keyCertSign
        extension(KEY_ID, der(OCTETS, key_id)),
        extension(ALTERNATIVE_NAME, der(SEQUENCE, der(0x82, host.encode()))),
    ]


def extension(identifier: bytes, value: bytes, *, critical: bool = False) -> bytes:
    """Return one extension."""
    return der(SEQUENCE, der(OID, identifier), der(BOOLEAN, b"\xff") if critical else b"", der(OCTETS, value))


def der(tag: int, *parts: bytes) -> bytes:
    """Return a value in DER: tag, length, content."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


if __name__ == "__main__":
    write_certificate(Path(sys.argv[1]), sys.argv[2])
