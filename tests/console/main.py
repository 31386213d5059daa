# SPDX-License-Identifier: Apache-2.0
"""The serial console over a pseudo terminal: what an operator types, and what comes back."""

import os
import re
import shutil
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import pexpect

sys.path.insert(0, os.path.dirname(__file__))
from fake_init import RECOVERY, SERIAL, FakeInit  # pylint: disable=wrong-import-position

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BINARY = os.environ.get("HOLDFAST") or os.path.join(ROOT, "build", "holdfast")
PATIENCE = 60  # seconds that anything may take which normally takes a moment
PASSPHRASE = "correct horse battery"
API_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"


def free_port():
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def certificate(folder, name):
    """A client's certificate in PEM."""
    path = os.path.join(folder, name)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "400", "-subj", "/CN=" + name,
                    "-keyout", path + ".key", "-out", path + ".pem"], check=True, capture_output=True)
    with open(path + ".pem", encoding="ascii") as file:
        return file.read()


class Away(socketserver.StreamRequestHandler):
    """A server whose key manager is away."""

    def handle(self):
        for line in self.rfile:
            self.wfile.write(b"GRACE 3600 s left\nOK\n" if line == b"show state\n" else b"OK\n")


class Console(unittest.TestCase):
    """A box of its own for each test, not set up."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="holdfast-console-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.box = FakeInit(self.folder, BINARY, free_port())
        self.addCleanup(self.box.close)
        self.seen = open(os.path.join(self.folder, "seen"), "w+b")  # pylint: disable=consider-using-with
        self.addCleanup(self.seen.close)
        self.tty = None
        self.open()

    def open(self):
        """A console on a new terminal of size 0x0, as a serial line has."""
        if self.tty is not None:
            self.tty.close(force=True)
        self.tty = pexpect.spawn(BINARY, ["console", "--box", "--socket", self.box.serve_socket, "--init", self.box.socket],
                                 timeout=PATIENCE, dimensions=(0, 0), echo=False)
        self.tty.logfile_read = self.seen
        self.addCleanup(self.tty.close, True)

    def expect(self, pattern):
        """What came before the pattern, as text."""
        self.tty.expect(pattern)
        return self.tty.before.decode("ascii")

    def say(self, text, pattern=None):
        """Type a line; what comes until the pattern."""
        self.tty.send(text + "\r")
        return self.expect(pattern) if pattern else ""

    def everything(self):
        """All bytes that the console has sent."""
        self.seen.flush()
        with open(self.seen.name, "rb") as file:
            return file.read()

    def tearDown(self):
        sent = self.everything()
        self.assertEqual(set(sent) - set(range(0x20, 0x7f)) - {8, 10, 13}, set(), "only printable ASCII, CR LF, backspace")
        for secret in (PASSPHRASE, API_KEY):
            self.assertNotIn(secret.encode(), sent)
        self.assertNotIn(b"\n", sent.replace(b"\r\n", b""))

    # ---- steps that many tests begin with ----

    def script(self):
        """Into the line protocol from the first screen."""
        self.expect("other ways.*: ")
        self.say("session script", "OK\r\n")

    def provision(self, *settings, clients=()):
        """Set up by the line protocol, then a console that has logged in."""
        self.script()
        for line in ("set server name kms1.lab.example",) + settings:
            self.say(line, "OK\r\n")
        for name, pem in clients:
            self.tty.send(f"client add {name}\r{pem}")
            self.expect("OK\r\n")
        self.say("secret passphrase\r" + PASSPHRASE, "OK\r\n")
        self.say("setup", "OK\r\n")
        self.open()
        self.login()

    def login(self):
        """With the right passphrase."""
        self.expect("Enter logs in.*: ")
        self.say("", "Passphrase: ")
        self.say(PASSPHRASE, "kms1[^\r]*> ")


class Script(Console):
    """The line protocol."""

    def test_provision_in_seconds(self):
        """Nothing but lines; every answer ends with OK or ERR."""
        self.script()
        self.tty.send("set server name kms1.lab.example\r")
        self.expect("OK\r\n")
        self.assertIn("unknown word", self.say("set server nome x", "ERR[^\r]*\r\n") + self.tty.after.decode())
        self.say("show status", "ERR this box is not set up")
        self.say("setup", "ERR no passphrase yet")
        self.say("secret passphrase\rshort", "ERR a passphrase has 12")
        pem = certificate(self.folder, "vcenter1")
        self.tty.send("client add vcenter1\r" + pem.replace("\n", "\r\n"))
        self.expect("OK\r\n")
        self.say("secret passphrase\r" + PASSPHRASE, "OK\r\n")
        self.say("secret apikey\r" + API_KEY, "OK\r\n")
        self.assertIn("RECOVERY " + RECOVERY, self.say("setup", "OK\r\n"))
        self.assertIn("vcenter1", self.say("show clients", "OK\r\n"))
        body = next(body for line, body in self.box.asked if line == "setup")
        self.assertEqual(self.box.secret(body, "@api-key"), API_KEY)
        self.assertIn("set server name kms1.lab.example", body)
        self.say("logout", "Enter logs in")

    def test_login_is_needed(self):
        """A box that is set up runs nothing of a script before its login."""
        self.provision()
        self.open()
        self.expect("Enter logs in.*: ")
        self.say("session script", "OK\r\n")
        self.say("show keys", "ERR log in first")
        self.say("login\rwrong passphrase", "ERR wrong passphrase")
        self.say("login\r" + PASSPHRASE, "OK\r\n")
        self.say("show keys", "OK\r\n")
        self.say("sho keys", "ERR unknown word")  # no short words in scripts


class Login(Console):
    """Banner and login."""

    def test_banner(self):
        """Everything of the first screens, and no name of a client or key."""
        self.provision(clients=[("secretclient", certificate(self.folder, "secretclient"))])
        self.open()
        banner = self.expect("Enter logs in")
        for text in ("Holdfast", "qemu-x86_64", SERIAL, "kms1.lab.example", "00:e0:67:2c:41:9a  link up, 1000 Mbit/s",
                     "no link", "192.0.2.11/24", "READY", "TPM 2.0", "2026-11-22"):
            self.assertIn(text, banner)
        self.assertNotIn("secretclient", banner)
        with open(os.path.join(self.folder, "state", "server-rsa.pem"), "rb") as file:
            done = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha1"], stdin=file, capture_output=True, check=True)
        self.assertIn(done.stdout.decode().strip().split("=")[1], banner)
        self.assertEqual(len(re.findall(r"(?:[0-9A-F]{2}:){16}\r\n +(?:[0-9A-F]{2}:){15}[0-9A-F]{2}\r\n", banner)), 2)
        self.assertTrue(all(len(line) <= 79 for line in banner.splitlines()))

    def test_wrong_locked_recover(self):
        """Wrong passphrases, a locked box, the recovery key."""
        self.provision()
        self.box.locked = True
        self.open()
        self.assertIn("LOCKED", self.expect("Enter logs in.*: "))
        self.say("", "Passphrase: ")
        self.say("not the passphrase", "wrong passphrase")
        self.say("recover", "Recovery key: ")
        self.say(RECOVERY, "71 characters received")
        self.expect("Passphrase: ")
        self.say("short", "5 characters received: a passphrase has 12")
        self.say("another passphrase", "Again: ")
        self.say("another passphras", "not the same")
        self.say("another passphrase", "Again: ")
        self.say("another passphrase", "kms1[^\r]*> ")
        self.assertEqual(self.box.passphrase, "another passphrase")

    def test_idle_logout(self):
        """Nobody presses a key; the changes are still there."""
        self.provision()
        self.say("set admin idle 30s", r"kms1\*> ")
        self.box.idle = 2
        self.say("show version", r"kms1\*> ")
        self.expect("Changes that are not committed stay")
        self.expect("Enter logs in")
        self.box.idle = 600
        self.say("")
        self.expect("Passphrase: ")
        self.say(PASSPHRASE, r"kms1\*> ")

    def test_break_and_flow_control(self):
        """BREAK brings the banner; XON and XOFF mean nothing."""
        self.provision()
        self.tty.send("show \x13\x11versi\x00")
        self.expect("Serial number")
        self.expect("kms1> ")
        self.tty.send("sh\x13ow ver\x11sion\r")
        self.expect("holdfast [0-9.]+, KMIP")


class Prompt(Console):
    """Editing, help, pages, notices, pastes."""

    def test_editing(self):
        """Backspace, words, lines, history, escape sequences."""
        self.provision()
        self.tty.send("show versiom\x7fn\r")
        self.expect("holdfast [0-9.]+, KMIP")
        self.expect("kms1> ")
        self.tty.send("nonsense here\x17\x17show\x1b[D\x1b[3~ nothing\x15show version\r")
        self.expect("holdfast [0-9.]+, KMIP")
        self.expect("kms1> ")
        self.tty.send("\x1b[A\x1b[B\x1bOA\r")
        self.expect("holdfast [0-9.]+, KMIP")
        self.expect("kms1> ")
        self.tty.send("abandoned\x03")
        self.expect("kms1> ")
        self.tty.send("sh\tver\t\r")
        self.expect("holdfast [0-9.]+, KMIP")
        self.expect("kms1> ")
        self.tty.send("set keymanager type ?")
        self.assertIn("keyprotect", self.expect("kms1> set keymanager type "))

    def test_secret_argument(self):
        """Refused, and gone from the history."""
        self.provision()
        self.say("show version", "kms1> ")
        self.say("secret apikey S3cretS3cret", "never an argument")
        self.expect("kms1> ")
        self.assertNotIn("S3cret", self.say("history", "kms1> ").replace("history", "", 1))
        self.assertFalse([line for line, _ in self.box.asked if "S3cret" in line])

    def test_pages(self):
        """24 lines, then a question."""
        self.provision()
        first = self.say("show boot", "-- more")
        self.assertEqual(first.count("\r\n"), 24)  # the typed line, and 23 of the answer
        self.tty.send(" ")
        self.expect("-- more")
        self.tty.send("q")
        self.assertNotIn("59 2026", self.expect("kms1> "))

    def test_notices(self):
        """Between the lines; what was typed comes again."""
        self.provision()
        self.tty.send("show ver")
        self.expect("show ver")
        self.box.notice("2026-11-22T10:22:06Z info    tls    nothing of interest")
        self.box.notice("2026-11-22T10:22:07Z warning tls    192.0.2.31 refused: unknown certificate; client accept 5e710a")
        self.assertNotIn("interest", self.expect("10:22:07 warning tls    192.0.2.31 refused"))
        self.expect("kms1> show ver")
        self.say("sion", "holdfast [0-9.]+, KMIP")

    def test_paste_of_lines(self):
        """Counted and checked before anything runs."""
        self.provision()
        self.tty.send("set dns 192.0.2.53\rset time ntp 192.0.2.1\rset sync idle 20s\r")
        self.expect(r"3 lines read, 0 errors. Run them\? \[y/N\]: ")
        self.say("y", r"kms1\*> ")
        self.assertIn("+ sync idle 20s", self.say("show changes", r"kms1\*> "))
        self.say("discard", "kms1> ")
        self.tty.send("set dns 192.0.2.53\rset sync idle never\r")
        self.expect("line 2: sync idle is a time")
        self.expect("1 errors. Nothing was run")
        self.expect("kms1> ")
        self.assertIn("none", self.say("show changes", "kms1> "))
        self.tty.send("set dns 192.0.2.53\rset keymanager root\r")
        self.expect("line 2: type set keymanager root alone")
        self.expect("kms1> ")

    def test_answers_are_not_typed_ahead(self):
        """A question with consequences does not take what was typed before it."""
        self.provision()
        self.say("ping 192.0.2.1")  # takes a second
        time.sleep(0.3)
        self.tty.send("system restart\r")
        time.sleep(0.1)
        self.tty.send("y\r")
        self.expect(r"\[y/N\]: ")
        self.say("n", "not confirmed")
        self.assertNotIn("restart", [line for line, _ in self.box.asked])

    def test_what_would_lose_keys_is_asked_about(self):
        """While the key manager is away, a restart of the server leaves it without keys."""
        self.provision()
        self.box.stop_server()
        os.unlink(self.box.serve_socket)
        away = socketserver.ThreadingUnixStreamServer(self.box.serve_socket, Away)
        self.addCleanup(away.server_close)
        self.addCleanup(away.shutdown)
        threading.Thread(target=away.serve_forever, daemon=True).start()
        self.say("set admin idle 5m", "> ")
        self.assertNotIn("[y/N]", self.say("commit", "revision 2 is active"))
        self.say("set keymanager timeout 9s", "> ")
        self.assertIn("The state is GRACE", self.say("commit", r"Do it all the same\? \[y/N\]: "))
        self.say("n", "not confirmed")
        self.assertIn("The state is GRACE", self.say("system restart", r"Restart now\?.*\[y/N\]: "))
        self.say("n", "not confirmed")
        self.assertEqual([line for line, _ in self.box.asked if line.startswith(("commit", "restart"))], ["commit"])


class Configuration(Console):
    """Candidate, commit, rollback, export, import."""

    def test_commit_and_rollback(self):
        """Changes, a trial, and back."""
        self.provision()
        self.say("set dns 192.0.2.53", r"kms1\*> ")
        self.assertIn("+ dns 192.0.2.53", self.say("show changes", r"kms1\*> "))
        self.say('commit confirm 5 note "name server"', "revision 2 is active")
        self.expect(r"kms1 \(confirm 5m\)> ")
        self.say("confirm", "kms1> ")
        self.say("set dns 192.0.2.54", r"kms1\*> ")
        self.assertIn("- dns 192.0.2.53\r\n+ dns 192.0.2.54", self.say("show changes", r"kms1\*> "))
        self.say("unset dns", r"kms1\*> ")
        self.say("commit", "revision 3 is active")
        self.expect("kms1> ")
        self.say("rollback 2", r"\+ dns 192.0.2.53")
        self.expect(r"kms1\*> ")
        self.say("set interface uplink address 192.0.2.999/24", r"kms1\*> ")
        self.say("check", r"line \d: no address")
        self.say("commit", r"line \d: no address")
        self.say("discard", "kms1> ")
        self.say("commit", "nothing to commit")

    def test_export_and_import(self):
        """A second box from the first one's text; a lost line is noticed."""
        self.provision("set dns 192.0.2.53", "set interface uplink address 192.0.2.11/24")
        text = self.say("config export", "kms1> ")
        text = text[text.index("# holdfast"):]
        self.assertIn("@set interface uplink address 192.0.2.11/24\r\n", text)
        self.assertNotIn(PASSPHRASE, text)
        self.say("config export to usb", "holdfast.conf written")
        self.say("unset dns", r"kms1\*> ")
        self.say("commit", "revision 2")
        self.expect("kms1> ")
        self.say("config import", r"last line")
        self.tty.send(text.replace("\r\n", "\r"))
        self.expect(r"that device\? \[y/N\]: ")
        self.say("y", "settings and 0 lines of clients loaded")
        self.assertIn("+ dns 192.0.2.53", self.say("show changes", r"kms1\*> show changes\r\n.*kms1\*> ")
                      + self.tty.after.decode())
        self.say("discard", "kms1> ")
        self.say("config import", r"last line")
        self.tty.send(text.replace("set dns 192.0.2.53\r\n", "").replace("\r\n", "\r"))
        self.expect("lines were lost or changed")
        self.assertIn("none", self.say("show changes", "none") + "none")


class Pem(Console):
    """Certificates over the line."""

    def test_damage_and_repair(self):
        """Where it is damaged, and that nothing was stored; then the whole one."""
        self.provision()
        pem = certificate(self.folder, "vcenter2")
        lines = pem.splitlines()
        lines[9] = lines[9][:20] + lines[9][23:]
        self.say("client add vcenter2", "Paste the certificate")
        self.tty.send("\r".join(lines) + "\r")
        said = self.expect("kms1> ")
        self.assertIn("line 9 has 61 characters, its neighbours have 64; 3 were lost", " ".join(said.split()))
        self.assertIn("Nothing was stored.", " ".join(said.split()))
        self.say("client add vcenter2", "Paste the certificate")
        self.tty.send("\r\n".join("> " + line for line in pem.splitlines()) + "\r\n")
        self.expect("1 certificate read: [12][0-9] lines, [0-9]+ bytes, nothing lost")
        self.assertIn("CN=vcenter2", self.expect(r"Accept this client\? \[y/N\]: "))
        self.say("y", "kms1> ")
        self.assertIn("vcenter2", self.say("show clients", "kms1> "))

    def test_root_certificate_of_the_key_manager(self):
        """A setting that is pasted: its beginning is shown, all of it is exported."""
        self.provision()
        pem = certificate(self.folder, "vcenter2")
        base64 = "".join(pem.splitlines()[1:-1])
        self.say("set keymanager root", "Paste the root certificate")
        self.tty.send(pem.replace("\n", "\r"))
        self.expect("nothing lost")
        self.expect(r"kms1\*> ")
        self.assertIn("+ keymanager root %s..." % base64[:44], self.say("show changes", r"kms1\*> "))
        self.say("commit", "kms1> ")
        self.assertIn("set keymanager root %s..." % base64[:40], self.say("show config", "kms1> "))
        self.assertIn("set keymanager root " + base64, self.say("config export", "# end").replace("\r\n", ""))
        self.say("unset keymanager root", r"kms1\*> ")
        self.assertIn("- keymanager root", self.say("show changes", r"kms1\*> "))

    def test_sign_and_server_certificate(self):
        """vCenter's request in, a certificate out; a request of our own, a renewed certificate."""
        self.provision()
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=vc", "-keyout",
                        os.path.join(self.folder, "k"), "-out", os.path.join(self.folder, "csr")], check=True, capture_output=True)
        with open(os.path.join(self.folder, "csr"), encoding="ascii") as file:
            request = file.read()
        self.say("client sign vc", "Paste")
        self.tty.send(request.replace("\n", "\r"))
        self.expect("-----END CERTIFICATE-----")
        self.expect("kms1> ")
        self.say("cert csr", "-----END CERTIFICATE REQUEST-----")
        self.expect("kms1> ")
        self.assertIn("NEW thumbprints", self.say("cert renew rsa", "kms1> "))
        self.say("cert activate", "kms1> ")
        self.say("client add x", "Paste")
        self.tty.send(request.replace("\n", "\r"))
        self.expect('wanted is "BEGIN\\s+CERTIFICATE"')


class Wizard(Console):
    """The first boot, screen by screen."""

    def steps_1_and_2(self):
        """Name, network, time."""
        self.say("", r"Step 1 of 7   Name and network")
        self.expect(r"Host name \[kms-77de\]: ")
        self.say("kms1.lab.example", r"Network port \[eth0\]: ")
        self.say("", r"dhcp or static \[static\]: ")
        self.say("", "prefix length: ")
        self.say("192.0.2.11", "as 192.0.2.11/24")
        self.say("192.0.2.11/24", r"Gateway \[192.0.2.1\]: ")
        self.say("", "DNS servers.*: ")

    def test_first_boot(self):
        """Screens 1 to 8, with a failed test, a step back, a stop, and the answers kept."""
        screen = self.expect("other ways.*: ")
        self.assertIn("This device is not set up. No network port is open.", screen)
        self.box.fail_try = "network"
        self.steps_1_and_2()
        self.say("192.0.2.53", "FAILED: the gateway does not answer")
        self.expect("keep goes on.*: ")
        self.say("", r"Host name \[kms1.lab.example\]: ")  # the answers are there in brackets
        for prompt in ("Network port.*: ", "static.*: ", "prefix length \\[192.0.2.11/24\\]: ", "Gateway.*: ",
                       "DNS servers.* \\[192.0.2.53\\]: "):
            self.say("", prompt)
        self.say("", "Step 2 of 7")
        self.expect(r"Time servers.*\[192.0.2.1\]: ")
        self.tty.send("\x02")
        self.expect("Step 1 of 7")
        self.tty.send("\x03")
        self.expect("Stopped at step 1")
        self.expect("other ways.*: ")
        self.say("", r"Host name \[kms1.lab.example\]: ")
        for prompt in ("Network port.*: ", "static.*: ", "prefix length.*: ", "Gateway.*: ", "DNS servers.*: "):
            self.say("", prompt)
        self.say("", r"Time servers.*: ")
        self.say("", "Step 3 of 7")
        self.expect("Passphrase: ")
        self.say(PASSPHRASE, "Again: ")
        self.say(PASSPHRASE, "ok, 21 characters")
        self.expect(r"Choose \[1\]: ")
        self.say("", r"Time.*\[4h\]: ")
        self.say("12h", "Step 5 of 7")
        self.expect(r"Key manager \[keyprotect\]: ")
        self.say("set cache check-interval 20s", r"Key manager \[keyprotect\]: ")
        self.say("", "Region or endpoint: ")
        self.say("eu-de", r"\[public\]: ")
        self.say("", "Instance ID: ")
        self.say("5a8f0f7e-0a3c-4d1b-9a77-3d2c1b0a9f8e", "alias: ")
        self.say("esxi-edge-root", "API key \\(not shown\\): ")
        self.say(API_KEY, "44 characters received")
        self.expect("keymanager: everything answers")
        self.assertIn("7B:D9:46:BE:0C", self.expect("Press Enter to go on: "))
        self.say("", "Client name: ")
        self.say("vcenter1", "Paste the certificate")
        self.tty.send(certificate(self.folder, "vcenter1").replace("\n", "\r"))
        self.expect(r"Accept this client\? \[y/N\]: ")
        self.say("y", r"Next client.*: ")
        summary = self.say("", r"Commit\?.*: ")
        for text in ("set server name kms1.lab.example", "set interface uplink address 192.0.2.11/24", "set time ntp 192.0.2.1",
                     "set unlock tpm", "set cache offline-lease 12h", "set cache check-interval 20s",
                     "set keymanager root-key esxi-edge-root", "client add vcenter1, sha256 "):
            self.assertIn(text, summary)
        self.assertNotIn("setup", [line for line, _ in self.box.asked])
        self.say("y", "revision 1 stored")
        self.expect(r"Show it\? \[y/N/never\]: ")
        self.assertIn("cbdfghnr-tuvcknjl   ehrtgiuv-bcdklnef\r\n    hijkrtuv-cdefnlkj   ghbvutnr-icejdfkh",
                      self.say("y", "last 8 letters.*: "))
        self.say("icejdfkx", "not the last 8 letters")
        self.say("icejdfkh", "  ok\r\n")
        self.expect("READY.  State: READY")
        self.expect("Setup took 0 min .*Waiting for the first key request")
        self.create_a_key()
        self.expect("First key served [0-9]+ min [0-9]+ s after power on.")
        self.expect("kms1> ")
        body = next(body for line, body in self.box.asked if line == "setup")
        self.assertEqual((self.box.secret(body, "@passphrase"), self.box.secret(body, "@api-key")), (PASSPHRASE, API_KEY))
        self.assertTrue(any(line.startswith("@client vcenter1 MII") for line in body))

    def create_a_key(self):
        """A KMIP client makes a key and gets it."""
        path = os.path.join(self.folder, "vcenter1")
        subprocess.run([BINARY, "probe", f"127.0.0.1:{self.box.port}", "--cert", path + ".pem", "--key", path + ".key"],
                       check=True, capture_output=True)

    def test_local_and_keep(self):
        """No cloud, and a box staged without its network."""
        self.expect("other ways.*: ")
        self.box.fail_try = "network"
        self.steps_1_and_2()
        self.say("-", "keep goes on.*: ")
        self.say("keep", r"Time servers.*: ")
        self.say("", "Passphrase: ")
        self.say(PASSPHRASE, "Again: ")
        self.say(PASSPHRASE, r"Choose \[1\]: ")
        self.say("2", r"Time.*: ")
        self.say("", r"Key manager \[keyprotect\]: ")
        self.say("local", "Press Enter to go on: ")
        self.say("", "Client name: ")
        self.say("", r"Commit\?.*: ")
        self.say("y", r"Show it\?.*: ")
        self.say("never", "Not shown")
        self.expect("Enter ends the wait")
        self.say("", "kms1> ")
        self.assertIn("set unlock passphrase", self.box.revisions[0])


def main():
    """Run the tests wanted and count."""
    suite = unittest.TestSuite()
    for test in unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__]):
        for case in test:
            if len(sys.argv) < 2 or any(part in case.id() for part in sys.argv[1:]):
                suite.addTest(case)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
