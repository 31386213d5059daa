# SPDX-License-Identifier: Apache-2.0
"""A box that was set up behind firmware and a TPM, once for all tests of a run."""

import shutil
import threading

import machine
import box
import load
import stage

_lock = threading.Lock()
_made = []


class Sealed:
    """Disk, firmware's variables and TPM of one box, and what is known of it."""

    def __init__(self, disk, store, tpm, recovery, key):
        self.image, self.store, self.tpm, self.recovery, self.key = disk, store, tpm, recovery, key

    def copy(self):
        """The same box for another test."""
        store = box.file_name("vars.fd")
        shutil.copyfile(self.store, store)
        return Sealed(stage.copy(self.image), store, self.tpm.copy(), self.recovery, self.key)

    def boot(self, tpm=None, **more):
        """Switch it on."""
        return machine.Machine(more.pop("disk", None) or machine.drive(self.image), self.store, tpm or self.tpm, **more)

    def check_key(self, run):
        """The key of the beginning is served."""
        with load.connect(run, stage.vcenter()) as connection:
            assert connection.get(self.key[0]) == self.key[1], "another key"


def sealed():
    """A copy of the box."""
    with _lock:
        if not _made:
            made = Sealed(stage.fresh(), machine.new_store(), machine.Tpm(), None, None)
            with made.boot() as run:
                made.recovery = stage.set_up_by_script(run.console, "unlock tpm").strip()
                run.wait_for_port(machine.LONG)
                made.key = stage.create_key(run)
            _made.append(made)
        return _made[0].copy()


def recover(console, key, passphrase):
    """At the login prompt of a locked box: open it with the recovery key, and log in. What was said."""
    console.expect(machine.LOGIN)
    console.say("recover", "Recovery key: ")
    console.send(key + "\r")
    return stage.new_passphrase(console, passphrase)
