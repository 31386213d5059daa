# SPDX-License-Identifier: Apache-2.0
"""The network as it is: cables, addresses, VLANs, and clocks that are wrong."""

import contextlib
import socket
import struct
import time
import unittest

import box
import client
import stage

VLAN = 7


class Network(unittest.TestCase):
    """A box that was set up with DHCP."""

    def test_cable(self):
        """Pulled while a client is connected, and put back: the same connection goes on."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.wait_for_port()
            machine.console.expect(box.LOGIN)
            with stage.kmip(machine) as kmip:
                kmip.get(first.uid)
                machine.cable(False)
                stage.wait_for_banner(machine, "no link")
                time.sleep(5)
                machine.cable(True)
                stage.wait_for_banner(machine, "link up")
                self.assertEqual(kmip.get(first.uid), first.material)
            first.check_keys(machine)

    def test_cable_comes_late(self):
        """Powered on without a cable: the console works, and the port opens when the cable comes."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.cable(False)
            self.assertIn("no link", machine.console.expect(box.LOGIN))
            time.sleep(8)
            machine.cable(True)
            machine.wait_for_port()
            first.check_keys(machine)
            stage.wait_for_banner(machine, "10.0.2.15/24")

    def test_static_address(self):
        """From DHCP to a static address, with a way back that is not needed."""
        first = stage.at("file")
        with box.Box(first.disk) as machine:
            machine.console.script_login()
            machine.console.set("interface uplink address 10.0.2.15/24", "interface uplink gateway 10.0.2.2")
            machine.console.run("commit confirm 5")
            first.check_keys(machine)
            machine.console.run("confirm")
            self.assertIn("10.0.2.2", machine.console.run("ping 10.0.2.2"))
        with box.Box(machine.disk) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
            self.assertIn("10.0.2.15/24", stage.wait_for_banner(machine, "READY"))

    def test_vlan(self):
        """What the box sends bears the tag, and it answers what bears it."""
        first = stage.at("file")
        with Peer() as peer, box.Box(first.disk, network=peer.netdev) as machine:
            machine.console.script_login()
            machine.console.set("interface uplink vlan %d" % VLAN, "interface uplink address 192.0.2.9/24")
            machine.console.run("commit")
            reply = peer.ask_who_has("192.0.2.9")
            self.assertEqual(reply, bytes.fromhex("525400000001"))


class Clock(unittest.TestCase):
    """A battery clock that is wrong."""

    def check(self, base, pattern):
        """The banner tells what it is, and the box serves."""
        first = stage.at("file")
        with box.Box(first.disk, clock=base) as machine:
            machine.wait_for_port()
            first.check_keys(machine)
            machine.console.expect(box.LOGIN)
            self.assertRegex(box.plain(machine.console.say("s", box.LOGIN)), pattern)

    def test_past(self):
        """Its battery was empty: a fault, and the time of the release instead."""
        self.check("2000-01-01T00:00:00", r"a guess: the battery clock was wrong.*Fault .*clock")

    def test_future(self):
        """Without a time server nobody can know; the banner says so. (QEMU's own clock ends 68 years from now.)"""
        self.check("2090-01-01T00:00:00", r"Clock 2090-01-01 .*from battery clock, not verified")


class Peer:
    """The other end of the cable: sees every frame, and asks with a VLAN tag."""

    MAC = bytes.fromhex("525400000099")

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(1)
        self._far = box.free_udp_port()
        near = self._socket.getsockname()[1]
        self.netdev = ("dgram,local.type=inet,local.host=127.0.0.1,local.port=%d,"
                       "remote.type=inet,remote.host=127.0.0.1,remote.port=%d" % (self._far, near))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def ask_who_has(self, address):
        """The MAC address in the tagged ARP reply; an untagged one is an error."""
        wanted = socket.inet_aton(address)
        ask = (b"\xff" * 6 + self.MAC + struct.pack("!HHH", 0x8100, VLAN, 0x0806)
               + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + self.MAC + socket.inet_aton("192.0.2.77") + bytes(6) + wanted)
        end = time.monotonic() + box.PATIENCE
        while time.monotonic() < end:
            self._socket.sendto(ask.ljust(60, b"\0"), ("127.0.0.1", self._far))
            with contextlib.suppress(socket.timeout):
                while True:
                    frame = self._socket.recv(4096)
                    if frame[12:14] == b"\x08\x06" and frame[28:32] == wanted:
                        raise AssertionError("ARP without a tag: " + frame.hex())
                    if frame[12:18] == struct.pack("!HHH", 0x8100, VLAN, 0x0806) and frame[24:26] == b"\0\2":
                        return frame[26:32]
        raise AssertionError("no tagged answer")
