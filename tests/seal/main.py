# SPDX-License-Identifier: Apache-2.0
"""src/seal with an emulated TPM, and with a machine that boots. Called by tests/seal/run, which builds the tool."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

import boot
from swtpm import ATTACK_PARAMETERS, CHANGE_AUTH, CLEAR, LOCKOUT, OWNER, UNSEAL, Swtpm, Wire

TOOL, BOOT_TOOL = sys.argv[1:3]
KEY = bytes(range(0x31, 0x51))
CASES = []


def case(function):
    CASES.append(function)
    return function


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.tpm = Swtpm(folder, "tpm").start()
        self.seal = os.path.join(folder, "seal")
        self.wires = []

    def tool(self, *words, through=None):
        done = subprocess.run([TOOL, (through or self.tpm).path, "/nonexistent/log", *words], capture_output=True,
                              text=True, timeout=120, check=False)
        assert "Sanitizer" not in done.stderr, done.stderr
        return done.returncode == 0, done.stdout + done.stderr

    def add(self, label="1.0.0", through=None):
        good, said = self.tool("add", self.seal, label, KEY.hex(), through=through)
        assert good, said

    def opens(self, through=None):
        good, said = self.tool("open", self.seal, through=through)
        assert good and f"KEY {KEY.hex()}" in said, said
        return said

    def stays_shut(self, why, through=None):
        good, said = self.tool("open", self.seal, through=through)
        assert not good and "KEY" not in said, said
        assert why in said.replace("\n  ", " "), said

    def wire(self, **more):
        self.wires.append(Wire(self.tpm, os.path.join(self.folder, f"wire{len(self.wires)}"), **more))
        return self.wires[-1]

    def end(self):
        for wire in self.wires:
            wire.close()
        self.tpm.stop()


@case
def seals_and_opens_and_leaves_nothing_in_the_tpm(b):
    good, said = b.tool("probe")
    assert good and said.startswith("TPM 2.0, IBM"), said
    for label in ("1.0.0", "1.1.0"):
        b.add(label)
    said = b.opens()
    assert "slot tpm2 1.0.0: ok\nslot tpm2 1.1.0: ok\n" in said, said
    assert b.tpm.handles() == 0
    good, said = b.tool("test", b.seal)
    assert good and "holds to this TPM alone" in said and max(map(len, said.split("\n"))) < 80, said
    good, said = b.tool("add", b.seal, "1.2.0", KEY.hex())
    assert not good and "two tpm2 slots" in said, said


@case
def opens_after_the_tpm_was_restarted(b):
    b.add()
    b.tpm.restart()
    b.opens()


@case
def a_changed_boot_chain_is_refused_and_other_pcrs_are_not_looked_at(b):
    b.tpm.extend(4)
    b.add()
    for pcr in (0, 1, 2, 3, 5, 6, 7, 9, 11):
        b.tpm.extend(pcr)
    b.opens()
    for pcr in (4, 12):
        b.tpm.extend(pcr)
        b.stays_shut("the boot chain is not the one it was sealed to")
        b.tpm.restart()
        b.tpm.extend(4)
        b.opens()
    assert b.tpm.handles() == 0


@case
def another_tpm_and_a_cleared_one_are_named(b):
    b.add()
    other = Swtpm(b.folder, "other").start()
    try:
        b.stays_shut("sealed by another TPM, or this one was cleared", through=other)
        assert other.handles() == 0
    finally:
        other.stop()
    code, _ = b.tpm.command(CLEAR, LOCKOUT, b"")
    assert code == 0, hex(code)
    b.stays_shut("sealed by another TPM, or this one was cleared")


@case
def a_sniffer_on_the_wire_sees_no_part_of_the_key(b):
    wire = b.wire()
    b.add(through=wire)
    b.opens(through=wire)
    seen = wire.traffic()
    assert len(seen) > 2000, len(seen)
    for i in range(len(KEY) - 7):
        assert KEY[i:i + 8] not in seen, i
    with open(b.seal, encoding="ascii") as text:
        kept = text.read()
    assert all(KEY[i:i + 8].hex() not in kept for i in range(len(KEY) - 7))


@case
def recorded_answers_are_refused(b):
    b.add()
    wire = b.wire()
    b.opens(through=wire)
    b.stays_shut("altered on its way", through=b.wire(replay=wire.answers))
    # Only the answer with the key, in an exchange that is otherwise the TPM's own.
    unsealed = next(a for c, a in zip(wire.commands, wire.answers) if c[6:10] == struct.pack(">I", UNSEAL))
    b.stays_shut("altered on its way",
                 through=b.wire(change=lambda c, a: unsealed if c[6:10] == struct.pack(">I", UNSEAL) else a))
    b.opens()


@case
def every_altered_byte_of_the_answer_with_the_key_is_noticed(b):
    b.add()
    for at in range(10, 115, 7):
        def flip(command, answer, at=at):
            if command[6:10] != struct.pack(">I", UNSEAL):
                return answer
            return answer[:at] + bytes([answer[at] ^ 1]) + answer[at + 1:]
        good, said = b.tool("open", b.seal, through=b.wire(change=flip))
        assert not good and ("altered" in said or "garbled" in said), (at, said)


@case
def lockout_does_not_keep_it_shut(b):
    """Who guesses at another object's password must not be able to keep the box from starting."""
    b.add()
    code, _ = b.tpm.command(ATTACK_PARAMETERS, LOCKOUT, struct.pack(">III", 0, 1000, 1000))
    assert code == 0, hex(code)
    b.opens()
    b.add("1.1.0")


@case
def an_owner_password_is_named(b):
    b.add()
    code, _ = b.tpm.command(CHANGE_AUTH, OWNER, struct.pack(">H", 4) + b"word")
    assert code == 0, hex(code)
    b.stays_shut("the TPM has an owner password")


@case
def an_altered_seal_file_does_not_open(b):
    b.add()
    with open(b.seal, encoding="ascii") as text:
        whole = text.read()
    words = whole.split(" ")
    for i in (3, 5):  # policy's PCRs, private part
        if i == 3:
            altered = whole.replace("tpm2 4+12 ", "tpm2 4 ")
        else:
            private = words[-2]
            altered = whole.replace(private, private[:100] + ("0" if private[100] != "0" else "1") + private[101:])
        assert altered != whole
        with open(b.seal, "w", encoding="ascii") as text:
            text.write(altered)
        good, said = b.tool("open", b.seal)
        assert not good and "KEY" not in said, said


def boots(folder):
    """One machine through an update: sealed by the old image for the new one before it ever ran, back again, with
    other firmware, and with another command line."""
    loader, kernel = os.environ["LOADER"], os.environ["KERNEL"]
    line = "console=ttyS0,115200n8 quiet loglevel=1 rdinit=/init"
    old = boot.image(os.path.join(folder, "old.efi"), BOOT_TOOL, kernel, loader, line, "old")
    new = boot.image(os.path.join(folder, "new.efi"), BOOT_TOOL, kernel, loader, line + " panic=10", "new")
    disk = boot.disk(os.path.join(folder, "disk"), loader,
                     {"EFI/Linux/holdfast-000001.efi": old, "EFI/Linux/holdfast-000002.new": new})
    said = boot.boot(folder, disk)
    assert "add 1 ok\nadd 2 ok\nadd 1 again another image of the same version" in said, said
    digests = subprocess.run([TOOL, "-", "-", "digest", old], capture_output=True, text=True, check=True).stdout
    for row in digests.split("\n")[:2]:
        assert f"event 4 80000003 {row.split()[1]}" in said, said  # as the firmware measured it
    said = boot.boot(folder, disk)
    assert "panic=10" in said and "slot tpm2 2: ok" in said and "KEY 5a5a" in said, said
    assert "slot tpm2 1: the boot chain is not the one" in said, said
    assert "agrees with the TPM" in said, said
    # The new image was not found good: the old one again, and meanwhile the firmware was updated.
    said = boot.boot(folder, disk, code="OVMF_CODE.fd", variables="OVMF_VARS.fd")
    assert "panic=10" not in said and "slot tpm2 1: ok" in said and "KEY 5a5a" in said, said
    # Who has the disk hands the right image another command line.
    entry = os.path.join(folder, "entry.conf")
    with open(entry, "w", encoding="ascii") as text:
        text.write(f"title x\nefi /EFI/Linux/holdfast-000001.efi\noptions {line} root=/dev/vda1 init=/other\n")
    boot.add_file(disk, "loader/entries/x.conf", entry)
    with open(entry, "w", encoding="ascii") as text:
        text.write("timeout 0\ndefault x.conf\n")
    boot.add_file(disk, "loader/loader.conf", entry)
    said = boot.boot(folder, disk)
    assert "init=/other" in said and "DONE" in said, said
    assert "KEY" not in said and "slot tpm2 1: the boot chain is not the one" in said, said


def main():
    passed = failed = 0
    scratch = tempfile.mkdtemp(prefix="seal.", dir="/tmp")
    wanted = sys.argv[3:]
    try:
        for number, function in enumerate(CASES):
            if wanted and function.__name__ not in wanted:
                continue
            folder = os.path.join(scratch, str(number))
            os.makedirs(folder)
            bench = Bench(folder)
            try:
                function(bench)
                passed += 1
                print("ok", function.__name__, flush=True)
            except Exception as error:  # one failed case does not hide the others
                failed += 1
                print("not ok", function.__name__, repr(error), flush=True)
            finally:
                bench.end()
        if not wanted or "boots" in wanted:
            try:
                boots(scratch)
                passed += 1
                print("ok boots", flush=True)
            except Exception as error:
                failed += 1
                print("not ok boots", error, flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
