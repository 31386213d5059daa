# SPDX-License-Identifier: Apache-2.0
"""Limits and deadlines: slots, slow and silent clients, memory."""

import contextlib
import socket
import ssl
import threading
import time
import unittest

import client
import vcenter
import world
from client import Closed, Connection

# Seconds within which a deadline of one second has to act on a busy machine.
SOON = 15


def client_hello():
    """The first bytes of a handshake."""
    outgoing = ssl.MemoryBIO()
    tls = client.context().wrap_bio(ssl.MemoryBIO(), outgoing)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def batch(uid, count):
    """Many Gets in one message."""
    return vcenter.encoded(*(client.item(client.GET, client.uid_field(uid), number=i + 1) for i in range(count)))


class Case(unittest.TestCase):
    """A server with the settings of the class, and one key in it."""

    SETTINGS = ()

    @classmethod
    def setUpClass(cls):
        cls.client = world.identity("vcenter")
        cls.server = world.Server(cls.SETTINGS, clients=[cls.client]).start()
        with Connection(cls.server, cls.client) as connection:
            cls.uid = connection.create()
            cls.key = connection.get(cls.uid)
            cls.session = connection.tls.session

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def connect(self, **more):
        """A connection of the enrolled client, resumed."""
        return Connection(self.server, self.client, session=self.session, **more)

    def witness(self):
        """The other client that has to be served all the time."""
        return client.Witness(self.server, self.client, self.uid, self.key)


class Quiet(Case):
    """Nothing else happens at the server, so nothing else wakes it."""

    SETTINGS = ("server request-timeout 60s",)

    def test_two_requests_in_one_record_are_answered_at_once(self):
        begin = time.monotonic()
        with self.connect() as connection:
            for _ in range(10):
                connection.send(vcenter.get(self.uid) * 2)
                self.assertEqual(connection.receive()[0].good().material, self.key)
                self.assertEqual(connection.receive()[0].good().material, self.key)
        self.assertLess(time.monotonic() - begin, 5)

    def test_too_large_a_request_is_answered_and_closed(self):
        for total in (65536 + 8, 70000, 1 << 20):
            with self.connect() as connection:
                connection.tls.settimeout(SOON)
                with contextlib.suppress(Closed):
                    connection.send(b"\x42\x00\x78\x01" + (total - 8).to_bytes(4, "big") + bytes(total - 8))
                answer = connection.receive()[0]
                self.assertIn("65,536 bytes", answer.text)
                self.assertTrue(connection.ended())

    def test_clients_that_leave_free_their_slots(self):
        for _ in range(50):
            self.connect().close()
            client.plain_socket(self.server).close()
        world.wait_for(lambda: " 0 of " in self.server.console("show", "status"), "all slots are free")


class Deadlines(Case):
    """Deadlines of one second."""

    SETTINGS = ("server handshake-timeout 1s", "server idle-timeout 1s", "server request-timeout 1s")

    def check_ended(self, plain):
        """Not at once, but soon."""
        begin = time.monotonic()
        self.assertTrue(world.ended(plain, SOON), "still open after %d seconds" % SOON)
        self.assertGreater(time.monotonic() - begin, 0.3)

    def check_tcp(self, data):
        with self.witness(), client.plain_socket(self.server) as plain:
            plain.sendall(data)
            self.check_ended(plain)

    def check_tls(self, data):
        with self.witness(), self.connect() as connection:
            connection.get(self.uid)
            if data:
                connection.send(data)
            self.check_ended(world.socket_of(connection.tls))

    def test_silent_tcp(self):
        self.check_tcp(b"")

    def test_half_a_client_hello(self):
        self.check_tcp(client_hello()[:40])

    def test_client_hello_then_silence(self):
        self.check_tcp(client_hello())

    def test_idle(self):
        self.check_tls(b"")

    def test_half_a_header(self):
        self.check_tls(vcenter.get(self.uid)[:4])

    def test_header_only(self):
        self.check_tls(vcenter.get(self.uid)[:8])

    def test_all_but_the_last_byte(self):
        self.check_tls(vcenter.get(self.uid)[:-1])

    def test_part_of_a_large_request(self):
        self.check_tls(b"\x42\x00\x78\x01\x00\x00\xf0\x00" + bytes(30000))

    def trickle(self, send, data):
        """A byte now and then, for ever. Returns when the server has had enough."""
        end = time.monotonic() + SOON
        with contextlib.suppress(OSError, Closed):
            for byte in data * 1000:
                send(bytes([byte]))
                time.sleep(0.1)
                self.assertLess(time.monotonic(), end, "bytes that trickle in renew the deadline")

    def test_request_that_trickles_in(self):
        with self.witness(), self.connect() as connection:
            self.trickle(connection.send, vcenter.add_attributes(self.uid, vcenter.PRODUCT))

    def test_handshake_that_trickles_in(self):
        with self.witness(), client.plain_socket(self.server) as plain:
            self.trickle(plain.sendall, client_hello())

    def test_busy_connection_stays(self):
        with self.connect() as connection:
            for _ in range(12):
                self.assertEqual(connection.get(self.uid), self.key)
                time.sleep(0.25)

    def test_overdue_are_counted(self):
        before = self.server.figures()["overdue"]
        with client.plain_socket(self.server) as plain:
            self.assertTrue(world.ended(plain, SOON))
        self.assertEqual(self.server.figures()["overdue"], before + 1)


class Slots(Case):
    """Few slots."""

    SETTINGS = ("server connections 8", "server per-source 64")

    def test_more_connections_than_slots(self):
        """Those that are open are served; one more waits until one leaves."""
        with contextlib.ExitStack() as stack:
            inside = [stack.enter_context(self.connect()) for _ in range(8)]
            served = []

            def wait():
                with self.connect(timeout=2 * world.PATIENCE) as connection:
                    served.append(connection.get(self.uid))

            threads = [threading.Thread(target=wait) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(20):
                for connection in inside:
                    self.assertEqual(connection.get(self.uid), self.key)
            self.assertEqual(served, [])
            for connection in inside[:2]:
                connection.close()
            for thread in threads:
                thread.join(world.PATIENCE)
            self.assertEqual(served, [self.key] * 4)

    def test_a_full_server_sleeps(self):
        """Those who wait for a slot cost nothing meanwhile, though they stand before the listener all the time."""
        with contextlib.ExitStack() as stack:
            for _ in range(8):
                self.assertEqual(stack.enter_context(self.connect()).get(self.uid), self.key)
            for _ in range(4):
                stack.enter_context(client.plain_socket(self.server))
            time.sleep(0.3)
            before = self.server.cpu_seconds()
            time.sleep(2)
            self.assertLess(self.server.cpu_seconds() - before, 1)

    def test_silent_clients_make_room(self):
        """All slots taken by clients that say nothing: an enrolled one gets in after their grace of 2 s."""
        with contextlib.ExitStack() as stack:
            for _ in range(16):
                plain = stack.enter_context(socket.socket())
                plain.setblocking(False)
                plain.connect_ex(self.server.address)
            time.sleep(0.3)
            for _ in range(3):
                with self.connect() as connection:
                    self.assertEqual(connection.get(self.uid), self.key)


class PerSource(Case):
    """The cap for clients that have not authenticated."""

    SETTINGS = ("server per-source 4",)

    def test_connections_over_the_cap_are_closed(self):
        with contextlib.ExitStack() as stack:
            inside = stack.enter_context(self.connect())
            inside.get(self.uid)  # so it has authenticated
            for _ in range(4):
                stack.enter_context(client.plain_socket(self.server))
            world.wait_for(lambda: "5 of " in self.server.console("show", "status"), "all are accepted")
            before = self.server.figures()["over the cap"]
            with client.plain_socket(self.server) as plain:
                self.assertTrue(world.ended(plain, SOON))
            self.assertEqual(self.server.figures()["over the cap"], before + 1)
            self.assertEqual(inside.get(self.uid), self.key)

    def test_authenticated_ones_do_not_count(self):
        with contextlib.ExitStack() as stack:
            for _ in range(12):
                self.assertEqual(stack.enter_context(self.connect()).get(self.uid), self.key)


class Crowd(Case):
    """Many at once."""

    SETTINGS = ("server connections 512", "server per-source 512", "server request-timeout 2s")

    def setUp(self):
        with self.connect() as connection:
            connection.ask(*(client.item(client.GET, client.uid_field(self.uid), number=i + 1) for i in range(5)))
        self.memory = self.server.memory_kb()

    def tearDown(self):
        memory = self.server.memory_kb()
        for name in ("VmSize", "VmLck"):
            self.assertEqual(memory[name], self.memory[name], name)
        self.assertLess(memory["VmRSS"], self.memory["VmRSS"] + 1024)
        with self.connect() as connection:
            self.assertEqual(connection.get(self.uid), self.key)

    def test_300_slow_connections(self):
        hello = client_hello()
        with self.witness() as witness, contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(client.plain_socket(self.server)) for _ in range(300)]
            for at in range(10):
                for plain in crowd:
                    plain.sendall(hello[at:at + 1])
                with self.connect() as connection:
                    self.assertEqual(connection.get(self.uid), self.key)
        self.assertLess(witness.longest(), 10)

    def test_300_clients_asking_one_byte_at_a_time(self):
        request = vcenter.get(self.uid)
        with self.witness() as witness, contextlib.ExitStack() as stack:
            crowd = [stack.enter_context(self.connect()) for _ in range(300)]
            for connection in crowd:
                for byte in request[:10]:
                    connection.send(bytes([byte]))
            for connection in crowd:
                try:
                    connection.send(request[10:])
                    self.assertEqual(connection.receive()[0].good().material, self.key)
                except Closed:
                    pass  # past the deadline of two seconds, on a slow machine
        self.assertLess(witness.longest(), 10)

    def test_slow_readers_of_large_answers(self):
        """They ask for megabytes and take nothing: more of them than there are large buffers."""
        request = batch(self.uid, 500)
        with self.witness() as witness, contextlib.ExitStack() as stack:
            readers = []
            for _ in range(12):
                reader = stack.enter_context(self.connect(receive_buffer=4096))
                reader.tls.settimeout(0.05)
                with contextlib.suppress(Closed, AssertionError):
                    for _ in range(60):
                        reader.send(request)
                readers.append(reader)
            with self.connect() as connection:  # vCenter's batch of three needs no large buffer
                uid = connection.create()
                connection.send(vcenter.add_attributes(uid, vcenter.PRODUCT))
                self.assertEqual([answer.good().uid for answer in connection.receive()], [uid] * 3)

            def all_closed():
                return " 1 of 512" in self.server.console("show", "status")

            world.wait_for(all_closed, "slow readers are closed", pause=0.2)
            with self.connect() as connection:
                connection.send(request)
                self.assertGreater(len(connection.receive()), 100)
        self.assertLess(witness.longest(), 10)

    def test_reader_that_is_slow_but_reads(self):
        request = batch(self.uid, 500)
        with self.connect(receive_buffer=4096) as connection:
            connection.send(request)
            begin, taken = time.monotonic(), 0
            while time.monotonic() < begin + 1:
                taken += len(connection.tls.recv(1000))
                time.sleep(0.02)
            self.assertGreater(taken, 1000)

    def test_memory_stays_under_load(self):
        def load():
            for _ in range(5):
                with self.connect() as connection:
                    for _ in range(20):
                        connection.create()
                        connection.get(self.uid)
                    connection.send(batch(self.uid, 500))
                    connection.receive()

        threads = [threading.Thread(target=load) for _ in range(4)]
        with self.witness():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()


class Process(Case):
    """What the kernel says of the process."""

    def test_system_calls_are_filtered(self):
        """The filter has neither mmap nor brk, so nothing can allocate."""
        status = self.server.process_status()
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Threads"], "1")

    def test_memory_is_locked(self):
        if world.os.geteuid() != 0:
            self.skipTest("only root may lock as much as it likes")
        memory = self.server.memory_kb()
        self.assertGreater(memory["VmLck"], memory["VmSize"] * 9 // 10)

    def test_private_files(self):
        for name in world.os.listdir(self.server.state):
            mode = world.os.lstat(world.os.path.join(self.server.state, name)).st_mode & 0o777
            # Whoever prepares clients.conf chooses its mode.
            if name != "clients.conf":
                self.assertEqual(mode & 0o077, 0, name)

    def test_stops_in_order(self):
        server = world.Server(clients=[self.client]).start()
        with Connection(server, self.client) as connection:
            connection.create()
            self.assertEqual(server.stop(), 0)
        self.assertIn("stopped", server.log())
