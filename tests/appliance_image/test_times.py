# SPDX-License-Identifier: Apache-2.0
"""How long starts take. Printed; what is bounded is bounded generously, because machines are shared."""

import unittest

import machine
import box
import stage
import uefi


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
