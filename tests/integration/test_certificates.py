# SPDX-License-Identifier: Apache-2.0
"""The server's certificates change while it serves; clients are enrolled from what was refused, and signed."""

import os
import re
import socket
import ssl
import subprocess
import unittest

import client
import world
from client import Connection, refused

AUTHORITY = """
[req]
distinguished_name = name
x509_extensions = extensions
[name]
[extensions]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[issued]
authorityKeyIdentifier = keyid
"""


class Authority:
    """A site's own two-step authority: a root, and the intermediate that signs."""

    def __init__(self):
        self.folder = world.folder("authority")
        self.root, self.middle = self.path("root.pem"), self.path("middle.pem")
        with open(self.path("cnf"), "w", encoding="ascii") as file:
            file.write(AUTHORITY)
        world.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "900", "-subj", "/CN=Site root",
                      "-config", self.path("cnf"), "-keyout", self.path("root.key"), "-out", self.root)
        world.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1", "-nodes", "-subj",
                      "/O=Site/CN=Site issuer", "-keyout", self.path("middle.key"), "-out", self.path("middle.csr"))
        world.openssl("x509", "-req", "-in", self.path("middle.csr"), "-CA", self.root, "-CAkey",
                      self.path("root.key"), "-CAcreateserial", "-days", "800", "-sha384", "-extfile",
                      self.path("cnf"), "-extensions", "extensions", "-out", self.middle)

    def path(self, name):
        return os.path.join(self.folder, name)

    def sign(self, request, name, *words):
        """Sign a request (PEM text) with all that it asks for; the path of the certificate."""
        path = self.path(name)
        with open(path + ".csr", "w", encoding="ascii") as file:
            file.write(request)
        world.openssl("req", "-in", path + ".csr", "-verify", "-noout")
        world.openssl("x509", "-req", "-in", path + ".csr", "-CA", self.middle, "-CAkey", self.path("middle.key"),
                      "-CAcreateserial", "-days", "700", "-copy_extensions", "copy", "-out", path, *words)
        return path


def served_chain(server, kind="RSA"):
    """The certificates that the server sends, in PEM."""
    done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-tls1_2", "-showcerts",
                           "-cipher", "aECDSA" if kind == "ECDSA" else "aRSA"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=world.PATIENCE, check=False)
    return re.findall(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n", done.stdout.decode())


def sha1_of(pem):
    """As openssl prints it."""
    return world.openssl("x509", "-noout", "-fingerprint", "-sha1", input=pem.encode()).decode().split("=")[1].strip()


class ServerCertificates(unittest.TestCase):
    """cert csr, install, activate, renew."""

    @classmethod
    def setUpClass(cls):
        cls.authority, cls.vcenter = Authority(), world.identity("vcenter")

    def setUp(self):
        self.server = world.Server(settings=["server name kms1.example", "server addresses 192.0.2.50 2001:db8::7"],
                                   clients=[self.vcenter], fresh=True).start()
        self.addCleanup(self.server.kill)

    def install(self, *paths):
        return self.server.console("cert", "install", *(world.openssl_base64("x509", path) for path in paths))

    def check_install_refused(self, text, *words):
        done = self.server.console_run("cert", "install", *words)
        self.assertEqual(done.returncode, 1)
        self.assertIn(text, done.stderr)

    def test_from_request_to_force_under_an_open_session(self):
        before = served_chain(self.server)
        self.assertEqual(len(before), 1)
        with Connection(self.server, self.vcenter) as connection:
            uid = connection.create()
            key = connection.get(uid)
            request = self.server.console("cert", "csr", "kms.site.example", "198.51.100.9")
            path = self.authority.sign(request, "rsa.pem")
            text = world.openssl("x509", "-in", path, "-noout", "-text").decode()
            for name in ("DNS:kms1.example", "DNS:kms.site.example", "IP Address:198.51.100.9", "IP Address:127.0.0.1",
                         "IP Address:192.0.2.50", "IP Address:2001:DB8:0:0:0:0:0:7", "TLS Web Server Authentication"):
                self.assertIn(name, text)
            said = self.install(path, self.authority.middle)
            with open(path, encoding="ascii") as file:
                new = sha1_of(file.read())
            self.assertIn("NEW thumbprints\nSHA1 Fingerprint=" + new, said)
            self.assertIn("BEFORE", said)
            self.assertEqual(served_chain(self.server), before)
            self.assertIn("prepared", self.server.console("show", "cert"))
            said = self.server.console("cert", "activate")
            self.assertIn("SHA1 Fingerprint=" + new, said)
            chain = served_chain(self.server)
            self.assertEqual([sha1_of(one) for one in chain],
                             [new, sha1_of(open(self.authority.middle, encoding="ascii").read())])
            self.assertEqual(connection.get(uid), key)
        self.check_verifies()
        self.assertNotIn("prepared", self.server.console("show", "cert"))
        for end in (self.server.stop, self.server.kill):
            end()
            self.server.start()
            self.assertEqual(served_chain(self.server), chain)
            self.assertNotIn("prepared", self.server.console("show", "cert"))
            self.check_verifies()

    def check_verifies(self):
        """A client that trusts the site's root alone, and asks for the name, is content."""
        context = ssl.create_default_context(cafile=self.authority.root)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
        context.load_cert_chain(self.vcenter.cert, self.vcenter.key)
        with socket.create_connection(self.server.address, world.PATIENCE) as plain, \
                context.wrap_socket(plain, server_hostname="kms.site.example") as tls:
            self.assertEqual(tls.version(), "TLSv1.2")

    def test_a_prepared_one_survives_a_kill(self):
        before = served_chain(self.server, "ECDSA")
        said = self.server.console("cert", "renew", "ec")
        new = re.search(r"NEW thumbprints\nSHA1 Fingerprint=(\S+)", said).group(1)
        self.server.kill()
        self.server.start()
        self.assertEqual(served_chain(self.server, "ECDSA"), before)
        self.assertIn(new, self.server.console("show", "cert"))
        self.server.console("cert", "activate")
        self.assertEqual(sha1_of(served_chain(self.server, "ECDSA")[0]), new)

    def test_elliptic_curve_request_and_root_in_the_chain(self):
        path = self.authority.sign(self.server.console("cert", "csr", "ec"), "ec.pem")
        self.install(path, self.authority.middle, self.authority.root)
        self.server.console("cert", "activate")
        self.assertEqual(len(served_chain(self.server, "ECDSA")), 3)
        self.assertEqual(len(served_chain(self.server)), 1)

    def test_what_does_not_fit_is_refused(self):
        path = self.authority.sign(self.server.console("cert", "csr"), "again.pem")
        mine, middle, root, other = (world.openssl_base64("x509", one) for one in (
            path, self.authority.middle, self.authority.root, self.vcenter.cert))
        self.check_install_refused("is not for a key of this device", middle, mine)
        self.check_install_refused("is not for a key of this device", other)
        self.check_install_refused("certificate 1 is not signed by the one behind it", mine, root)
        self.check_install_refused("certificate 2 is not of an authority", mine, mine)
        self.check_install_refused("certificate 2 is not signed by the one behind it", mine, middle, middle)
        self.check_install_refused("certificate 1 is not base64", "%%%")
        self.check_install_refused("certificate 2 is not an X.509", mine, "AAAA")
        self.check_install_refused("cert install <certificate", *[mine] * 4)
        twin = Authority()
        self.check_install_refused("certificate 1 is not signed", mine, world.openssl_base64("x509", twin.middle))
        done = self.server.console_run("cert", "activate")
        self.assertIn("no certificate is prepared", done.stderr)

    def test_activating_again_and_again_under_load(self):
        """Handshakes of many clients go on while certificates change under them."""
        fingerprints = set()
        with Connection(self.server, self.vcenter) as connection:
            uid = connection.create()
            for _ in range(12):
                said = world.wait_for(lambda: self.renewed() or None, "the place is free")
                fingerprints.add(re.search(r"NEW thumbprints\nSHA1 Fingerprint=(\S+)", said).group(1))
                halves = [self.half_a_handshake() for _ in range(3)]
                self.server.console("cert", "activate")
                for tls, received, plain in halves:
                    self.finish(tls, received, plain)
                with Connection(self.server, self.vcenter) as other:
                    self.assertEqual(other.get(uid), connection.get(uid))
        self.assertEqual(len(fingerprints), 12)

    def renewed(self):
        done = self.server.console_run("cert", "renew", "rsa")
        return done.stdout if done.returncode == 0 else ""

    def half_a_handshake(self):
        """A client that has sent its first message and read nothing yet."""
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = client.context(self.vcenter).wrap_bio(received, sent)
        plain = client.plain_socket(self.server)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        plain.sendall(sent.read())
        self.addCleanup(plain.close)
        return tls, (received, sent), plain

    def finish(self, tls, memory, plain):
        received, sent = memory
        while True:
            try:
                tls.do_handshake()
                plain.sendall(sent.read())
                return
            except ssl.SSLWantReadError:
                if sent.pending:
                    plain.sendall(sent.read())
                part = plain.recv(65536)
                self.assertTrue(part, "the server broke a handshake off")
                received.write(part)

    def test_show(self):
        shown = self.server.console("show", "cert")
        raw = self.server.console("show", "cert", "raw").splitlines()
        for kind, line in zip(("rsa", "ec"), raw):
            path = os.path.join(self.server.state, "server-%s.pem" % kind)
            for digest in ("sha1", "sha256"):
                printed = world.openssl("x509", "-in", path, "-noout", "-fingerprint", "-" + digest).decode().strip()
                self.assertIn(printed.split("=")[1], shown)
                if digest == "sha256":
                    self.assertEqual(printed.split("=")[1].replace(":", "").lower(), line)
        self.assertIn("\nSHA1 Fingerprint=", shown)
        self.assertIn("kms1.example, localhost, 127.0.0.1, 192.0.2.50, 2001:db8::7", shown)

    def test_addresses_that_are_none(self):
        server = world.Server(settings=["server addresses 192.0.2.300"])
        code, said = server.start_refused()
        self.assertEqual(code, 1)
        self.assertIn("server addresses: not an IPv4 or IPv6 address: 192.0.2.300", said)
        done = subprocess.run([server.binary, "check", "--config", server.config], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=world.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("192.0.2.300", done.stderr)


class Clients(unittest.TestCase):
    """Enrolled from what was refused, signed here, disabled and renamed."""

    def setUp(self):
        self.vcenter = world.identity("vcenter")
        self.server = world.Server().start()
        self.addCleanup(self.server.kill)

    def check_served(self, identity):
        with Connection(self.server, identity) as connection:
            self.assertEqual(len(connection.get(connection.create())), 32)

    def restart(self):
        self.assertEqual(self.server.stop(), 0)
        self.server.start()

    def test_accept_what_was_refused(self):
        stranger = world.identity("stranger")
        for one in (self.vcenter, stranger):
            self.assertTrue(refused(self.server, one))
        hint = "client accept " + self.vcenter.sha256[:8]
        self.assertIn(hint, self.server.log())
        shown = self.server.console("show", "refused")
        self.assertIn(hint, shown)
        self.assertIn("CN=vcenter", shown)
        self.assertIn("127.0.0.1", shown)
        self.assertLess(shown.index("CN=stranger"), shown.index("CN=vcenter"))
        self.server.console(*hint.split())
        self.check_served(self.vcenter)
        self.assertTrue(refused(self.server, stranger))
        self.assertIn("vcenter  sha256 " + self.vcenter.sha256, self.server.console("show", "clients"))
        self.assertNotIn(hint, self.server.console("show", "refused"))
        prefix = ":".join(re.findall("..", stranger.sha256.upper())[:4])
        self.server.console("client", "accept", prefix, "esx-7")
        self.restart()
        self.check_served(stranger)
        self.assertIn("esx-7", self.server.console("show", "clients"))

    def test_only_what_was_refused_lately(self):
        for words, text in ((["abcdef"], "was refused lately"), (["abcde"], "6 to 64"), (["xyzxyz"], "6 to 64")):
            done = self.server.console_run("client", "accept", *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr)
        many = [world.identity("many-%d" % i, "prime256v1") for i in range(5)]
        for one in many:
            self.assertTrue(refused(self.server, one))
        shown = self.server.console("show", "refused")
        self.assertEqual([one.sha256[:8] in shown for one in many], [False, True, True, True, True])

    def test_sign_a_request(self):
        """What vCenter calls New Certificate Signing Request."""
        folder = world.folder("signed")
        for name, kind, digest in (("rsa", ["rsa:2048"], "-sha256"), ("rsa3", ["rsa:3072"], "-sha512"),
                                   ("ec", ["ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"], "-sha384")):
            base = os.path.join(folder, name)
            world.openssl("req", "-new", "-nodes", digest, "-newkey", *kind, "-subj", "/C=US/O=VMware/CN=vc." + name,
                          "-keyout", base + ".key", "-out", base + ".csr")
            printed = self.server.console("client", "sign", name, world.openssl_base64("req", base + ".csr"))
            with open(base + ".pem", "w", encoding="ascii") as file:
                file.write(printed)
            signer = os.path.join(self.server.state, "client-ca.pem")
            self.assertIn(b"OK", world.openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", signer,
                                               base + ".pem"))
            text = world.openssl("x509", "-in", base + ".pem", "-noout", "-subject", "-ext", "extendedKeyUsage").decode()
            self.assertIn("vc." + name, text)
            self.assertIn("TLS Web Client Authentication", text)
            self.check_served(world.Identity(name, base + ".pem", base + ".key"))
        authority = world.openssl("x509", "-in", signer, "-noout", "-serial")
        self.restart()
        self.check_served(world.Identity("ec", os.path.join(folder, "ec.pem"), os.path.join(folder, "ec.key")))
        self.assertEqual(authority, world.openssl("x509", "-in", signer, "-noout", "-serial"))
        # What the authority would sign elsewhere is worth nothing here.
        own = world.identity("vcenter")
        self.assertTrue(refused(self.server, own))

    def test_requests_that_are_none(self):
        base = os.path.join(world.folder("bad"), "bad")
        world.openssl("req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=x", "-keyout", base + ".key",
                      "-outform", "DER", "-out", base)
        with open(base, "rb") as file:
            der = bytearray(file.read())
        der[-1] ^= 1
        for words, text in ((["x", world.base64.b64encode(der).decode()], "not signed with its own key"),
                            (["x", self.vcenter.base64], "not a certificate signing request"),
                            (["x", "%%"], "not base64")):
            done = self.server.console_run("client", "sign", *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.server.state, "client-ca.key")))

    def test_disable_enable_rename_show(self):
        self.server.console("client", "add", "vc", self.vcenter.cert)
        with Connection(self.server, self.vcenter) as connection:
            uid = connection.create()
            self.server.console("client", "disable", "vc")
            try:
                answer = connection.one(client.GET, client.uid_field(uid))
                self.assertEqual(answer.reason, client.AUTHENTICATION_NOT_SUCCESSFUL)
            except client.Closed:
                pass
        self.assertTrue(refused(self.server, self.vcenter))
        self.assertIn("client enable vc", self.server.log())
        self.assertIn("DISABLED", self.server.console("client", "show", "vc"))
        self.restart()
        self.assertTrue(refused(self.server, self.vcenter))
        self.server.console("client", "enable", "vc")
        self.server.console("client", "rename", "vc", "vcenter-1")
        self.restart()
        self.check_served(self.vcenter)
        shown = self.server.console("client", "show", "vcenter-1")
        self.assertIn("CN=vcenter", shown)
        self.assertIn("RSA 2048", shown)
        self.assertIn("1 handshakes", shown)
        self.assertEqual(self.server.console_run("client", "show", "vc").returncode, 1)


if __name__ == "__main__":
    unittest.main()
