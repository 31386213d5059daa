# SPDX-License-Identifier: Apache-2.0
"""The emulator's certificate authority and its server certificates, good ones and bad ones."""

import datetime
import ipaddress
import os
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost", "kms.test", "iam.test")
FILES = {"good": "server.pem", "untrusted": "server-untrusted.pem", "expired": "server-expired.pem",
         "other-name": "server-other-name.pem"}
DAY = datetime.timedelta(days=1)


def common_name(text):
    """Return an X.509 name with this common name only."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def builder(subject, issuer, public_key, start, end):
    """Return the beginning of a certificate."""
    return (x509.CertificateBuilder().subject_name(common_name(subject)).issuer_name(common_name(issuer))
            .public_key(public_key).serial_number(x509.random_serial_number())
            .not_valid_before(start).not_valid_after(end))


class Authority:
    """A certificate authority; its private key is never written down."""

    def __init__(self, name):
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        today = datetime.datetime.utcnow()
        made = builder(name, name, self._key.public_key(), today - DAY * 30, today + DAY * 3650)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        made = made.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
        self.certificate = made.sign(self._key, hashes.SHA256())

    def server(self, public_key, names, addresses, start, end):
        """Return a server certificate."""
        known = [x509.DNSName(name) for name in names]
        known += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
        made = builder(names[0], self._name, public_key, start, end)
        made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        made = made.add_extension(x509.SubjectAlternativeName(known), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return made.sign(self._key, hashes.SHA256())


def write(folder, name, data, mode=0o644):
    """Write a file in one step."""
    path = os.path.join(folder, name)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def pem(certificate):
    """Return a certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def make(folder, kind):
    """Write the authority, the server's key and its certificates, unless they are there."""
    wanted = ["ca.pem", "server.key"] + list(FILES.values())
    if all(os.path.exists(os.path.join(folder, name)) for name in wanted):
        return
    if kind == "ec":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public, today = key.public_key(), datetime.datetime.utcnow()
    authority, stranger = Authority("Emulated Cloud CA"), Authority("Unknown CA")
    own = (public, NAMES, ("127.0.0.1",))
    write(folder, FILES["good"], pem(authority.server(*own, today - DAY, today + DAY * 3650)))
    write(folder, FILES["untrusted"], pem(stranger.server(*own, today - DAY, today + DAY * 3650)))
    write(folder, FILES["expired"], pem(authority.server(*own, today - DAY * 20, today - DAY)))
    write(folder, FILES["other-name"],
          pem(authority.server(public, ("elsewhere.test",), (), today - DAY, today + DAY * 3650)))
    write(folder, "server.key", key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), 0o600)
    write(folder, "ca.pem", pem(authority.certificate))


def context(folder, which="good", newest="1.3"):
    """Return what a listener needs to speak TLS with one of the certificates."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if newest == "1.2":
        made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.load_cert_chain(os.path.join(folder, FILES[which]), os.path.join(folder, "server.key"))
    made.set_alpn_protocols(["http/1.1"])
    return made
