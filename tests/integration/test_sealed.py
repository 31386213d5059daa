# SPDX-License-Identifier: Apache-2.0
"""Secrets at rest: with a state key the files of the state folder give nothing away."""

import os
import re
import stat
import subprocess
import unittest

import client
import world
from client import Connection

SECRETS = ("server-rsa.key", "server-ec.key", "root.key")


class Sealed(unittest.TestCase):
    """A server with a state key."""

    def setUp(self):
        self.vcenter = world.identity("vcenter")
        self.server = world.Server(clients=[self.vcenter], fresh=True)
        self.server.state_key = os.urandom(32)
        self.server.start()
        self.addCleanup(self.server.kill)

    def read(self, name):
        with open(os.path.join(self.server.state, name), "rb") as file:
            return file.read()

    def files(self):
        return {name: self.read(name) for name in os.listdir(self.server.state)
                if stat.S_ISREG(os.stat(os.path.join(self.server.state, name)).st_mode)}

    def memory(self):
        """The writable memory of the process, as far as root may read it."""
        found = []
        with open("/proc/%d/maps" % self.server.process.pid, encoding="ascii") as maps, \
                open("/proc/%d/mem" % self.server.process.pid, "rb", 0) as memory:
            for line in maps:
                first, last, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
                if rights.startswith("rw") and "[v" not in line:
                    memory.seek(int(first, 16))
                    found.append(memory.read(int(last, 16) - int(first, 16)))
        return b"".join(found)

    def test_every_secret_is_sealed_and_opens_again(self):
        with Connection(self.server, self.vcenter) as connection:
            uid = connection.create()
            key = connection.get(uid)
        for name in SECRETS:
            self.assertEqual(self.read(name)[:8], b"HFsealed", name)
        self.assertEqual(self.server.stop(), 0)
        self.server.start()
        with Connection(self.server, self.vcenter) as connection:
            self.assertEqual(connection.get(uid), key)

    def test_nothing_secret_is_in_the_folder(self):
        request = os.path.join(world.folder("request"), "csr")
        world.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", request + ".key", "-subj", "/CN=x",
                      "-out", request)
        self.server.console("client", "sign", "x", world.openssl_base64("req", request))
        for name, content in self.files().items():
            for marker in (b"PRIVATE KEY", self.server.state_key):
                self.assertNotIn(marker, content, name)
            self.assertEqual(name.endswith(".key"), content.startswith(b"HFsealed"), name)

    @unittest.skipIf(os.geteuid() != 0, "only root may read another process's memory")
    def test_no_secret_of_the_memory_is_in_the_folder(self):
        """The root key and the state key are somewhere in the server's memory and nowhere on its disk."""
        memory = self.memory()
        self.assertIn(self.server.state_key, memory)
        for name, content in self.files().items():
            self.assertNotIn(self.server.state_key, content, name)

    def test_the_disk_process_has_neither_the_key_nor_the_file(self):
        pid = self.server.process.pid
        children = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True, check=True).stdout
        for one in (pid, int(children)):
            for number in os.listdir("/proc/%d/fd" % one):
                self.assertNotIn("state-key", os.readlink("/proc/%d/fd/%s" % (one, number)))
        if os.geteuid() == 0:
            with open("/proc/%d/maps" % int(children), encoding="ascii") as maps, \
                    open("/proc/%d/mem" % int(children), "rb", 0) as memory:
                for line in maps:
                    first, last, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
                    if rights.startswith("rw") and "[v" not in line:
                        memory.seek(int(first, 16))
                        self.assertNotIn(self.server.state_key, memory.read(int(last, 16) - int(first, 16)), line)

    def check_refused(self, text):
        code, said = self.server.start_refused()
        self.assertEqual(code, 1, said)
        self.assertIn(text, said)

    def test_another_state_key_opens_nothing(self):
        self.server.stop()
        before = self.files()
        right, self.server.state_key = self.server.state_key, os.urandom(32)
        self.check_refused("server-rsa.key is sealed under another state key")
        self.server.state_key = None
        self.check_refused("server-rsa.key is sealed, and there is no state key")
        self.assertEqual(before, self.files())
        self.server.state_key = right
        self.server.start()

    def test_state_keys_have_32_bytes(self):
        self.server.stop()
        for wrong in (b"", b"x" * 31, b"x" * 33):
            self.server.state_key = wrong
            self.check_refused("32 bytes")

    def test_option_without_a_file(self):
        self.server.stop()
        for words, code in ((["--state-key-fd"], 2), (["--state-key-fd", "x"], 2), (["--state-key-fd", "1"], 2),
                            (["--state-key", "9"], 2), (["--state-key-fd", "99"], 1)):
            done = subprocess.run([world.BINARY, "serve", "--config", self.server.config, *words],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=world.PATIENCE,
                                  check=False)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("state", done.stderr)

    def test_plain_secrets_are_not_taken(self):
        """Whoever can write to the disk must not slip in keys of their own."""
        self.server.stop()
        sealed = self.read("server-ec.key")
        path = os.path.join(self.server.state, "server-ec.key")
        world.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)
        self.check_refused("server-ec.key is not sealed, though there is a state key")
        with open(path, "wb") as file:
            file.write(self.read("root.key"))
        self.check_refused("server-ec.key is sealed under another state key")
        with open(path, "wb") as file:
            file.write(sealed)
        self.server.start()

    def test_root_key_of_another(self):
        self.server.stop()
        path = os.path.join(self.server.state, "root.key")
        with open(path, "wb") as file:
            file.write(os.urandom(32))
        self.check_refused("root.key is not sealed, though there is a state key")


class Workstation(unittest.TestCase):
    """Without a state key everything is as it was."""

    def test_files_are_plain(self):
        server = world.Server(fresh=True).start()
        self.addCleanup(server.kill)
        with open(os.path.join(server.state, "root.key"), "rb") as file:
            self.assertEqual(len(file.read()), 32)
        with open(os.path.join(server.state, "server-rsa.key"), "rb") as file:
            self.assertIn(b"PRIVATE KEY", file.read())

    def test_control_socket_of_a_shared_folder(self):
        """The group of a folder with the setgid bit may open the socket; nobody else may."""
        server = world.Server()
        folder = world.folder("run")
        path = os.path.join(folder, "control.sock")
        with open(server.config, "a", encoding="ascii") as file:
            file.write("set control socket %s\n" % path)
        server.socket = path
        os.chmod(folder, 0o2750)
        server.start()
        self.addCleanup(server.kill)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o660)
        self.assertEqual(server.console("show", "state").split()[0] in ("STARTING", "READY"), True)
        server.stop()
        os.chmod(folder, 0o750)
        server.start()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)


class SelfTest(unittest.TestCase):
    """`show state` and `test serving`."""

    def test_ready_and_revoked(self):
        server = world.Server(settings=["cache check-interval 200ms"]).start()
        self.addCleanup(server.kill)
        server.wait_until_ready()
        self.assertEqual(server.console("show", "state"), "READY\n")
        self.assertRegex(server.console("test", "serving"),
                         r"^create   ok +\d+ ms\nget      ok +\d+ ms\ndestroy  ok +\d+ ms\n$")
        self.assertEqual(server.console("show", "keys", "count"), "1\n")  # destroyed, and still listed
        self.assertIn("1 destroyed", server.console("show", "keys"))
        os.rename(os.path.join(server.state, "root.key"), os.path.join(server.home, "kept"))
        world.wait_for(lambda: server.console("show", "state") == "REVOKED\n", "the root key is missed")
        done = server.console_run("test", "serving")
        self.assertEqual(done.returncode, 1)
        self.assertIn("create: ", done.stderr)
        self.assertIn("not tried", done.stdout)


if __name__ == "__main__":
    unittest.main()
