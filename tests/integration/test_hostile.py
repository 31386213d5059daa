# SPDX-License-Identifier: Apache-2.0
"""Messages that are wrong. Each is answered or its connection closed, while another client is served."""

import struct
import unittest

import client
import vcenter
import world
from client import Closed, Connection

# Seconds; an exchange of the other client takes a millisecond, and never this long.
LONGEST_WAIT = 10
LARGEST = 65536
# Seconds; the server's deadline for requests is 60 here, so what ends sooner ends for another reason.
SOON = 20


def header(length):
    """The head of a Request Message of this length."""
    return b"\x42\x00\x78\x01" + struct.pack(">I", length)


def frame(body):
    """A Request Message around these bytes."""
    return header(len(body)) + body


def request_header(count, minor=1):
    """The bytes of a Request Header."""
    return client.ttlv.encode(client.message(count=count, minor=minor).find("Request Header"))


def raw(tag, kind, content, length=None, padding=b"\0"):
    """The bytes of an item, right or wrong."""
    return (bytes.fromhex(tag) + bytes([kind]) + struct.pack(">I", len(content) if length is None else length) +
            content + padding * (-len(content) % 8))


def heads(data, at=8, end=None):
    """Yield the offset of the head of every item inside a structure, outermost first."""
    end = len(data) if end is None else end
    while at < end:
        kind, length = data[at + 3], int.from_bytes(data[at + 4:at + 8], "big")
        yield at
        if kind == client.ttlv.STRUCTURE:
            yield from heads(data, at + 8, at + 8 + length)
        at += 8 + length + -length % 8


class Hostile(unittest.TestCase):
    """One server for all; at the end it has to be as it was."""

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(["server per-source 256", "server handshake-timeout 3s",
                                   "server request-timeout 60s"], clients=[cls.client]).start()
        with Connection(cls.server, cls.client) as connection:
            cls.key = b"A key that others want to use ..."[:32]
            cls.uid = connection.register(cls.key)
            cls.session = connection.tls.session
            cls.warm_up(connection)
        cls.memory = cls.server.memory_kb()

    @classmethod
    def warm_up(cls, connection):
        """Touch everything once, so that growth behind this is growth."""
        connection.get(cls.uid)
        cls.server.console("show", "status")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def setUp(self):
        witness = client.Witness(self.server, self.client, self.uid, self.key)
        self.enterContext(witness)
        self.witness = witness

    def tearDown(self):
        """The other client was served meanwhile, a new one is, and the process is sane."""
        with self.connect() as connection:
            self.assertEqual(connection.get(self.uid), self.key)
        self.assertLess(self.witness.longest(), LONGEST_WAIT)
        self.assertTrue(self.server.running())
        memory = self.server.memory_kb()
        self.assertEqual(memory["VmSize"], self.memory["VmSize"])
        self.assertEqual(memory["VmLck"], self.memory["VmLck"])
        self.assertLess(memory["VmRSS"], self.memory["VmRSS"] + 1024)

    def connect(self):
        """A connection that resumes a session, because some tests make thousands."""
        return Connection(self.server, self.client, session=self.session)

    def check_refused(self, connection, data, reason=None):
        """A whole message: it is answered with a refusal, and the connection goes on."""
        connection.send(data)
        answers = connection.receive()
        self.assertTrue(any(answer.status == client.FAILED for answer in answers),
                        "taken as good: " + data.hex())
        if reason is not None:
            self.assertEqual(answers[-1].reason, reason)
        self.assertTrue(answers[-1].text, "a refusal without words")
        return answers

    def check_closed(self, data, answered):
        """The connection ends; with an answer before it, or without."""
        with self.connect() as connection:
            try:
                connection.send(data)
            except Closed:
                pass
            if answered:
                answer = connection.receive()[0]
                self.assertEqual((answer.status, answer.reason), (client.FAILED, client.INVALID_MESSAGE))
                self.assertIsNone(answer.operation)
            self.check_soon_ended(connection)

    def check_soon_ended(self, connection):
        """The end comes by itself, not by the deadline of requests."""
        connection.tls.settimeout(SOON)
        self.assertTrue(connection.ended(), "still open after %d seconds" % SOON)

    # ---- lengths ----

    def test_length_of_4_gib(self):
        self.check_closed(header(0xfffffff0), True)

    def test_length_of_64_mib(self):
        self.check_closed(header(64 << 20) + bytes(4096), True)

    def test_length_just_above_the_largest(self):
        self.check_closed(header(LARGEST - 8 + 1), True)
        self.check_closed(header(LARGEST), True)

    def test_64_mib_really_sent(self):
        """They are thrown away, not kept, or the connection ends meanwhile."""
        with self.connect() as connection:
            try:
                connection.send(header(64 << 20))
                for _ in range(1024):
                    connection.send(bytes(65536))
            except Closed:
                pass
            self.check_soon_ended(connection)

    def filler(self, total):
        """Discover Versions of this many bytes in all, filled up with a message extension that may be ignored."""
        def made(size):
            extension = client.structure(
                "Message Extension", client.text("Vendor Identification", "filler"),
                client.ttlv.Item(client.names.tag_number("Criticality Indicator"), client.ttlv.BOOLEAN, False),
                client.structure("Vendor Extension", client.octets("Data", bytes(size))))
            question = client.item(client.DISCOVER_VERSIONS)
            question.value.append(extension)
            return client.ttlv.encode(client.message(question))
        return made(total - len(made(0)))

    def test_largest_request_is_served(self):
        request = self.filler(LARGEST)
        self.assertEqual(len(request), LARGEST)
        with self.connect() as connection:
            for _ in range(3):
                connection.send(request)
                connection.receive()[0].good()
                connection.get(self.uid)

    def test_request_above_the_largest_is_refused(self):
        request = self.filler(LARGEST + 8)
        self.assertEqual(len(request), LARGEST + 8)
        self.check_closed(request, True)

    def test_request_around_a_connections_own_buffer(self):
        with self.connect() as connection:
            for total in (2040, 2048, 2056, 4096, 16384, 16392, 32768):
                connection.send(self.filler(total))
                connection.receive()[0].good()

    def test_not_kmip(self):
        for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(8), b"\xff" * 64, b"\x42\x00\x7b\x01" + bytes(8),
                     b"\x42\x00\x78\x02\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00"):
            self.check_closed(data, True)

    def test_empty_message(self):
        with self.connect() as connection:
            self.check_refused(connection, header(0), client.INVALID_MESSAGE)
            self.check_refused(connection, frame(raw("420077", 1, b"")), client.INVALID_MESSAGE)

    def test_length_that_is_no_multiple_of_eight(self):
        with self.connect() as connection:
            self.check_refused(connection, header(99) + vcenter.ping()[8:107], client.INVALID_MESSAGE)
            connection.get(self.uid)

    # ---- structures ----

    def test_3000_nested_structures(self):
        body = b""
        for _ in range(3000):
            body = raw("420079", 1, body)
        with self.connect() as connection:
            self.check_refused(connection, frame(request_header(1) + body), client.INVALID_MESSAGE)
            self.check_refused(connection, frame(body), client.INVALID_MESSAGE)
            question = raw("42005c", 5, b"\0\0\0\x08" + b"\0" * 4, 4)[:16] + body
            self.check_refused(connection, frame(request_header(1) + raw("42000f", 1, question)))
            connection.get(self.uid)

    def test_20000_items(self):
        one = client.ttlv.encode(client.item(client.DISCOVER_VERSIONS))
        self.check_closed(frame(request_header(20000) + one * 20000), True)

    def test_count_of_20000_with_three_items(self):
        items = [client.item(client.DISCOVER_VERSIONS, number=i + 1) for i in range(3)]
        with self.connect() as connection:
            connection.send(client.ttlv.encode(client.message(*items, count=20000)))
            answers = connection.receive()
            self.assertEqual(answers[-1].status, client.FAILED)
            self.assertLessEqual(len(answers), 4)
            connection.get(self.uid)

    def test_wrong_counts(self):
        with self.connect() as connection:
            for count in (0, -1, 2, 0x7fffffff, -0x80000000):
                connection.send(client.ttlv.encode(client.message(client.item(client.DISCOVER_VERSIONS), count=count)))
                self.assertEqual(connection.receive()[-1].status, client.FAILED, count)
            items = [client.item(client.DISCOVER_VERSIONS, number=i + 1) for i in range(3)]
            connection.send(client.ttlv.encode(client.message(*items, count=2)))
            self.assertEqual(connection.receive()[-1].status, client.FAILED)
            connection.get(self.uid)

    def test_batch_that_fills_the_largest_request(self):
        items = [client.item(client.GET, client.uid_field(self.uid), number=i + 1) for i in range(500)]
        with self.connect() as connection:
            answers = connection.ask(*items)
            self.assertGreater(len(answers), 100)
            for i, answer in enumerate(answers):
                self.assertEqual(answer.id, client.batch_id(i + 1))
            done = [answer for answer in answers if answer.status == client.SUCCESS]
            self.assertGreaterEqual(len(done), len(answers) - 1)
            self.assertEqual({answer.material for answer in done}, {self.key})

    def test_item_without_id_in_a_batch(self):
        with self.connect() as connection:
            connection.send(vcenter.encoded(client.item(client.DISCOVER_VERSIONS, number=0),
                                            client.item(client.DISCOVER_VERSIONS, number=0)))
            self.assertEqual(connection.receive()[-1].status, client.FAILED)
            connection.get(self.uid)

    # ---- every vCenter request, with one thing wrong in it ----

    def requests(self):
        """The requests to spoil, by name."""
        return vcenter.all_requests(self.uid, client.credential("user", "password"))

    def test_every_type_in_every_field(self):
        with self.connect() as connection:
            for data in self.requests().values():
                for at in heads(data):
                    for kind in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x80, 0xff):
                        custom = data[at:at + 3] == b"\x42\x00\x0b" and kind == 8  # any type may be a value
                        if kind == data[at + 3] or custom:
                            continue
                        self.check_refused(connection, data[:at + 3] + bytes([kind]) + data[at + 4:])

    def test_every_length_wrong(self):
        with self.connect() as connection:
            for data in self.requests().values():
                for at in heads(data):
                    length = int.from_bytes(data[at + 4:at + 8], "big")
                    structure = data[at + 3] == client.ttlv.STRUCTURE
                    # A Text String may end anywhere if only the padding agrees, so it grows into the next item.
                    for wrong in (length + 8, length - 8 if structure else 0xffffffff, 0x7fffffff, 0xfffffff8,
                                  len(data), length + 1 if length % 8 == 0 else length + 16):
                        if wrong == length or wrong < 0:
                            continue
                        self.check_refused(connection, data[:at + 4] + struct.pack(">I", wrong) + data[at + 8:])

    def test_every_padding_byte(self):
        with self.connect() as connection:
            for data in self.requests().values():
                for at in heads(data):
                    length = int.from_bytes(data[at + 4:at + 8], "big")
                    for pad in range(at + 8 + length, at + 8 + length + -length % 8):
                        if data[at + 3] == client.ttlv.STRUCTURE:
                            continue
                        self.check_refused(connection, data[:pad] + b"\x01" + data[pad + 1:])

    def test_unknown_tag_in_every_place(self):
        with self.connect() as connection:
            for data in self.requests().values():
                for at in heads(data):
                    for tag in (b"\x42\xff\xff", b"\x54\x00\x01", b"\0\0\0", b"\xff\xff\xff"):
                        self.check_refused(connection, data[:at] + tag + data[at + 3:])

    def test_text_that_is_no_utf8(self):
        bad = (b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"ok\0ok", b"\xf0\x9f")
        with self.connect() as connection:
            for name, data in self.requests().items():
                for at in heads(data):
                    length = int.from_bytes(data[at + 4:at + 8], "big")
                    if data[at + 3] != client.ttlv.TEXT_STRING or length == 0:
                        continue
                    for wrong in bad:
                        spoilt = (wrong + b"x" * length)[:length] if length >= len(wrong) else b"\xff" * length
                        if b"\0" in spoilt and data[at:at + 3] in (b"\x42\x00\x94",):
                            continue  # a NUL inside an identifier is just an unknown identifier
                        with self.subTest(request=name, at=at, text=spoilt[:8]):
                            self.check_refused(connection, data[:at + 8] + spoilt + data[at + 8 + length:])

    def test_every_item_left_out(self):
        with self.connect() as connection:
            for name, data in self.requests().items():
                for spoilt in self.without_one(client.ttlv.decode(data)):
                    connection.send(spoilt)
                    for answer in connection.receive():
                        self.assertIn(answer.status, (client.SUCCESS, client.FAILED), name)
            connection.get(self.uid)

    def test_every_item_twice(self):
        with self.connect() as connection:
            for data in self.requests().values():
                for spoilt in self.with_one_twice(client.ttlv.decode(data)):
                    connection.send(spoilt)
                    self.assertIn(connection.receive()[-1].status, (client.SUCCESS, client.FAILED))
            connection.get(self.uid)

    def without_one(self, root):
        """Yield the bytes of a request once for every item, which is not in it."""
        for parent in [found for found in root.walk() if found.type == client.ttlv.STRUCTURE]:
            for i, child in enumerate(list(parent.value)):
                del parent.value[i]
                yield client.ttlv.encode(root)
                parent.value.insert(i, child)

    def with_one_twice(self, root):
        """Yield the bytes of a request once for every item, which is in it twice."""
        for parent in [found for found in root.walk() if found.type == client.ttlv.STRUCTURE]:
            for i, child in enumerate(list(parent.value)):
                parent.value.insert(i, child)
                yield client.ttlv.encode(root)
                del parent.value[i]

    def test_every_truncation_with_its_length_shortened(self):
        """The message ends early, and says so: all are refused, and the connection goes on."""
        with self.connect() as connection:
            for data in self.requests().values():
                for end in range(8, len(data)):
                    self.check_refused(connection, header(end - 8) + data[8:end])
            connection.get(self.uid)

    def test_every_truncation_then_the_end(self):
        """The message just ends inside TLS, and the client goes: nobody answers, nobody minds."""
        for data in self.requests().values():
            for end in range(1, len(data), 1 if len(data) < 200 else 3):
                with self.connect() as connection:
                    connection.send(data[:end])

    def test_versions(self):
        with self.connect() as connection:
            ping = vcenter.ping()
            for major, minor in ((0, 0), (2, 0), (2, 1), (3, 0), (1, 5), (1, -1), (-1, 1), (0x7fffffff, 0)):
                at = ping.index(b"\x42\x00\x6a") + 8
                spoilt = ping[:at] + struct.pack(">i", major) + ping[at + 4:at + 16] + struct.pack(">i", minor)
                self.check_refused(connection, spoilt + ping[len(spoilt):], client.INVALID_MESSAGE)
            connection.get(self.uid)

    def test_unknown_operations(self):
        with self.connect() as connection:
            for operation in (0, 0x2C, 0xff, 0x7fffffff, 0x80000000, 0xffffffff):
                answer = connection.one(operation)
                self.assertEqual(answer.status, client.FAILED, operation)

    # ---- how bytes arrive ----

    def test_one_byte_a_record(self):
        request = vcenter.get(self.uid)
        with self.connect() as connection:
            for byte in request:
                connection.send(bytes([byte]))
            self.assertEqual(connection.receive()[0].good().material, self.key)

    def test_several_requests_in_one_record(self):
        """Two are answered. With more the connection may end instead, but soon."""
        for count in (2, 3, 20, 100):
            with self.connect() as connection:
                connection.tls.settimeout(SOON)
                connection.send(vcenter.get(self.uid) * count)
                try:
                    for _ in range(count):
                        self.assertEqual(connection.receive()[0].good().material, self.key)
                except Closed:
                    self.assertGreater(count, 2)

    def test_requests_across_records(self):
        stream = (vcenter.discover() + vcenter.get(self.uid)) * 20
        with self.connect() as connection:
            for at in range(0, len(stream), 77):
                connection.send(stream[at:at + 77])
            for _ in range(20):
                connection.receive()[0].good()
                self.assertEqual(connection.receive()[0].good().material, self.key)

    def test_renegotiation_is_refused(self):
        done = world.subprocess.run(
            ["openssl", "s_client", "-connect", "127.0.0.1:%d" % self.server.port, "-tls1_2", "-cert",
             self.client.cert, "-key", self.client.key], input=b"R\nQ\n", stdout=world.subprocess.PIPE,
            stderr=world.subprocess.STDOUT, timeout=world.PATIENCE, check=False)
        self.assertIn(b"RENEGOTIATING", done.stdout)
        self.assertEqual(done.stdout.count(b"BEGIN CERTIFICATE"), 1)
        self.assertRegex(done.stdout, b"(?i)no.renegotiation")

    def test_garbage_inside_tls(self):
        """A record that is not what its key would make: the connection ends."""
        for content in (bytes(5), b"\x17\x03\x03\x00\x20" + bytes(32), b"\x17\x03\x03\xff\xff" + bytes(100),
                        b"\x15\x03\x03\x00\x02\x02\x28"):
            with self.connect() as connection:
                connection.get(self.uid)
                plain = world.socket_of(connection.tls)
                plain.sendall(content)
                self.assertTrue(world.ended(plain))

    def test_garbage_instead_of_tls(self):
        for content in (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", vcenter.ping(), b"\x16\x03\x01\x00\x00", b"\x80\x2e\x01",
                        b"\x16\x03\x03\xff\xff" + bytes(4096), b"SSH-2.0-x\r\n", bytes(1000), b"\xff" * 70000):
            plain = client.plain_socket(self.server)
            try:
                plain.sendall(content)
            except OSError:
                pass
            with plain:
                self.assertTrue(world.ended(plain), content[:16])
