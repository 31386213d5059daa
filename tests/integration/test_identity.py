# SPDX-License-Identifier: Apache-2.0
"""Who may come in: enrolled certificates, authorities, and what happens to everybody else."""

import hashlib
import os
import ssl
import subprocess
import unittest

import client
import world
from client import Connection, refused


def knock(server, identity=None):
    """A whole handshake, whatever comes of it. All the bytes that the server sent, which are in the clear."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.context(identity).wrap_bio(incoming, outgoing)
    received = b""
    with client.plain_socket(server) as plain:
        while True:
            done = False
            try:
                tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return received
            if outgoing.pending:
                plain.sendall(outgoing.read())
            if done:
                return received
            part = plain.recv(65536)
            if not part:
                return received
            received += part
            incoming.write(part)


def server_certificate(server, kind="rsa"):
    """The certificate that the server made for itself, in DER."""
    return world.openssl("x509", "-in", os.path.join(server.state, "server-%s.pem" % kind), "-outform", "DER")


def session_file(server, identity, name):
    """Make a session with openssl and keep it in a file; its path."""
    path = os.path.join(server.home, name)
    s_client(server, identity, "-sess_out", path)
    return path


def s_client(server, identity, *words):
    """Run openssl s_client with this certificate; what it printed."""
    certificate = ("-cert", identity.cert, "-key", identity.key) if identity else ()
    return subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-tls1_2",
                           *certificate, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=world.PATIENCE, check=False).stdout.decode(errors="replace")


class Strangers(unittest.TestCase):
    """Certificates that nobody enrolled."""

    @classmethod
    def setUpClass(cls):
        cls.client, cls.stranger = world.identity("vcenter"), world.identity("stranger")

    def setUp(self):
        self.server = world.Server(clients=[self.client]).start()
        self.addCleanup(self.server.stop)

    def check_enrolled_is_served(self):
        with Connection(self.server, self.client) as connection:
            connection.get(connection.create())

    def test_unknown_certificate_nine_times(self):
        """As vCenter does before trust is set up: the server's certificate each time, no ban, no flood."""
        certificate = server_certificate(self.server)
        log = len(self.server.log())
        for _ in range(9):
            self.assertIn(certificate, knock(self.server, self.stranger))
        self.check_enrolled_is_served()
        self.assertEqual(self.server.figures()["unknown certificates"], 9)
        lines = [line for line in self.server.log()[log:].splitlines() if "refused" in line]
        self.assertTrue(lines and len(lines) <= 5, lines)
        for line in lines:
            self.assertIn(self.stranger.sha256, line)
        self.assertIn(self.stranger.sha256, self.server.console("show", "status"))

    def test_hundred_strangers_write_few_lines(self):
        log = len(self.server.log())
        for _ in range(100):
            knock(self.server, self.stranger)
        self.assertLess(len(self.server.log()[log:].splitlines()), 20)
        self.check_enrolled_is_served()

    def test_stranger_is_told_with_an_alert(self):
        printed = s_client(self.server, self.stranger)
        self.assertRegex(printed, "alert (unknown ca|bad certificate|certificate unknown)")

    def test_stranger_cannot_ask(self):
        self.assertTrue(refused(self.server, self.stranger))
        self.assertTrue(refused(self.server, None))

    def test_bare_connections_are_no_event(self):
        self.server.wait_until_ready()
        log = len(self.server.log())
        for _ in range(20):
            client.plain_socket(self.server).close()
        self.check_enrolled_is_served()
        lines = [line for line in self.server.log()[log:].splitlines() if " audit " not in line]
        self.assertEqual(lines, [])

    def test_certificate_for_who_has_none(self):
        """The command of OVHcloud's guide prints the thumbprint that the console shows."""
        command = ("openssl s_client -connect 127.0.0.1:%d < /dev/null 2>/dev/null | "
                   "openssl x509 -fingerprint -noout -in /dev/stdin" % self.server.port)
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=world.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        printed = done.stdout.strip()
        self.assertRegex(printed, "^(?i:sha1) Fingerprint=[0-9A-F:]{59}$")
        shown = [line.strip().lower() for line in self.server.console("show", "status").splitlines()]
        self.assertIn(printed.lower(), shown)
        expected = hashlib.sha1(server_certificate(self.server)).hexdigest().upper()
        self.assertEqual(printed.split("=")[1].replace(":", ""), expected)
        self.assertEqual(world.wait_for(lambda: self.server.figures()["without one"], "it is counted"), 1)

    def test_both_thumbprints_are_shown_and_logged(self):
        for text in (self.server.console("show", "status").upper(), self.server.log().upper()):
            for kind in ("rsa", "ec"):
                der = server_certificate(self.server, kind)
                for digest in (hashlib.sha1(der), hashlib.sha256(der)):
                    colons = ":".join("%02X" % byte for byte in digest.digest())
                    self.assertIn("%s FINGERPRINT=%s" % (digest.name.upper(), colons), text)


class Enrolled(unittest.TestCase):
    """Certificates that are known."""

    def serve(self, *clients, settings=(), lines=()):
        """A server of this test's own."""
        server = world.Server(settings, clients=clients, lines=lines).start()
        self.addCleanup(server.stop)
        return server

    def check_served(self, server, identity):
        with Connection(server, identity) as connection:
            self.assertEqual(len(connection.get(connection.create())), 32)

    def test_rsa_and_elliptic_curves(self):
        clients = [world.identity("vcenter"), world.identity("p256", "prime256v1"), world.identity("p384", "secp384r1")]
        server = self.serve(*clients)
        for identity in clients:
            text = world.openssl("x509", "-in", identity.cert, "-noout", "-text")
            self.assertNotIn(b"Extended Key Usage", text)
            self.check_served(server, identity)

    def test_expired_with_a_warning(self):
        expired = world.identity("expired", expired=True)
        server = self.serve(expired)
        self.check_served(server, expired)
        self.assertIn("EXPIRED", server.console("show", "clients"))

    def test_expired_enforced(self):
        expired, valid = world.identity("expired", expired=True), world.identity("vcenter")
        server = self.serve(expired, valid, settings=["clients expiry enforce"])
        self.assertTrue(refused(server, expired))
        self.assertIn("certificate has expired", server.log())
        self.assertIn("alert certificate expired", s_client(server, expired))
        self.check_served(server, valid)

    def test_authority(self):
        authority, other = world.identity("authority"), world.identity("other-authority")
        server = self.serve(lines=["authority site certificate " + authority.base64])
        self.check_served(server, world.identity("member", authority=authority))
        self.check_served(server, world.identity("ec-member", "prime256v1", authority=authority))
        self.assertTrue(refused(server, world.identity("outsider", authority=other)))
        self.assertTrue(refused(server, world.identity("stranger")))
        self.assertIn("authority site", server.console("show", "clients"))

    def test_same_name_signed_by_another_authority(self):
        """Names prove nothing."""
        authority = world.identity("authority")
        folder = world.folder("twin")
        twin_cert, twin_key = os.path.join(folder, "cert"), os.path.join(folder, "key")
        world.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=authority",
                      "-keyout", twin_key, "-out", twin_cert)
        twin = world.Identity("authority-twin", twin_cert, twin_key)
        server = self.serve(world.identity("vcenter"), lines=["authority site certificate " + authority.base64])
        self.assertTrue(refused(server, world.identity("false-member", authority=twin)))
        self.check_served(server, world.identity("vcenter"))

    def test_certificate_with_the_key_of_another(self):
        """Who shows an enrolled certificate has to have its key."""
        victim, thief = world.identity("p256", "prime256v1"), world.identity("thief", "prime256v1")
        server = self.serve(victim)
        done = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % server.port, "-tls1_2", "-cert",
                               victim.cert, "-key", thief.key], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=world.PATIENCE, check=False)
        self.assertIn(b"mismatch", done.stdout)  # openssl itself does not lend a hand here
        self.assertEqual(server.figures()["full"], 0)

    def test_two_clients_share_their_keys_and_scopes_do_not(self):
        first, second, third = (world.identity(name, "prime256v1") for name in ("p256", "one", "two"))
        server = self.serve(first, second, third)
        server.console("client", "scope", "two", "elsewhere")
        with Connection(server, first) as connection:
            uid = connection.create()
            key = connection.get(uid)
        with Connection(server, second) as connection:
            self.assertEqual(connection.get(uid), key)
        with Connection(server, third) as connection:
            answer = connection.one(client.GET, client.uid_field(uid))
            self.assertEqual((answer.status, answer.reason), (client.FAILED, client.PERMISSION_DENIED))


class Console(unittest.TestCase):
    """Clients that come and go while the server runs."""

    def setUp(self):
        self.stay, self.guest = world.identity("vcenter"), world.identity("guest")
        self.server = world.Server(clients=[self.stay]).start()
        self.addCleanup(self.server.stop)

    def add(self):
        self.server.console("client", "add", "guest", self.guest.cert)

    def restart(self):
        self.assertEqual(self.server.stop(), 0)
        self.server.start()

    def test_add_and_remove(self):
        self.assertTrue(refused(self.server, self.guest))
        self.add()
        self.assertFalse(refused(self.server, self.guest))
        self.assertIn(self.guest.sha256, self.server.console("show", "clients"))
        self.server.console("client", "remove", "guest")
        self.assertTrue(refused(self.server, self.guest))
        self.assertNotIn(self.guest.sha256, self.server.console("show", "clients"))
        self.assertFalse(refused(self.server, self.stay))

    def test_added_client_survives_restart(self):
        self.add()
        self.restart()
        self.assertFalse(refused(self.server, self.guest))
        self.assertFalse(refused(self.server, self.stay))

    def test_removed_client_stays_removed(self):
        self.add()
        self.server.console("client", "remove", "guest")
        self.restart()
        self.assertTrue(refused(self.server, self.guest))

    def test_added_client_survives_kill(self):
        self.add()
        self.server.kill()
        self.server.start()
        self.assertFalse(refused(self.server, self.guest))

    def test_add_pasted(self):
        with open(self.guest.cert, encoding="ascii") as file:
            self.server.console("client", "add", "guest", "-", input=file.read())
        self.assertFalse(refused(self.server, self.guest))

    def test_add_twice_is_refused(self):
        self.add()
        done = self.server.console_run("client", "add", "other", self.guest.cert)
        self.assertEqual(done.returncode, 1)
        self.assertIn("enrolled already", done.stderr)

    def test_removed_client_cannot_resume(self):
        self.add()
        path = session_file(self.server, self.guest, "session")
        self.assertIn("Reused, TLSv1.2", s_client(self.server, self.guest, "-sess_in", path))
        printed = s_client(self.server, self.guest, "-reconnect")
        self.assertEqual(printed.count("Reused, TLSv1.2"), 5)
        self.server.console("client", "remove", "guest")
        printed = s_client(self.server, self.guest, "-sess_in", path)
        self.assertNotIn("Reused", printed)
        self.assertIn("alert", printed)

    def test_session_of_a_removed_client_does_not_fit_who_follows_in_its_place(self):
        self.add()
        path = session_file(self.server, self.guest, "session")
        self.server.console("client", "remove", "guest")
        self.server.console("client", "add", "next", world.identity("p256", "prime256v1").cert)
        self.assertNotIn("Reused", s_client(self.server, self.guest, "-sess_in", path))
        self.add()
        printed = s_client(self.server, self.guest, "-sess_in", path)
        self.assertIn("New, TLSv1.2", printed)

    def test_removed_client_under_way(self):
        """What is open ends or is refused; it must not become another's."""
        self.add()
        with Connection(self.server, self.guest) as connection:
            uid = connection.create()
            self.server.console("client", "remove", "guest")
            self.server.console("client", "add", "next", world.identity("p256", "prime256v1").cert)
            try:
                answer = connection.one(client.GET, client.uid_field(uid))
                self.assertEqual((answer.status, answer.reason),
                                 (client.FAILED, client.AUTHENTICATION_NOT_SUCCESSFUL))
            except client.Closed:
                pass
        clients = self.server.console("show", "clients")
        self.assertRegex(clients, r"next .*\n.*, 0 handshakes, 0 requests")

    def test_64_clients(self):
        line = self.server.console("show", "status")
        self.assertIn("1 enrolled", line)
        ec = [world.identity("many-%d" % i, "prime256v1") for i in range(3)]
        for identity in ec:
            self.server.console("client", "add", identity.name, identity.cert)
        self.assertIn("4 enrolled", self.server.console("show", "status"))
        self.restart()
        for identity in ec:
            self.assertFalse(refused(self.server, identity))
