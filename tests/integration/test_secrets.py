# SPDX-License-Identifier: Apache-2.0
"""Key material and passwords are nowhere but in answers to those who may have them."""

import base64
import os
import unittest

import client
import vcenter
import world
from client import Connection, octets

USER, PASSWORD = "vcenter-user", "pass-Wort-4711-geheim"


def forms(secret):
    """The ways in which bytes may be written down."""
    return {"raw": secret, "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode(),
            "hex:": secret.hex(":").encode(), "base64": base64.b64encode(secret)[:-4],
            "reversed": secret[::-1]}


class Secrets(unittest.TestCase):
    """One server that sees many secrets, with everything logged."""

    @classmethod
    def setUpClass(cls):
        identity = world.identity("vcenter")
        cls.server = world.Server(["log level debug", "store flush-window 100ms"], clients=[identity]).start()
        cls.server.add_user(USER, PASSWORD)
        cls.secrets = {"password": PASSWORD.encode()}
        cls.said = []
        cls.identity = identity
        with Connection(cls.server, identity) as connection:
            cls.use(connection)
        cls.console()
        world.wait_for(lambda: " 0 on their way" in cls.server.console("show", "status"), "all is stored")
        cls.server.stop()
        cls.server.start()
        with Connection(cls.server, identity) as connection:
            for name, uid in cls.uids.items():
                assert connection.get(uid) == cls.secrets[name]
        cls.console()

    @classmethod
    def use(cls, connection):
        """Register, create, and all that may go wrong with it."""
        cls.uids = {}
        for i in range(5):
            material = os.urandom(32)
            cls.uids["registered %d" % i] = connection.register(material)
            cls.secrets["registered %d" % i] = material
        for i in range(5):
            uid = connection.create()
            cls.uids["created %d" % i] = uid
            cls.secrets["created %d" % i] = connection.get(uid)
        long = os.urandom(2000)
        connection.one(client.REGISTER, client.enumeration("Object Type", 7), client.structure(
            "Template-Attribute", client.attribute("Cryptographic Usage Mask", client.integer, 4)),
            client.structure("Secret Data", client.enumeration("Secret Data Type", 2), client.structure(
                "Key Block", client.enumeration("Key Format Type", 2),
                client.structure("Key Value", octets("Key Material", long))))).good()
        cls.secrets["secret data"] = long
        wrong = "wrong-" + PASSWORD[::-1]
        cls.secrets["wrong password"] = wrong.encode()
        for password in (PASSWORD, wrong):
            connection.send(vcenter.create(client.credential(USER, password)))
            connection.receive()
        refused = os.urandom(32)
        cls.secrets["refused"] = refused
        payload = client.register_payload(refused)
        cls.said.append(str(connection.one(client.REGISTER, *payload[:2], payload[2], payload[2]).text))
        cls.said.append(str(connection.one(client.REGISTER, *client.register_payload(refused, 0x7fffffff)).text))
        raw = client.ttlv.encode(client.message(client.item(client.REGISTER, *payload)))
        connection.send(raw.replace(b"\x42\x00\x2a\x02", b"\x42\x00\x2a\x09"))
        cls.said.append(str(connection.receive()[0].text))

    @classmethod
    def console(cls):
        """Everything that the console says."""
        for words in (("show", "status"), ("show", "clients"), ("show", "keys"), ("show", "config"),
                      ("show", "memory"), ("show", "version"), ("cache", "erase"), ("help",)):
            cls.said.append(cls.server.console(*words))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def check_absent(self, where, content):
        for name, secret in self.secrets.items():
            for form, text in forms(secret).items():
                for part in {text, text[:len(text) // 2]}:
                    if len(part) >= 12:
                        self.assertFalse(part in content, "%s is in %s, %s" % (name, where, form))

    def test_looking_finds_what_is_there(self):
        for name, secret in self.secrets.items():
            for text in forms(secret).values():
                with self.assertRaises(AssertionError, msg=name):
                    self.check_absent("test", b"before " + text + b" behind")

    def test_log(self):
        log = self.server.log().encode()
        self.assertIn(b"audit", log)
        self.check_absent("the log", log)

    def test_console(self):
        self.check_absent("what the console says", "\n".join(self.said).encode())

    def test_state_folder(self):
        names = sorted(os.listdir(self.server.state))
        self.assertTrue(any(name.startswith("records-") for name in names), names)
        self.assertTrue(any(name.startswith("journal-") for name in names), names)
        for name in names:
            path = os.path.join(self.server.state, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    self.check_absent(name, file.read())

    def test_no_core_and_no_debugger(self):
        """Not dumpable: the files of the process in /proc belong to root whoever runs it."""
        with open("/proc/%d/limits" % self.server.process.pid, encoding="ascii") as file:
            limits = dict((line[:26].strip(), line[26:].split()) for line in file)
        self.assertEqual(limits["Max core file size"][:2], ["0", "0"])

    def test_command_line_of_the_process(self):
        with open("/proc/%d/cmdline" % self.server.process.pid, "rb") as file:
            self.check_absent("the command line", file.read())

    def test_connections_do_not_leak_into_each_other(self):
        """What a connection's buffers held is not in the answers of the next."""
        with Connection(self.server, self.identity) as connection:
            answers = [connection.one(client.DISCOVER_VERSIONS).item for _ in range(3)]
            answers += [connection.one(client.QUERY, client.enumeration("Query Function", i + 1)).item
                        for i in range(6)]
        for answer in answers:
            self.check_absent("an answer", client.ttlv.encode(answer))
