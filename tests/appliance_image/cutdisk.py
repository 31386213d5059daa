# SPDX-License-Identifier: Apache-2.0
"""A disk for QEMU that loses what was not flushed when its power is cut.

An NBD server (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md) on a Unix socket. Writes are kept
in memory until the guest flushes; `cut` lets a random part of them reach the file, in pieces of a sector or of 4 KiB,
and forgets the others. So later writes may survive earlier ones, as behind the cache of a real disk.
"""

import os
import socket
import struct
import threading

MAGIC, OPTION_MAGIC, REPLY_MAGIC = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
REQUEST, ANSWER = 0x25609513, 0x67446698
EXPORT_NAME, ABORT, INFO, GO = 1, 2, 6, 7
READ, WRITE, DISCONNECT, FLUSH, TRIM, WRITE_ZEROES = 0, 1, 2, 3, 4, 6
FLAGS = 1 | 4 | 8 | 32     # has flags, flush, FUA, trim
FUA = 1                    # of a command
UNSUPPORTED = 0x80000001


class CutDisk:
    """One disk: its file, its socket, and what is not flushed yet."""

    def __init__(self, path, where, random):
        self.path, self.where, self._random = path, where, random
        self._file = os.open(path, os.O_RDWR)
        self.size = os.fstat(self._file).st_size
        self._waiting = []     # (offset, bytes), oldest first
        self._countdown = 0    # flushes until it stands still; 0: it does not
        self._frozen = threading.Event()
        self._gone = threading.Event()
        self._gone.set()
        self.flushes = self.lost = self.kept = 0
        self.refused = None    # a command that was not understood
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(where)
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def freeze_at(self, number):
        """Stand still at the flush with this number from now on, before it is done, until `cut`."""
        self._frozen.clear()
        self._countdown = number

    def wait_frozen(self, timeout):
        """Wait until it stands still; whether it does."""
        return self._frozen.wait(timeout)

    def url(self):
        """As QEMU names it."""
        return "nbd+unix:///?socket=" + self.where

    def cut(self):
        """After the machine was killed: what was not flushed is lost in part. Returns (kept, lost) pieces."""
        if not self._gone.wait(20):
            raise AssertionError("the killed machine still holds its disk")
        piece = self._random.choice((512, 4096, 4096))
        chance = self._random.choice((0.0, 0.3, 0.7, 0.95))
        kept = lost = 0
        for offset, data in self._waiting:
            for at in range(0, len(data), piece):
                if self._random.random() < chance:
                    os.pwrite(self._file, data[at:at + piece], offset + at)
                    kept += 1
                else:
                    lost += 1
        self._waiting.clear()
        self._countdown = 0
        self._frozen.clear()
        self.kept += kept
        self.lost += lost
        return kept, lost

    def close(self):
        """No more machines."""
        self._listener.close()
        os.close(self._file)

    # ---- the protocol ----

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._gone.clear()
            try:
                with connection:
                    if self._greet(connection):
                        while self._one(connection):
                            pass
            except (OSError, EOFError):
                pass
            self._gone.set()

    @staticmethod
    def _take(connection, length):
        data = bytearray()
        while len(data) < length:
            part = connection.recv(length - len(data))
            if not part:
                raise EOFError
            data += part
        return bytes(data)

    def _greet(self, connection):
        connection.sendall(struct.pack(">QQH", MAGIC, OPTION_MAGIC, 3))
        flags, = struct.unpack(">I", self._take(connection, 4))
        while True:
            _, option, length = struct.unpack(">QII", self._take(connection, 16))
            self._take(connection, length)
            if option == EXPORT_NAME:
                connection.sendall(struct.pack(">QH", self.size, FLAGS) + (b"" if flags & 2 else bytes(124)))
                return True
            if option in (GO, INFO):
                connection.sendall(struct.pack(">QIIIHQH", REPLY_MAGIC, option, 3, 12, 0, self.size, FLAGS))
                connection.sendall(struct.pack(">QIII", REPLY_MAGIC, option, 1, 0))
                if option == GO:
                    return True
            else:
                connection.sendall(struct.pack(">QIII", REPLY_MAGIC, option, 1 if option == ABORT else UNSUPPORTED, 0))
                if option == ABORT:
                    return False

    def _read(self, offset, length):
        data = bytearray(os.pread(self._file, length, offset))
        for at, written in self._waiting:
            begin, end = max(at, offset), min(at + len(written), offset + length)
            if begin < end:
                data[begin - offset:end - offset] = written[begin - at:end - at]
        return bytes(data)

    def _flush(self):
        for offset, data in self._waiting:
            os.pwrite(self._file, data, offset)
        self._waiting.clear()
        self.flushes += 1

    def _stand_still(self, connection):
        self._frozen.set()
        while connection.recv(65536):
            pass
        return False

    def _one(self, connection):
        magic, flags, kind, handle, offset, length = struct.unpack(">IHHQQI", self._take(connection, 28))
        if magic != REQUEST or kind == DISCONNECT:
            return False
        answer, error = b"", 0
        if kind == FLUSH and self._countdown:
            self._countdown -= 1
            if self._countdown == 0:
                return self._stand_still(connection)
        if kind == READ:
            answer = self._read(offset, length)
        elif kind == WRITE:
            self._waiting.append((offset, self._take(connection, length)))
            if flags & FUA:
                self._flush()
        elif kind == FLUSH:
            self._flush()
        elif kind != TRIM:
            self.refused, error = kind, 22
        connection.sendall(struct.pack(">IIQ", ANSWER, error, handle) + answer)
        return True
