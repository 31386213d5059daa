# SPDX-License-Identifier: Apache-2.0
"""TLS versions, cipher suites, resumption."""

import ssl
import unittest

import client
import world
from client import Connection
from test_identity import s_client

# OpenSSL's names of what is always offered, and of what `tls compat on` adds.
ALWAYS = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305",
          "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305",
          "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256",
          "ECDHE-ECDSA-AES256-SHA384")
COMPAT = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256")
NEVER = ("ECDHE-RSA-AES128-SHA", "AES128-SHA", "AES256-SHA", "DHE-RSA-AES128-GCM-SHA256")


def only(suite):
    """A TLS 1.2 context with one cipher suite."""
    def setup(made):
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(suite + ":@SECLEVEL=0")
    return client.context(world.identity("vcenter"), setup)


class Tls(unittest.TestCase):
    """Two servers: with and without old cipher suites."""

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()
        cls.compat = world.Server(["tls compat on"], clients=[cls.client]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.compat.stop()

    def check_suite(self, server, suite):
        with Connection(server, self.client, tls=only(suite)) as connection:
            self.assertEqual(connection.tls.cipher()[0], suite)
            self.assertEqual(connection.tls.version(), "TLSv1.2")
            self.assertEqual(len(connection.get(connection.create())), 32)
            certificate = world.openssl("x509", "-inform", "DER", "-noout", "-text",
                                        input=connection.tls.getpeercert(True))
        kind = b"id-ecPublicKey" if "ECDSA" in suite else b"rsaEncryption"
        self.assertIn(b"Public Key Algorithm: " + kind, certificate)

    def check_no_suite(self, server, suite):
        with self.assertRaises(client.Closed, msg=suite):
            Connection(server, self.client, tls=only(suite)).close()

    def test_suites_that_are_always_offered(self):
        for suite in ALWAYS:
            self.check_suite(self.server, suite)

    def test_static_rsa_only_with_compat(self):
        for suite in COMPAT:
            self.check_no_suite(self.server, suite)
            self.check_suite(self.compat, suite)

    def test_forward_secrecy_is_preferred_even_with_compat(self):
        with Connection(self.compat, self.client, tls=only(":".join(COMPAT + ALWAYS))) as connection:
            self.assertEqual(connection.tls.cipher()[0], ALWAYS[0])

    def test_old_suites_are_never_offered(self):
        for suite in NEVER:
            self.check_no_suite(self.server, suite)
            self.check_no_suite(self.compat, suite)

    def check_version_refused(self, *words):
        """s_client with another version: an alert, which OpenSSL words by the version of its record."""
        before, log = self.server.figures()["failed"], len(self.server.log())
        done = world.subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.server.port, "-cert", self.client.cert, "-key",
             self.client.key, *words], stdin=world.subprocess.DEVNULL, stdout=world.subprocess.PIPE,
            stderr=world.subprocess.STDOUT, timeout=world.PATIENCE, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stdout, b"alert protocol version|alert handshake failure|wrong version number")
        self.assertIn(b"no peer certificate available", done.stdout)
        self.assertEqual(self.server.figures()["failed"], before + 1)
        self.assertIn("refused: ", self.server.log()[log:])

    def test_old_and_new_versions_are_refused(self):
        for words in (("-tls1", "-cipher", "ALL:@SECLEVEL=0"), ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
                      ("-tls1_3",)):
            with self.subTest(words=words):
                self.check_version_refused(*words)

    def test_client_of_1_2_and_1_3_gets_1_2(self):
        with Connection(self.server, self.client) as connection:
            self.assertEqual(connection.tls.version(), "TLSv1.2")

    def test_resumption(self):
        before = self.server.figures()
        with Connection(self.server, self.client) as connection:
            uid = connection.create()
            key = connection.get(uid)
            session = connection.tls.session
        for _ in range(10):
            with Connection(self.server, self.client, session=session) as connection:
                self.assertTrue(connection.tls.session_reused)
                self.assertEqual(connection.get(uid), key)
        after = self.server.figures()
        self.assertEqual(after["full"] - before["full"], 1)
        self.assertEqual(after["resumed"] - before["resumed"], 10)

    def test_resumption_with_openssl(self):
        printed = s_client(self.server, self.client, "-reconnect")
        self.assertEqual(printed.count("Reused, TLSv1.2"), 5)

    def test_sessions_end_with_the_server(self):
        server = world.Server(clients=[self.client]).start()
        self.addCleanup(server.stop)
        with Connection(server, self.client) as connection:
            session = connection.tls.session
        server.stop()
        server.start()
        with Connection(server, self.client, session=session) as connection:
            self.assertFalse(connection.tls.session_reused)
            connection.create()

    def test_certificates_stay_over_restarts(self):
        server = world.Server(clients=[self.client], fresh=True).start()
        self.addCleanup(server.stop)
        before = [line for line in server.console("show", "status").splitlines() if "Fingerprint" in line]
        server.stop()
        server.start()
        after = [line for line in server.console("show", "status").splitlines() if "Fingerprint" in line]
        self.assertEqual(len(before), 4)
        self.assertEqual(before, after)
