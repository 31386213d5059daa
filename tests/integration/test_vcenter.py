# SPDX-License-Identifier: Apache-2.0
"""What vCenter and ESXi do, in their bytes and in their order."""

import threading
import time
import unittest

import client
import vcenter
import world
from client import Connection

VM = "50230ad1-3c1f-9f52-8c7a-6d1b7c2f0a11"
HOST = "38393550-3236-5a43-3234-313230344b4e"
# 80 characters, 1 to 4 bytes each in UTF-8.
VM_NAME = "Prüfstand-データベース-Кластер-Ελλάδα-🗝️-" + "ä" * 80
VM_NAME = VM_NAME[:80]


class Session(Connection):
    """One connection of vCenter, which always begins with Discover Versions without an ID."""

    def __init__(self, server, identity, authentication=None):
        super().__init__(server, identity)
        self.authentication = authentication
        answer = self._exchange(vcenter.discover())
        assert answer.id is None, "an ID where none was sent"

    def _exchange(self, request):
        return self.exchange_all(request)[0]

    def exchange_all(self, request):
        """Send bytes, check what every answer has, return the items."""
        self.send(request)
        answers = self.receive()
        asked = client.ttlv.decode(request).find_all("Batch Item")
        for answer, question in zip(answers, asked):
            assert answer.operation == question.get("Operation"), "another operation"
            assert answer.id == question.get("Unique Batch Item ID"), "the ID is not echoed"
        assert len(answers) == len(asked), "%d answers to %d items" % (len(answers), len(asked))
        return answers

    def make(self):
        """Create; the Unique Identifier."""
        answer = self._exchange(vcenter.create(self.authentication)).good()
        assert answer.payload.get("Object Type") == 2
        return answer.uid

    def fetch(self, uid):
        """Get; the key material of a whole, raw AES 256 key."""
        answer = self._exchange(vcenter.get(uid, self.authentication)).good()
        assert [found.tag for found in answer.payload.value] == [
            client.names.tag_number(name) for name in ("Object Type", "Unique Identifier", "Symmetric Key")]
        assert answer.uid == uid
        block = answer.payload.find("Symmetric Key").find("Key Block")
        assert (block.get("Key Format Type"), block.get("Cryptographic Algorithm"),
                block.get("Cryptographic Length")) == (1, 3, 256)
        assert len(answer.material) == 32
        return answer.material

    def look(self, uid, name):
        """Get Attributes with one name; the answer."""
        authentication = self.authentication if name == "State" else None
        answer = self._exchange(vcenter.get_attribute(uid, name, authentication)).good()
        assert answer.uid == uid
        return answer

    def activate(self, uid):
        """Activate; the answer, good or not."""
        return self._exchange(vcenter.activate(uid, self.authentication))

    def add(self, uid, pairs):
        """Look for each name, which is absent, and add them all in one batch."""
        for name, _ in pairs:
            answer = self.look(uid, name)
            assert len(answer.payload.value) == 1, "an attribute that nobody set"
        for answer, (name, value) in zip(self.exchange_all(vcenter.add_attributes(uid, pairs)), pairs):
            answer.good()
            assert answer.uid == uid and answer.attributes == {name: value}, "Unique Identifier and Attribute"

    def use(self, uid):
        """What happens when a key is used for the first time; its material."""
        material = self.fetch(uid)
        assert self.look(uid, "State").attributes == {"State": client.PRE_ACTIVE}
        assert self.activate(uid).good().uid == uid
        return material


def together(*works):
    """Do all at once, each in a thread; raise what any of them raised."""
    errors = []

    def guard(work):
        try:
            work()
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=guard, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Bytes(unittest.TestCase):
    """The requests made here are the captured ones."""

    def test_requests_are_those_of_vcenter(self):
        self.assertEqual(vcenter.discover(), vcenter.DISCOVER_CONNECT)
        self.assertEqual(vcenter.ping(), vcenter.DISCOVER_PING)
        self.assertEqual(len(VM_NAME), 80)


class Encrypting(unittest.TestCase):
    """Encrypting a VM on a fresh host, and everything after it."""

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def session(self):
        """A new connection, as vCenter makes one for every call."""
        return Session(self.server, self.client)

    def do(self, call):
        """One call on a connection of its own."""
        with self.session() as session:
            return call(session)

    def encrypt(self, vm_name="db01"):
        """The time line of connections 51 to 58 in the capture. The two keys and their material."""
        vm = self.do(lambda s: s.make())
        made = {}
        together(lambda: self.do(lambda s: s.add(vm, vcenter.PRODUCT)),
                 lambda: made.setdefault("host", self.do(lambda s: s.make())))
        host = made["host"]
        together(lambda: made.setdefault("host key", self.do(lambda s: s.use(host))),
                 lambda: self.do(lambda s: s.add(host, vcenter.PRODUCT)))
        self.do(lambda s: s.add(host, vcenter.owner(HOST, "ESXi Server", "esx01.example.org")))
        vm_key = self.do(lambda s: s.use(vm))
        self.do(lambda s: s.add(vm, vcenter.owner(VM, "Virtual Machine", vm_name)))
        return vm, vm_key, host, made["host key"]

    def test_encrypt_vm_on_fresh_host(self):
        vm, vm_key, host, host_key = self.encrypt()
        self.assertNotEqual(vm, host)
        self.assertNotEqual(vm_key, host_key)
        for uid, key in ((vm, vm_key), (host, host_key)):
            self.assertEqual(self.do(lambda s, u=uid: s.fetch(u)), key)
            self.assertEqual(self.do(lambda s, u=uid: s.look(u, "State")).attributes, {"State": client.ACTIVE})

    def test_discover_versions_highest_first(self):
        with self.session() as session:
            answer = session.exchange_all(vcenter.ping())[0].good()
        offered = [(v.get("Protocol Version Major"), v.get("Protocol Version Minor"))
                   for v in answer.payload.find_all("Protocol Version")]
        self.assertEqual(offered, [(1, 4), (1, 3), (1, 2), (1, 1), (1, 0)])

    def test_query_has_vendor_identification(self):
        with self.session() as session:
            answer = session.exchange_all(vcenter.query())[0].good()
        self.assertTrue(answer.payload.get("Vendor Identification"))

    def test_answer_has_version_of_request(self):
        with Connection(self.server, self.client) as connection:
            connection.send(vcenter.ping())
            response = connection.tls.recv(4096)
        version = client.ttlv.decode(response).find("Response Header").find("Protocol Version")
        self.assertEqual((version.get("Protocol Version Major"), version.get("Protocol Version Minor")), (1, 1))

    def test_get_while_pre_active(self):
        uid = self.do(lambda s: s.make())
        key = self.do(lambda s: s.fetch(uid))
        self.assertEqual(self.do(lambda s: s.look(uid, "State")).attributes, {"State": client.PRE_ACTIVE})
        self.assertEqual(self.do(lambda s: s.fetch(uid)), key)

    def test_second_activate_is_permission_denied(self):
        uid = self.do(lambda s: s.make())
        self.do(lambda s: s.activate(uid)).good()
        again = self.do(lambda s: s.activate(uid))
        self.assertEqual((again.status, again.reason), (client.FAILED, client.PERMISSION_DENIED))
        self.assertEqual(self.do(lambda s: s.look(uid, "State")).attributes, {"State": client.ACTIVE})

    def test_same_six_attributes_again_are_illegal_operation(self):
        uid = self.do(lambda s: s.make())
        pairs = vcenter.PRODUCT + vcenter.owner(VM, "Virtual Machine", "db02")
        self.do(lambda s: s.add(uid, pairs[:3]))
        self.do(lambda s: s.add(uid, pairs[3:]))
        for pair in pairs:
            with self.session() as session:
                answer = session.exchange_all(vcenter.add_attributes(uid, [pair]))[0]
            self.assertEqual((answer.status, answer.reason), (client.FAILED, client.ILLEGAL_OPERATION), pair)

    def test_batch_stops_at_first_failure(self):
        uid = self.do(lambda s: s.make())
        self.do(lambda s: s.add(uid, vcenter.PRODUCT[1:2]))
        with self.session() as session:
            session.send(vcenter.add_attributes(uid, vcenter.PRODUCT))
            answers = session.receive()
            self.assertEqual([answer.status for answer in answers], [client.SUCCESS, client.FAILED])
            self.assertEqual([answer.id for answer in answers], [client.batch_id(1), client.batch_id(2)])
            self.assertEqual(session.look(uid, "x-Product").attributes, {})

    def test_vm_name_of_80_characters_in_utf8(self):
        vm = self.encrypt(VM_NAME)[0]
        self.assertEqual(self.do(lambda s: s.look(vm, "x-Name")).attributes, {"x-Name": VM_NAME})

    def test_attributes_survive_restart(self):
        vm, key, _, _ = self.encrypt(VM_NAME)
        self.server.stop()
        self.server.start()
        self.assertEqual(self.do(lambda s: s.fetch(vm)), key)
        self.assertEqual(self.do(lambda s: s.look(vm, "x-Name")).attributes, {"x-Name": VM_NAME})
        self.assertEqual(self.do(lambda s: s.look(vm, "State")).attributes, {"State": client.ACTIVE})

    def test_unknown_key_is_item_not_found(self):
        with self.session() as session:
            for uid in ("00000000-0000-4000-8000-000000000000", "1", "", "x" * 500):
                answer = session.exchange_all(vcenter.get(uid))[0]
                self.assertEqual((answer.status, answer.reason), (client.FAILED, client.ITEM_NOT_FOUND), uid[:40])

    def test_poll(self):
        """Every five minutes, for each server: a bare handshake, then Discover Versions twice."""
        self.server.wait_until_ready()
        before = self.server.figures()
        log = len(self.server.log())
        for _ in range(10):
            Connection(self.server, self.client).close()
            Connection(self.server, self.client).goodbye()
            with self.session() as session:
                session.exchange_all(vcenter.ping())[0].good()
        after = self.server.figures()
        self.assertEqual(after["failed"], before["failed"])
        self.assertEqual(after["full"] + after["resumed"] - before["full"] - before["resumed"], 30)
        self.assertEqual(self.server.log()[log:], "")

    def test_probe_does_it_all(self):
        done = world.subprocess.run(
            [world.BINARY, "probe", "127.0.0.1:%d" % self.server.port, "--cert", self.client.cert, "--key",
             self.client.key], stdout=world.subprocess.PIPE, text=True, timeout=world.PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("does all that vCenter asks", done.stdout)
        self.assertNotIn("FAILED", done.stdout)


class Credentials(unittest.TestCase):
    """vCenter's user and password, which it sends with four operations only."""

    USER, PASSWORD = "vcenter-user", "Grüße & 42 Schlüssel"

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(clients=[cls.client]).start()
        cls.server.add_user(cls.USER, cls.PASSWORD)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def check_flow(self):
        """Everything that happens to one key."""
        right = client.credential(self.USER, self.PASSWORD)
        with Session(self.server, self.client, right) as session:
            uid = session.make()
        with Session(self.server, self.client, right) as session:
            session.add(uid, vcenter.PRODUCT)
        with Session(self.server, self.client, right) as session:
            key = session.use(uid)
        with Session(self.server, self.client, right) as session:
            session.add(uid, vcenter.owner(VM, "Virtual Machine", VM_NAME))
            self.assertEqual(session.fetch(uid), key)

    def test_credential_on_four_operations(self):
        self.check_flow()

    def test_user_survives_restart(self):
        self.server.stop()
        self.server.start()
        self.check_flow()

    def refusal(self, user, password):
        """What Get of an existing key is answered with."""
        with Connection(self.server, self.client) as connection:
            uid = connection.create()
            connection.send(vcenter.get(uid, client.credential(user, password)))
            answer = connection.receive()[0]
            connection.get(uid)
        return answer

    def check_refusal(self, user, password):
        answer = self.refusal(user, password)
        self.assertEqual((answer.status, answer.reason), (client.FAILED, client.AUTHENTICATION_NOT_SUCCESSFUL))
        self.assertIn("user name or password", answer.text)
        self.assertNotIn(password or "\0", answer.text)

    def test_wrong_password(self):
        for password in ("", "falsch", self.PASSWORD + "x", self.PASSWORD[:-1], "y" * 5000):
            self.check_refusal(self.USER, password)

    def test_unknown_user(self):
        for user in ("nobody", "", "n" * 5000, self.USER + " ", self.USER.upper()):
            self.check_refusal(user, self.PASSWORD)

    def test_no_user_configured(self):
        with_none = world.Server(clients=[self.client]).start()
        try:
            with Connection(with_none, self.client) as connection:
                connection.send(vcenter.create(client.credential("administrator", "secret")))
                answer = connection.receive()[0]
            self.assertEqual((answer.status, answer.reason), (client.FAILED, client.AUTHENTICATION_NOT_SUCCESSFUL))
            self.assertIn("set up on the server", answer.text)
        finally:
            with_none.stop()

    def test_wrong_password_after_right_one(self):
        self.check_flow()
        self.check_refusal(self.USER, "falsch")
        self.check_flow()

    def test_password_can_be_changed(self):
        self.server.add_user("second", "first password")
        self.server.add_user("second", "next password")
        self.check_refusal("second", "first password")
        with Session(self.server, self.client, client.credential("second", "next password")) as session:
            session.fetch(session.make())


class Reboot(unittest.TestCase):
    """The boot storm: many keys made, the server restarted, everything asked for at once."""

    KEYS, GETS, CONNECTIONS = 500, 10000, 4

    def test_ten_thousand_gets_after_restart(self):
        identity = world.identity("vcenter")
        server = world.Server(clients=[identity]).start()
        try:
            with Connection(server, identity) as connection:
                keys = {}
                while len(keys) < self.KEYS:
                    answers = connection.ask(*(client.item(client.CREATE, *client.create_payload(), number=i + 1)
                                               for i in range(50)))
                    for answer in answers:
                        keys[answer.good().uid] = None
                for uid in keys:
                    keys[uid] = connection.get(uid)
            self.assertEqual(len(set(keys.values())), self.KEYS)
            server.stop()
            server.start()
            begin = time.monotonic()
            order = list(keys) * (self.GETS // self.KEYS // self.CONNECTIONS)

            def fetch():
                with Connection(server, identity) as connection:
                    for uid in order:
                        if connection.get(uid) != keys[uid]:
                            raise AssertionError("another key")

            together(*[fetch] * self.CONNECTIONS)
            self.assertLess(time.monotonic() - begin, 90)
            self.assertIn("%d" % self.KEYS, server.console("show", "keys", "count"))
        finally:
            server.stop()
