# SPDX-License-Identifier: Apache-2.0
"""A box whose keys are in an emulated Key Protect, which it reaches through a proxy and trusts by a root of its own."""

import base64
import os
import ssl
import sys
import time

import box
import client
import stage

sys.path.append(os.path.join(box.ROOT, "tests", "cloud"))

import nodes  # noqa: E402  pylint: disable=wrong-import-position
import proxy  # noqa: E402  pylint: disable=wrong-import-position

KEYS = 64


class Cloud(nodes.CloudCase):
    """Nothing of a key is on the disk: after a restart all come from the key manager."""

    @classmethod
    def tearDownClass(cls):
        nodes.stop_clouds()

    def setUp(self):
        super().setUp()
        self.proxy = proxy.Proxy()
        self.addCleanup(self.proxy.server_close)
        self.addCleanup(self.proxy.shutdown)

    def settings(self):
        """What a box needs to find it. QEMU's network leads 10.0.2.2 to this machine's loopback."""
        with open(self.cloud.about["ca"], encoding="ascii") as file:
            root = base64.b64encode(ssl.PEM_cert_to_DER_cert(file.read())).decode()
        url = "https://localhost:%d" % self.cloud.about["port"]
        return ("keymanager type keyprotect", "keymanager endpoint " + url, "keymanager iam " + url,
                "keymanager instance " + self.cloud.about["instance_id"], "keymanager root-key " + self.root,
                "keymanager root " + root, "keymanager proxy http://10.0.2.2:%d" % self.proxy.server_address[1])

    @staticmethod
    def box(disk):
        """A box that reaches this machine."""
        port = box.free_port()
        made = box.Box(disk, network="user,hostfwd=tcp:127.0.0.1:%d-:5696" % port)
        made.port = port
        return made

    def keys_of(self, machine, keys):
        """Wait until every key is served. Seconds since power on."""
        left = dict(keys)
        while left:
            try:
                with stage.kmip(machine) as kmip:
                    for uid in list(left):
                        self.assertEqual(kmip.get(uid), left.pop(uid))
            except (OSError, client.Closed, AssertionError) as error:
                if machine.seconds() > box.LONG:
                    raise AssertionError("%d keys are not served: %s" % (len(left), error)) from error
                left = dict(keys)
                time.sleep(0.2)
        return machine.seconds()

    def test_restart(self):
        with self.box(stage.fresh()) as machine:
            machine.console.expect(box.FIRST_SCREEN)
            machine.console.script()
            machine.console.run("secret apikey", self.api_key)
            stage.configure(machine.console, *self.settings())
            machine.wait_for_port(box.LONG)
            with stage.kmip(machine) as kmip:
                keys = {uid: kmip.get(uid) for uid in (kmip.create() for _ in range(KEYS))}
            self.assertNotIn(self.api_key, machine.serial_log())
        with self.box(machine.disk) as machine:
            seconds = self.keys_of(machine, keys)
            self.assertIn("READY", stage.wait_for_banner(machine, "READY"))
        self.assertIn((b"CONNECT", b"localhost:%d" % self.cloud.about["port"]), self.proxy.asked)
        print("power on to %d keys of the emulated cloud: %.1f s (bound 15 s on an idle machine)" % (KEYS, seconds))
