# SPDX-License-Identifier: Apache-2.0
"""The way to the cloud leads through a proxy."""

import socket

import world
from nodes import CloudCase
from proxy import Proxy


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
