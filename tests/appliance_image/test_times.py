# SPDX-License-Identifier: Apache-2.0
"""How long starts take. Printed; what is bounded is bounded generously, because machines are shared."""

import json
import os
import subprocess
import time
import unittest

import machine
import box
import images
import load
import stage
import uefi

ROOTS_BEGIN, ROOTS_END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----\n"
KEYS = 20


def openssl(*words):
    """Run it."""
    subprocess.run(("openssl",) + words, check=True, capture_output=True)


class Cloud:
    """The emulated key manager, as a box in QEMU sees its host: 10.0.2.2, with an authority of its own."""

    def __init__(self):
        self.folder = os.path.dirname(box.file_name("cloud"))
        ca, key = self._path("ca.pem"), self._path("ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650", "-subj",
                "/CN=T", "-keyout", key, "-out", ca)
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cloud", "-keyout", self._path("server.key"), "-out",
                self._path("server.csr"))
        with open(self._path("names"), "w", encoding="ascii") as file:
            file.write("subjectAltName=IP:10.0.2.2,IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n")
        for name in ("server.pem", "server-untrusted.pem", "server-expired.pem", "server-other-name.pem"):
            openssl("x509", "-req", "-in", self._path("server.csr"), "-CA", ca, "-CAkey", key, "-CAcreateserial", "-days", "3000",
                    "-extfile", self._path("names"), "-out", self._path(name))
        ready = self._path("ready")
        with open(self._path("log"), "wb") as log:
            self._process = subprocess.Popen(
                [os.path.join(box.ROOT, "tests/keyprotect_emulator/emulator"), "--state", self.folder, "--ready-file", ready],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + box.PATIENCE
        while not (os.path.exists(ready) and os.path.getsize(ready)):
            if time.monotonic() > end:
                raise AssertionError("the emulator does not start")
            time.sleep(0.1)
        with open(self._path("instance.json"), encoding="utf-8") as file:
            self.instance = json.load(file)
        with open(ca, "rb") as file:
            self.root = file.read()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(box.PATIENCE)

    def program(self):
        """The box's program with this authority in the place of one that it was built with."""
        data = images.program()
        begin = data.index(ROOTS_BEGIN)
        end = data.index(ROOTS_END, begin) + len(ROOTS_END)
        if len(self.root) > end - begin:
            raise AssertionError("no room for the authority")
        return data[:begin] + self.root + b"\n" * (end - begin - len(self.root)) + data[end:]


def ready(console):
    """Wait until the key manager has answered."""
    end = time.monotonic() + box.PATIENCE
    while "READY" not in console.run("show state"):
        if time.monotonic() > end:
            raise AssertionError(console.run("show status") + console.run("test keymanager"))
        time.sleep(1)


class Times(unittest.TestCase):
    """From power on."""

    def test_firmware_to_open_port(self):
        """9 s on an idle machine."""
        sealed = uefi.sealed()
        with sealed.boot(smp=2) as run:
            run.console.expect(machine.LOGIN, machine.LONG)
            banner = run.seconds()
            port = run.wait_for_port(machine.LONG)
        print("    UEFI: banner %.1f s, open port %.1f s" % (banner, port), flush=True)

    def test_kernel_to_open_port(self):
        """2.5 s on an idle machine."""
        with machine.Machine(machine.drive(stage.at("file").disk), smp=2) as run:
            port = run.wait_for_port(machine.LONG)
        print("    kernel started directly: open port %.1f s" % port, flush=True)

    def test_restart_to_keys_of_the_cloud(self):
        """15 s, with the emulated key manager."""
        with Cloud() as cloud:
            disk, initrd = stage.fresh(), images.initramfs_with(cloud.program())
            url = "https://10.0.2.2:%d" % cloud.instance["port"]
            with machine.Machine(machine.drive(disk), network="", initrd=initrd) as run:
                run.console.expect(machine.FIRST_SCREEN, machine.LONG)
                run.console.script()
                run.console.set("server name kms1", "unlock file", "keymanager type keyprotect", "keymanager endpoint " + url,
                                "keymanager iam " + url, "keymanager instance " + cloud.instance["instance_id"],
                                "keymanager root-key " + cloud.instance["root_key_id"])
                run.console.run("secret passphrase", box.PASSPHRASE)
                run.console.run("secret apikey", cloud.instance["api_keys"]["admin"])
                with open(stage.vcenter().cert, encoding="ascii") as file:
                    run.console.run("client add vcenter", file.read().rstrip().replace("\n", "\r"))
                run.console.run("setup", seconds=machine.LONG)
                run.wait_for_port(machine.LONG)
                run.console.run("login", box.PASSPHRASE)
                ready(run.console)
                with load.connect(run, stage.vcenter()) as kmip:
                    keys = [kmip.create() for _ in range(KEYS)]
                    keys = [(uid, kmip.get(uid)) for uid in keys]
                run.restarts("system restart")
                port = run.wait_for_port(machine.LONG)
                with load.connect(run, stage.vcenter()) as kmip:
                    for uid, material in keys:
                        assert kmip.get(uid) == material, uid
                print("    restart with %d keys of the emulated cloud: open port %.1f s, all served %.1f s"
                      % (KEYS, port, run.seconds()), flush=True)
