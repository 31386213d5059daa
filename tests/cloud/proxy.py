# SPDX-License-Identifier: Apache-2.0
"""A proxy for HTTPS, on loopback."""

import select
import socket
import socketserver
import threading


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
