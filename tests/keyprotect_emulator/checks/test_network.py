# SPDX-License-Identifier: Apache-2.0
"""Connections: TLS, certificates, keep-alive, distance, ports that do not answer."""

import concurrent.futures
import http.client
import re
import socket
import ssl
import subprocess
import time

from cloud import CloudTest, EMULATOR, GRANT


class Connections(CloudTest):
    def tearDown(self):
        self.cloud.set(certificate="good", accepting="yes", tls_newest="1.3", round_trip_ms=0, idle_close_ms=0,
                       chunked=False, date_skew=0, send_date=True)
        self.cloud.close()

    def handshake(self, name="localhost", context=None):
        raw = socket.create_connection(("127.0.0.1", self.cloud.about["port"]), timeout=5)
        with (context or self.cloud.tls()).wrap_socket(raw, server_hostname=name) as made:
            return made.version(), made.selected_alpn_protocol()

    def raw(self, data):
        """Send bytes and return all that comes until the server closes."""
        raw = socket.create_connection(("127.0.0.1", self.cloud.about["port"]), timeout=5)
        with self.cloud.tls().wrap_socket(raw, server_hostname="localhost") as made:
            made.sendall(data)
            received = b""
            while True:
                part = made.recv(65536)
                if not part:
                    return received
                received += part

    def test_names_and_versions(self):
        for name in ("localhost", "kms.test", "iam.test", "127.0.0.1"):
            self.assertEqual("TLSv1.3", self.handshake(name)[0])
        old = self.cloud.tls()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_alpn_protocols(["h2", "http/1.1"])
        self.assertEqual(("TLSv1.2", "http/1.1"), self.handshake(context=old))
        self.cloud.set(tls_newest="1.2")
        self.assertEqual("TLSv1.2", self.handshake()[0])

    def test_bad_certificates(self):
        for which in ("untrusted", "expired", "other-name"):
            self.cloud.set(certificate=which)
            with self.subTest(which=which), self.assertRaises(ssl.SSLCertVerificationError):
                self.handshake()
        self.assertGreaterEqual(self.cloud.control("GET", "/counters")["network"]["accepted"], 3)
        self.cloud.set(certificate="good")
        self.handshake()

    def test_authority_stays_in_the_folder(self):
        with open(self.cloud.about["ca"], encoding="ascii") as file:
            before = file.read()
        again = subprocess.Popen([EMULATOR, "--state", self.cloud.folder, "--log", self.cloud.log])
        time.sleep(0.5)
        again.terminate()
        again.wait(10)
        with open(self.cloud.about["ca"], encoding="ascii") as file:
            self.assertEqual(before, file.read())

    def test_keep_alive(self):
        before = self.cloud.control("GET", "/counters")["network"]["accepted"]
        for _ in range(5):
            self.good(self.cloud.kp("GET", "/keys"))
        self.assertEqual(1, self.cloud.control("GET", "/counters")["network"]["accepted"] - before)
        answer = self.good(self.cloud.kp("GET", "/keys", Connection="close"))
        self.assertEqual("close", answer.headers["connection"])

    def test_pipelined_requests_are_answered_in_order(self):
        get = "GET /api/v2/%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
        data = "".join(get % (path, end) for path, end in (
            ("a", "Correlation-Id: 1\r\n"), ("b", "Correlation-Id: 2\r\n"),
            ("c", "Correlation-Id: 3\r\nConnection: close\r\n")))
        self.assertEqual([b"1", b"2", b"3"], re.findall(rb"Correlation-Id: (\d)", self.raw(data.encode())))

    def test_chunked_requests_and_expectations(self):
        form = ("grant_type=%s&apikey=%s" % (GRANT, self.cloud.about["api_keys"]["admin"])).encode()
        head = b"POST /identity/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n\r\n"
        chunks = b"5\r\n" + form[:5] + b"\r\n%x\r\n" % (len(form) - 5) + form[5:] + b"\r\n0\r\n\r\n"
        self.assertIn(b"access_token", self.raw(head % b"Transfer-Encoding: chunked" + chunks))
        answer = self.raw(head % (b"Expect: 100-continue\r\nContent-Length: %d" % len(form)) + form)
        self.assertTrue(answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200"), answer[:80])

    def test_rubbish_requests(self):
        for data in (b"rubbish\r\n\r\n", b"GET / HTTP/2\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
                     b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"):
            self.assertTrue(self.raw(data).startswith(b"HTTP/1.1 400"))

    def test_port_that_hangs(self):
        self.cloud.set(accepting="hang")
        self.cloud.close()
        connection = self.cloud.connect(timeout=0.3)
        with self.assertRaises(TimeoutError):
            connection.connect()
        connection.close()
        self.cloud.set(accepting="yes")
        self.handshake()

    def test_port_that_is_closed(self):
        self.cloud.set(accepting="refuse")
        with self.assertRaises(ConnectionRefusedError):
            self.cloud.connect().connect()
        self.cloud.set(accepting="yes")
        self.handshake()

    def test_port_that_resets(self):
        self.cloud.set(accepting="reset")
        with self.assertRaises(ConnectionResetError):
            with socket.create_connection(("127.0.0.1", self.cloud.about["port"]), timeout=5) as raw:
                raw.recv(1)
        self.cloud.set(accepting="yes")
        self.handshake()

    def test_drop_connections(self):
        self.good(self.cloud.kp("GET", "/keys"))
        self.assertEqual(1, self.cloud.control("POST", "/drop-connections")["dropped"])
        with self.assertRaises((ConnectionResetError, BrokenPipeError, ssl.SSLError, http.client.RemoteDisconnected)):
            self.cloud.kp("GET", "/keys")

    def test_idle_connections_end(self):
        self.cloud.set(idle_close_ms=100)
        connection = self.cloud.connect(timeout=3)
        connection.connect()
        start = time.monotonic()
        self.assertEqual(b"", connection.sock.recv(1))
        self.assertLess(time.monotonic() - start, 2)
        connection.close()

    def test_distance(self):
        self.good(self.cloud.kp("GET", "/keys"))
        self.cloud.set(round_trip_ms=100)
        start = time.monotonic()
        self.good(self.cloud.kp("GET", "/keys"))
        self.assertTrue(0.1 <= time.monotonic() - start < 0.25)
        start = time.monotonic()
        self.handshake()
        self.assertGreaterEqual(time.monotonic() - start, 0.3)

    def test_date(self):
        stamp = self.cloud.kp("GET", "/keys").headers["date"]
        self.cloud.set(date_skew=86400 * 365)
        self.assertNotEqual(stamp[12:16], self.cloud.kp("GET", "/keys").headers["date"][12:16])
        self.cloud.set(send_date=False)
        self.assertNotIn("date", self.cloud.kp("GET", "/keys").headers)

    def test_correlation(self):
        answer = self.cloud.kp("GET", "/keys", Correlation_Id="my-own-id")
        self.assertEqual("my-own-id", answer.headers["correlation-id"])
        self.assertTrue(self.cloud.kp("GET", "/keys").headers["correlation-id"])

    def test_sixteen_at_once(self):
        headers = {"Authorization": "Bearer " + self.cloud.token(), "Bluemix-Instance": self.cloud.about["instance_id"]}

        def many(_):
            connection, found = self.cloud.connect(), []
            for _ in range(20):
                connection.request("POST", "/api/v2/keys/%s/actions/wrap" % self.cloud.root, "{}", headers)
                answer = connection.getresponse()
                found.append((answer.status, b"ciphertext" in answer.read()))
            connection.close()
            return found

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            found = [one for each in pool.map(many, range(16)) for one in each]
        self.assertEqual({(200, True)}, set(found))
        self.assertEqual(320, len(found))

    def test_log_has_no_secret(self):
        key = self.cloud.standard_key(b"very secret")
        self.cloud.kp("GET", "/keys/" + key)
        with open(self.cloud.log, encoding="utf-8") as file:
            text = file.read()
        self.assertRegex(text, r"(?m)^GET /api/v2/keys/%s 200 \d+\.\d$" % key)
        for secret in (self.cloud.token(), self.cloud.about["api_keys"]["admin"], "dmVyeSBzZWNyZXQ="):
            self.assertNotIn(secret, text)
