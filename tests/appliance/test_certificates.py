# SPDX-License-Identifier: Apache-2.0
"""Certificates of the server and of clients, over the serial line."""

import os
import re
import subprocess
import unittest

import box
import client
import stage
import world


def pem_of(text, label):
    """The PEM text inside what a console said."""
    found = re.search("-----BEGIN %s-----[\\s\\S]*-----END %s-----" % (label, label), text)
    return found.group(0) + "\n"


def pasted(path):
    """A PEM file as a terminal sends it."""
    with open(path, encoding="ascii") as file:
        return file.read().replace("\n", "\r")


class Server(unittest.TestCase):
    """The server's certificate by a CA of ours."""

    def test_signed_by_a_ca(self):
        """Request, signature, install, activate; still there after a power cut."""
        first = stage.at("file")
        authority = world.identity("authority")
        folder = os.path.dirname(box.file_name("x"))
        request, signed = os.path.join(folder, "csr"), os.path.join(folder, "pem")
        with box.Box(first.disk) as machine:
            console = machine.console
            console.script_login()
            with open(request, "w", encoding="ascii") as file:
                file.write(pem_of(console.run("cert csr"), "CERTIFICATE REQUEST"))
            world.openssl("req", "-verify", "-noout", "-in", request)
            world.openssl("x509", "-req", "-in", request, "-CA", authority.cert, "-CAkey", authority.key,
                          "-CAcreateserial", "-days", "30", "-copy_extensions", "copy", "-out", signed)
            before = machine.thumbprints()
            console.send("cert install\r" + pasted(signed) + pasted(authority.cert))
            console.run("")
            self.assertEqual(machine.thumbprints(), before, "not before activate")
            console.run("cert activate")
            sha1 = world.openssl("x509", "-noout", "-fingerprint", "-sha1", "-in", signed).decode().strip().split("=")[1]
            self.assertEqual(machine.thumbprints()[0], sha1)
            self.assertIn(sha1, console.run("show cert"))
            first.check_keys(machine)
        with box.Box(machine.disk) as machine:
            machine.wait_for_port()
            self.assertEqual(machine.thumbprints()[0], sha1)
            first.check_keys(machine)


class Clients(unittest.TestCase):
    """Ways to enrol a client, on one box."""

    def test_accept_after_refusal(self):
        """The notice names the command; it takes effect on the next handshake."""
        stranger = world.identity("stranger")
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            console.login()
            machine.wait_for_port()
            self.assertTrue(client.refused(machine, stranger))
            notice = console.expect(r"client accept [0-9a-f]+\r\nkms1> ")
            print_of = re.search(r"client accept ([0-9a-f]+)", notice).group(1)
            self.assertTrue(stranger.sha256.startswith(print_of), print_of)
            console.say("show refused", "kms1> ")
            console.say("client accept %s esxi7" % print_of, "kms1> ")
            with client.Connection(machine, stranger) as kmip:
                kmip.create()
            self.assertIn("esxi7", console.say("show clients", "kms1> "))

    def test_signed_request_and_damaged_paste(self):
        """vCenter's request in, a certificate out; a paste that lost characters is named and stores nothing."""
        folder = os.path.dirname(box.file_name("x"))
        key, request, cert = (os.path.join(folder, name) for name in ("key", "csr", "pem"))
        subprocess.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=vc2", "-keyout", key,
                        "-out", request], check=True, capture_output=True)
        other = world.identity("other")
        with box.Box(stage.at("file").disk) as machine:
            console = machine.console
            console.login()
            console.say("client sign vc2", "Reading stops by itself.")
            console.send(pasted(request))
            with open(cert, "w", encoding="ascii") as file:
                file.write(pem_of(console.expect(r"kms1> "), "CERTIFICATE").replace("\r", ""))
            with client.Connection(machine, world.Identity("vc2", cert, key)) as kmip:
                kmip.create()
            lines = pasted(other.cert).split("\r")
            lines[5] = lines[5][:30] + lines[5][33:]
            console.say("client add other", "at its END line.")
            console.send("\r".join(lines))
            said = box.plain(console.expect("kms1> "))
            self.assertIn("line 5 has 61 characters, its neighbours have 64; 3 were lost", said)
            self.assertIn("Nothing was stored.", said)
            self.assertTrue(client.refused(machine, other))
            console.say("client add other", "at its END line.")
            console.send(pasted(other.cert))
            console.expect(r"Accept this client\? \[y/N\]: ")
            console.say("y", "kms1> ")
            self.assertFalse(client.refused(machine, other))
