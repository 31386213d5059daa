# SPDX-License-Identifier: Apache-2.0
"""The way to the cloud leads through a proxy."""

import select
import socket
import socketserver
import threading

import world
from nodes import CloudCase


class Tunnel(socketserver.BaseRequestHandler):
    """CONNECT (RFC 9110 s9.3.6)."""

    def handle(self):
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.request.recv(4096)
            if not more:
                return
            head += more
        method, target, _ = head.split(b"\r\n")[0].split(b" ")
        self.server.asked.append((method, target))
        host, port = target.decode("ascii").rsplit(":", 1)
        with socket.create_connection((host, int(port)), 5) as there:
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            ends = {self.request: there, there: self.request}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    ends[end].sendall(data)


class Proxy(socketserver.ThreadingTCPServer):
    """A proxy on loopback that notes what it was asked."""

    daemon_threads = True

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), Tunnel)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class ThroughProxy(CloudCase):
    """Everything goes through it, and nothing without it."""

    def proxy(self):
        made = Proxy()
        self.addCleanup(made.server_close)
        self.addCleanup(made.shutdown)
        return made

    def test_all_calls(self):
        proxy = self.proxy()
        node = self.node("keymanager proxy http://localhost:%d" % proxy.server_address[1]).ready()
        uid, key = node.create()
        self.assertEqual(node.get(uid).good().material, key)
        self.assertEqual({method for method, _ in proxy.asked}, {b"CONNECT"})
        self.assertEqual({target for _, target in proxy.asked}, {b"localhost:%d" % self.cloud.about["port"]})

    def test_no_proxy_there(self):
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            node = self.node("keymanager proxy http://localhost:%d" % nobody.getsockname()[1])
            world.wait_for(lambda: "check network, firewall and proxy" in node.console("show", "status"),
                           "the cause is named")
