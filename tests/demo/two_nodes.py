# SPDX-License-Identifier: Apache-2.0
"""two_nodes.py PORT PORT CERTIFICATE KEY: a key is made at one server and fetched at the other."""

import os
import sys
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

import client  # noqa: E402  pylint: disable=wrong-import-position


class Place:
    """A server that runs already."""

    def __init__(self, port):
        self.address = ("127.0.0.1", port)


class Files:
    """A client's certificate and key in files."""

    def __init__(self, cert, key):
        self.name, self.cert, self.key = "demo", cert, key


def main(first, second, cert, key):
    """Create at one, all else at the other."""
    identity = Files(cert, key)
    with client.Connection(Place(int(first)), identity) as one, client.Connection(Place(int(second)), identity) as two:
        begin = time.monotonic()
        uid = one.create()
        made = time.monotonic()
        material = two.get(uid)
        fetched = time.monotonic()
        same = one.get(uid) == material
        two.one(client.ACTIVATE, client.uid_field(uid)).good()
        state = two.state(uid)
    print("Create at node 1: %s, %.0f ms" % (uid, (made - begin) * 1000))
    print("Get at node 2: %d bytes, %s, %.0f ms" % (len(material), "the same" if same else "OTHER BYTES",
                                                  (fetched - made) * 1000))
    print("Activate at node 2: State %s" % ("Active" if state == client.ACTIVE else state))
    return 0 if same and state == client.ACTIVE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
