# SPDX-License-Identifier: Apache-2.0
"""The command line: what a person meets first."""

import hashlib
import os
import pty
import re
import select
import subprocess
import time
import unittest

import client
import world


def run(*words, **more):
    """Run the binary; the finished process, with its output as text."""
    more.setdefault("stdin", None if "input" in more else subprocess.DEVNULL)
    if more["stdin"] is None:
        del more["stdin"]
    return subprocess.run([world.BINARY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=world.PATIENCE, check=False, **more)


def configuration(*lines):
    """A configuration file with these lines; its path."""
    path = os.path.join(world.folder("config"), "holdfast.conf")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


class Usage(unittest.TestCase):
    """Help and wrong usage."""

    def test_help_everywhere(self):
        for words in (["--help"], ["-h"], ["help"], ["serve", "--help"], ["check", "--help"], ["console", "--help"],
                      ["probe", "--help"], ["version", "--help"]):
            done = run(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            self.assertIn("usage: holdfast", done.stdout)

    def test_version(self):
        done = run("version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"^holdfast \d+\.\d+")

    def test_usage_errors(self):
        for words in ([], ["frobnicate"], ["serve"], ["serve", "--config"], ["serve", "file"], ["check"],
                      ["check", "--config", "a", "b"], ["probe"], ["probe", "127.0.0.1:1"], ["probe", "nowhere"],
                      ["probe", "127.0.0.1:1", "--cert"], ["probe", "127.0.0.1:99999", "--cert", "a", "--key", "b"],
                      ["probe", "127.0.0.1:1", "--cert", "a", "--key", "b", "--server-sha256", "xyz"],
                      ["console", "--socket"]):
            done = run(*words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertTrue(done.stderr, words)

    def test_console_without_a_server(self):
        done = run("console", "--socket", os.path.join(world.folder("nothing"), "control.sock"), "show", "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is the server running", done.stderr)


class Configuration(unittest.TestCase):
    """The file of settings."""

    def check_wrong(self, *lines, number, text=""):
        """check and serve name the line, exit with 1, and start nothing."""
        state = world.folder("state")
        path = configuration("set state folder " + state, *lines)
        for command in ("check", "serve"):
            done = run(command, "--config", path)
            self.assertEqual((done.returncode, done.stdout), (1, ""), lines)
            self.assertIn("%s:%d: " % (path, number), done.stderr)
            self.assertIn(text, done.stderr)
        self.assertEqual(os.listdir(state), [], "something was started")

    def test_wrong_lines(self):
        self.check_wrong("set server listen", number=2)
        self.check_wrong("", "# a comment", "set no such setting 1", number=4, text="no such setting: no such setting")
        self.check_wrong("set store objects 0", number=2, text="16 to 1000000")
        self.check_wrong("set store objects 99999999999999999999", number=2, text="16 to 1000000")
        self.check_wrong("set store objects -16", number=2)
        self.check_wrong("set server idle-timeout 10", number=2, text="250ms, 30s, 5m")
        self.check_wrong("set server idle-timeout 2d", number=2)
        self.check_wrong("set tls compat maybe", number=2, text="off on")
        self.check_wrong("frobnicate", number=2, text="set <path> <value>")
        self.check_wrong("set server name \xfc", number=2, text="printable ASCII")
        self.check_wrong("set server name " + "x" * 300, number=2)
        self.check_wrong("set a b c d e f g h i j k l m n o p", number=2)
        self.check_wrong("set client a certificate AAAA", number=2, text="clients.conf")
        self.check_wrong("set tls compat on", "set tls compat on", "set log level loud", number=4)

    def test_key_manager_that_cannot_be(self):
        instance = "set keymanager instance 0647c737-906d-438a-8a68-2c187e11b29b"
        for lines, setting in ((["set keymanager type keyprotect"], "keymanager instance"),
                               (["set keymanager type keyprotect", instance, "set keymanager root-key a-key"],
                                "keymanager region"),
                               (["set keymanager type keyprotect", "set keymanager region us-south", instance,
                                 "set keymanager root-key a-key", "set keymanager roots /nonexistent.pem"],
                                "/nonexistent.pem")):
            done = run("check", "--config", configuration(*lines))
            self.assertEqual((done.returncode, done.stdout), (1, ""), lines)
            self.assertIn(setting, done.stderr)

    def test_file_that_is_not_there(self):
        done = run("check", "--config", "/nonexistent/holdfast.conf")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent/holdfast.conf: ", done.stderr)

    def test_file_that_is_too_large(self):
        done = run("check", "--config", configuration(*["# " + "x" * 98] * 700))
        self.assertEqual(done.returncode, 1)
        self.assertIn("larger than", done.stderr)

    def test_line_ends_of_windows(self):
        done = run("check", "--config", configuration("set tls compat on\r", "\r", "# comment\r"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("set tls compat on\n", done.stdout)

    def test_check_prints_plan_and_settings(self):
        done = run("check", "--config", configuration("set store objects 1234", "set server idle-timeout 5m"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("# good\n", done.stdout)
        self.assertIn("set store objects 1234\n", done.stdout)
        self.assertIn("set server idle-timeout 5m\n", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^pool +slots +bytes +sum$")
        rows = re.findall(r"(?m)^(\S.*?) +(\d+) +(\d+) +(\d+)$", done.stdout)
        self.assertGreater(len(rows), 10)
        for _, slots, size, total in rows:
            self.assertEqual(int(slots) * int(size), int(total))
        whole = int(re.search(r"(?m)^all +(\d+) bytes", done.stdout).group(1))
        self.assertGreaterEqual(whole, sum(int(total) for *_, total in rows))

    def test_what_check_prints_can_be_read_again(self):
        done = run("check", "--config", configuration("set store objects 1234"))
        settings = [line for line in done.stdout.splitlines() if line.startswith("set ")]
        again = run("check", "--config", configuration(*settings))
        self.assertEqual((again.returncode, again.stdout), (0, done.stdout))

    def test_table_is_that_of_the_readme(self):
        table = run("check", "--table")
        self.assertEqual((table.returncode, table.stderr), (0, ""))
        with open(os.path.join(world.ROOT, "README.md"), encoding="utf-8") as file:
            readme = file.read()
        found = re.search(r"<!-- settings -->\n(.*?)<!-- /settings -->", readme, re.DOTALL)
        if not found:
            self.skipTest("README.md has no table of settings yet")
        self.assertEqual(found.group(1).strip(), table.stdout.strip())

    def test_defaults_are_those_of_the_table(self):
        table = re.findall(r"(?m)^\| `([^`]+)` \| `([^`]+)` \|", run("check", "--table").stdout)
        settings = run("check", "--config", configuration("# nothing")).stdout
        self.assertGreater(len(table), 15)
        for path, value in table:
            self.assertIn("set %s %s\n" % (path, value), settings)

    def test_wrong_clients_file(self):
        for lines, number in ((["client a certificate AAAA"], 1), (["nonsense"], 1),
                              (["client good certificate " + world.identity("vcenter").base64,
                                "user x password-hash abc"], 2)):
            server = world.Server(lines=lines)
            self.addCleanup(server.kill)
            code, said = server.start_refused()
            self.assertEqual(code, 1)
            self.assertIn("clients.conf:%d: " % number, said)

    def test_folder_and_port_that_cannot_be_used(self):
        for line, text in (("set state folder /nonexistent/x", "/nonexistent/x"),
                           ("set server listen 203.0.113.1:1", "cannot listen on 203.0.113.1:1"),
                           ("set server listen nonsense", "is not ADDRESS:PORT")):
            state = world.folder("state")
            done = run("serve", "--config", configuration("set state folder " + state,
                                                          "set memory lock best-effort", line))
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr)


class Probe(unittest.TestCase):
    """holdfast probe."""

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()
        with client.Connection(cls.server, cls.client) as connection:
            cls.pin = hashlib.sha256(connection.tls.getpeercert(True)).hexdigest()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def probe(self, identity, *more, address=None):
        return run("probe", address or "127.0.0.1:%d" % self.server.port, "--cert", identity.cert, "--key",
                   identity.key, *more)

    def test_right_pin(self):
        done = self.probe(self.client, "--server-sha256", self.pin)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(self.probe(self.client, "--server-sha256", self.pin.upper()).returncode, 0)

    def test_names_for_the_loopback(self):
        self.assertEqual(self.probe(self.client, address="localhost:%d" % self.server.port).returncode, 0)

    def test_wrong_pin(self):
        keys = self.server.console("show", "keys", "count")
        done = self.probe(self.client, "--server-sha256", "00" * 32)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout + done.stderr, "(?i)pin|fingerprint|certificate|sha256")
        self.assertIn("FAILED", done.stdout)
        self.assertEqual(self.server.console("show", "keys", "count"), keys)

    def test_unenrolled_client(self):
        done = self.probe(world.identity("stranger"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAILED", done.stdout)
        self.assertRegex(done.stdout, "(?i)enrol|not trusted|unknown|refused|does not accept")

    def test_nobody_there(self):
        done = self.probe(self.client, address="127.0.0.1:1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("refused", (done.stdout + done.stderr).lower())

    def test_files_that_are_no_certificate(self):
        for cert, key in ((self.client.key, self.client.cert), ("/nonexistent", self.client.key)):
            done = run("probe", "127.0.0.1:%d" % self.server.port, "--cert", cert, "--key", key)
            self.assertEqual(done.returncode, 1)
            self.assertTrue(done.stderr)

    def test_elliptic_curve_client(self):
        identity = world.identity("p256", "prime256v1")
        self.server.console("client", "add", "p256", identity.cert)
        self.assertEqual(self.probe(identity).returncode, 0)

    def test_leaves_no_key_behind(self):
        with client.Connection(self.server, self.client) as connection:
            before = len(connection.one(client.LOCATE).good().payload.value)
            self.assertEqual(self.probe(self.client).returncode, 0)
            self.assertEqual(len(connection.one(client.LOCATE).good().payload.value), before)


class Console(unittest.TestCase):
    """The console's commands."""

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_unknown_commands(self):
        for words in (["frobnicate"], ["show"], ["show", "nothing"], ["client"], ["client", "remove", "nobody"],
                      ["client", "add", "x"], ["cache"], ["user", "add"], ["a"] * 8, ["show\x01"]):
            done = self.server.console_run(*words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertTrue(done.stderr.strip(), words)

    def test_err_on_the_wire(self):
        with world.socket.socket(world.socket.AF_UNIX) as plain:
            plain.settimeout(world.PATIENCE)
            plain.connect(self.server.socket)
            for line, expected in ((b"frobnicate\n", b"ERR "), (b"show version\n", b"holdfast"),
                                   (b"x" * 20000 + b"\n", b"ERR ")):
                plain.sendall(line)
                self.assertTrue(plain.recv(4096).startswith(expected), line[:20])
                while select.select([plain], [], [], 0.3)[0]:
                    plain.recv(4096)

    def test_shows(self):
        for what, text in (("status", "State            READY"), ("clients", "vcenter"), ("config", "set state folder"),
                           ("memory", "connections"), ("version", "holdfast")):
            self.assertIn(text, self.server.console("show", what))
        self.assertRegex(self.server.console("show", "keys", "count"), r"^\d+\n$")

    def test_many_keys_are_shown(self):
        with client.Connection(self.server, self.client) as connection:
            uids = [answer.good().uid for _ in range(4) for answer in connection.ask(
                *(client.item(client.CREATE, *client.create_payload(), number=i + 1) for i in range(100)))]
        shown = self.server.console("show", "keys")
        for uid in uids:
            self.assertIn(uid, shown)

    def test_several_commands_on_standard_input(self):
        done = self.server.console_run(input="show version\nshow keys count\nfrobnicate\nshow version\nquit\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.count("holdfast "), 2)

    def test_six_consoles_and_a_seventh(self):
        plains = []
        for _ in range(6):
            plain = world.socket.socket(world.socket.AF_UNIX)
            self.addCleanup(plain.close)
            plain.settimeout(world.PATIENCE)
            plain.connect(self.server.socket)
            plain.sendall(b"show version\n")
            plain.recv(4096)
            plains.append(plain)
        done = self.server.console_run("show", "version")
        self.assertEqual(done.returncode, 1)
        self.assertIn("six consoles", done.stderr)
        for plain in plains:
            plain.close()
        world.wait_for(lambda: self.server.console_run("show", "version").returncode == 0, "there is room again")

    def test_password_on_a_terminal_is_not_shown(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(world.BINARY, [world.BINARY, "console", "--socket", self.server.socket, "user", "add", "typed"])
        shown, end, typed = b"", time.monotonic() + world.PATIENCE, False
        while time.monotonic() < end:
            if not select.select([fd], [], [], 0.2)[0]:
                continue
            try:
                part = os.read(fd, 1000)
            except OSError:
                break
            if not part:
                break
            shown += part
            if b"password" in shown and not typed:
                typed = True
                time.sleep(0.3)  # the terminal stops to show what is typed behind the prompt
                os.write(fd, b"tell nobody\n")
        self.assertEqual(os.waitpid(pid, 0)[1], 0, shown)
        os.close(fd)
        self.assertNotIn(b"tell nobody", shown)
        with client.Connection(self.server, self.client) as connection:
            connection.one(client.CREATE, *client.create_payload(),
                           authentication=client.credential("typed", "tell nobody")).good()

    def test_socket_is_the_servers_own(self):
        self.assertEqual(os.lstat(self.server.socket).st_mode & 0o777, 0o600)
