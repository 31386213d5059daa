# SPDX-License-Identifier: Apache-2.0
"""Power cuts of a box under load, on a disk that loses what was not flushed (CUTS=200 for all of them)."""

import os
import random
import time
import unittest

import machine
import box
import cutdisk
import load
import stage

SOME = 40    # older keys that are asked for after each cut, beside all new ones
ALL = 25     # after so many cuts, all keys


def say(text):
    """A line of the report."""
    print("    " + text, flush=True)


class Cuts:
    """One run: its dice, its disk, and what it has seen."""

    def __init__(self, dice):
        self.identity, self.dice = stage.vcenter(), dice
        self.disk = cutdisk.CutDisk(stage.fresh(), box.file_name("nbd"), dice)
        self.known, self.unchecked = {}, set()
        self.times, self.wrong, self.operations = [], [], 0

    def boot(self):
        """A machine, switched on."""
        return machine.Machine(machine.drive(self.disk.url()))

    def begin(self):
        """Set up a box."""
        with self.boot() as run:
            stage.set_up_by_script(run.console)
            load.connect(run, self.identity).close()
        self.disk.cut()

    def check(self, run, everything):
        """After a cut: are the keys there?"""
        older = [uid for uid in self.known if uid not in self.unchecked]
        older = older if everything else self.dice.sample(older, min(SOME, len(older)))
        sample = list(self.unchecked) + older
        found = load.check(run, self.identity, self.known, sample)
        self.unchecked.clear()
        self.wrong += found
        return "%3d asked for%s" % (len(sample), "; WRONG: " + "; ".join(found) if found else "")

    def while_booting(self, number):
        """A cut at any time of the boot."""
        with self.boot():
            time.sleep(self.dice.uniform(0.5, 7))
        say("cut %3d, booting : %s" % (number, self.lose()))

    def under_load(self, number):
        """A cut at any time, or just before something is flushed."""
        before = set(self.known)
        with self.boot() as run:
            load.connect(run, self.identity).close()
            self.times.append(run.seconds())
            text = self.check(run, number % ALL == 0)
            running = load.Load(run, self.identity, self.known).start()
            at_flush = self.dice.random() < 0.6
            if at_flush:
                self.disk.freeze_at(self.dice.randrange(1, 50))
                self.disk.wait_frozen(20)
            else:
                time.sleep(self.dice.uniform(0.2, 3))
            run.power_cut()
            running.stop()
            self.operations += running.count
        self.unchecked = {uid for uid in self.known
                          if uid not in before or isinstance(self.known[uid], tuple)}
        say("cut %3d, %s: %4d keys acknowledged, %s; %s" % (
            number, "flushing" if at_flush else "loaded  ", len(self.known), text, self.lose()))

    def lose(self):
        """The disk after the cut."""
        kept, lost = self.disk.cut()
        return "%d pieces not flushed were kept, %d lost" % (kept, lost)

    def end(self):
        """All keys once more, and the box's own view."""
        with self.boot() as run:
            say("at the end: %s" % self.check(run, True))
            run.console.script_login()
            run.console.run("test serving", seconds=box.LONG)
            boots = run.console.run("show boot")
        self.disk.close()
        assert not self.wrong, "\n".join(self.wrong)
        assert "power" in boots, boots
        assert self.disk.refused is None, "the disk does not know command %s" % self.disk.refused
        times = sorted(self.times)
        say("%d operations, %d flushes; not flushed at a cut: %d pieces kept, %d lost; port open after %.1f s, "
                 "at the longest %.1f s" % (self.operations, self.disk.flushes, self.disk.kept, self.disk.lost,
                                            times[len(times) // 2], times[-1]))


class PowerCuts(unittest.TestCase):
    """CUTS times."""

    def test_no_acknowledged_key_is_lost(self):
        """Whatever was not flushed."""
        count = int(os.environ.get("CUTS", "6"))
        seed = int(os.environ.get("SEED", str(random.SystemRandom().randrange(1 << 32))))
        say("%d cuts, SEED=%d" % (count, seed))
        run = Cuts(random.Random(seed))
        run.begin()
        for number in range(1, count + 1):
            if number > 1 and run.dice.random() < 0.15:
                run.while_booting(number)
            else:
                run.under_load(number)
        run.end()
