# SPDX-License-Identifier: Apache-2.0
"""A KMIP client that remembers what was acknowledged, and asks for it later."""

import os
import random
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))

import client  # noqa: E402  pylint: disable=wrong-import-position

GONE = "gone"
PATIENCE = 240    # seconds


def connect(server, identity, stopped=lambda: False):
    """A connection to a server that may be starting."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            made = client.Connection(server, identity, timeout=10)
            made.tls.settimeout(PATIENCE)
            return made
        except (client.Closed, OSError) as error:
            if stopped() or time.monotonic() > end:
                raise client.Closed("the server does not answer: %s" % error) from error
            time.sleep(0.1)


class Load:
    """Every key that the server said it has: Unique Identifier to material, GONE, or None when it is not known.

    A Destroy whose answer never came has happened or not: ("perhaps", material).
    """

    def __init__(self, server, identity, known):
        self.server, self.identity, self.known = server, identity, known
        self.count = 0
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        """Begin. Returns self."""
        self._thread.start()
        return self

    def stop(self):
        """After the cut."""
        self._stop.set()
        self._thread.join(60)
        if self._thread.is_alive():
            raise AssertionError("the client hangs")
        if self.error is not None:
            raise self.error

    def _run(self):
        try:
            with connect(self.server, self.identity, self._stop.is_set) as connection:
                while not self._stop.is_set():
                    self._one(connection)
                    self.count += 1
        except (client.Closed, OSError):
            pass    # the cut
        except BaseException as error:  # pylint: disable=broad-except
            self.error = None if self._stop.is_set() else error

    def _one(self, connection):
        choice = random.random()
        alive = [uid for uid, material in list(self.known.items())[-200:] if material not in (GONE, None)]
        if choice < 0.55 or not alive:
            uid = connection.create()
            self.known[uid] = None
            self.known[uid] = connection.get(uid)
        elif choice < 0.8:
            material = os.urandom(32)
            self.known[connection.register(material)] = material
        elif choice < 0.9:
            uid = random.choice(alive)
            if connection.get(uid) != self.known[uid]:
                raise AssertionError("%s has another material" % uid)
        else:
            uid = random.choice(alive)
            before = self.known[uid]
            self.known[uid] = None    # until it is answered, either is right
            try:
                connection.one(client.DESTROY, client.uid_field(uid)).good()
            except client.Closed:
                self.known[uid] = ("perhaps", before)
                raise
            self.known[uid] = GONE


def check(server, identity, known, sample):
    """Ask for the keys of the sample; what is wrong, as lines."""
    wrong = []
    with connect(server, identity) as connection:
        for uid in sample:
            material = known[uid]
            answer = connection.one(client.GET, client.uid_field(uid))
            found = answer.material if answer.status == client.SUCCESS else None
            if isinstance(material, tuple):
                known[uid] = GONE if found is None else material[1]
                if found not in (None, material[1]):
                    wrong.append("%s has another material" % uid)
            elif material == GONE:
                if found is not None:
                    wrong.append("%s was destroyed, and is there" % uid)
            elif found is None:
                wrong.append("%s was acknowledged, and is not there: %s" % (uid, answer.text))
            elif material is None:
                known[uid] = found
            elif found != material:
                wrong.append("%s has another material" % uid)
    return wrong
