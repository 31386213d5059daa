# SPDX-License-Identifier: Apache-2.0
"""The disk image behind UEFI firmware, its secrets sealed to a TPM."""

import base64
import binascii
import subprocess
import unittest

import machine
import box
import images
import stage
import uefi

API_KEY = "3Xq7-test-api-key_of-no-account-ZvB51kTqPw80"
PASSPHRASE = "staple battery horse"
ESP = "@@1M"


class Tpm(unittest.TestCase):
    """Who may open the box."""

    def test_opens_by_itself_after_a_power_cut(self):
        """Sealed, and unsealed without anybody."""
        sealed = uefi.sealed()
        with sealed.boot() as run:
            seconds = run.wait_for_port(machine.LONG)
            print("    UEFI power on to the open port: %.1f s (9 s on an idle machine)" % seconds, flush=True)
            sealed.check_key(run)
            run.console.script_login()
            for command in ("test seal", "show seal"):
                said = run.console.run(command, seconds=machine.LONG)
                assert "tpm2" in said and "recovery" in said, said
            assert "tpm: the secrets open on this box alone" in said, said
            assert max(map(len, said.splitlines())) < 80, said

    def test_another_tpm(self):
        """A disk in another box: closed, says why; the recovery key opens it and seals it anew."""
        sealed = uefi.sealed()
        other = machine.Tpm()
        with sealed.boot(tpm=other) as run:
            said = run.console.expect(machine.LOGIN, machine.LONG)
            assert run.port_is_closed()
            run.console.script()
            assert "log in" in run.console.refused("show seal")
        with sealed.boot(tpm=other) as run:
            run.console.expect(machine.LOGIN, machine.LONG)
            said = stage.wait_for_banner(run, "LOCKED")
            run.console.send("\r")
            run.console.expect("Passphrase: ")
            run.console.send("\r")
            said += uefi.recover(run.console, sealed.recovery, PASSPHRASE)
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)
            run.console.script()
            log = run.console.run("show log 100")
            assert "another TPM, or this one was cleared" in box.plain(log), log
            run.console.run("test seal", seconds=machine.LONG)
        with sealed.boot(tpm=other) as run:
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)

    def test_another_boot_chain(self):
        """An image that nobody prepared the seal for."""
        sealed = uefi.sealed()
        other = images.uki("0.1.9")
        subprocess.run(["mcopy", "-o", "-i", sealed.image + ESP, other, "::/EFI/Linux/holdfast-000001.efi"], check=True)
        with sealed.boot() as run:
            run.console.expect(machine.LOGIN, machine.LONG)
            stage.wait_for_banner(run, "LOCKED")
            assert run.port_is_closed()
            run.console.send("\r")
            run.console.expect("Passphrase: ")
            run.console.send("\r")
            uefi.recover(run.console, sealed.recovery, PASSPHRASE)
            run.wait_for_port(machine.LONG)
            run.console.script()
            log = run.console.run("show log 100")
            assert "the boot chain is not the one it was sealed to" in box.plain(log), log
        with sealed.boot() as run:
            run.wait_for_port(machine.LONG)
            sealed.check_key(run)


def forms(secret):
    """A secret in the forms that it could have been written in."""
    data = secret if isinstance(secret, bytes) else secret.encode()
    yield from (data, binascii.hexlify(data), binascii.hexlify(data).upper(), data.decode("latin-1").encode("utf-16-le"))
    for skip in range(3):    # base64 at any place of a longer text
        inner = base64.b64encode(bytes(skip) + data)[4 if skip else 0:]
        yield inner[:len(inner) // 4 * 4 - 4]


class Disk(unittest.TestCase):
    """What somebody reads who takes the disk out."""

    def test_no_secret_stands_on_the_disk(self):
        """API key, passphrase, recovery key, key material."""
        disk, tpm, store = stage.fresh(), machine.Tpm(), machine.new_store()
        with machine.Machine(machine.drive(disk), store, tpm) as run:
            run.console.expect(machine.FIRST_SCREEN, machine.LONG)
            run.console.script()
            run.console.set("server name kms1", "unlock tpm", "keymanager type keyprotect", "keymanager region eu-de",
                            "keymanager instance 5a8f0f7e-0a3c-4d1b-9a77-3d2c1b0a9f8e",
                            "keymanager root-key 7e1c0a55-4a1b-4b8e-8f3c-2d0b6f1e9c11")
            run.console.run("secret passphrase", box.PASSPHRASE)
            run.console.run("secret apikey", API_KEY)
            recovery = run.console.run("setup", seconds=machine.LONG).split("RECOVERY ")[1].split("\n")[0]
            run.wait_for_port(machine.LONG)
            run.console.run("login", box.PASSPHRASE)
            run.restarts("system restart")
            run.wait_for_port(machine.LONG)
        sealed = uefi.sealed()
        secrets = [API_KEY, box.PASSPHRASE, recovery, recovery.replace("-", "")]
        for image, wanted in ((disk, secrets), (sealed.image, [sealed.key[1], sealed.recovery])):
            with open(image, "rb") as file:
                data = file.read()
            for secret in wanted:
                for form in forms(secret):
                    assert form not in data, "in clear at byte %d: %r" % (data.index(form), form)
        # The search itself finds what is there.
        with open(sealed.image, "rb") as file:
            data = file.read()
        assert sealed.key[0].encode() in data or b"kms1" in data
