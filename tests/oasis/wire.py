# SPDX-License-Identifier: Apache-2.0
"""Connections to the server: TLS with a client certificate, one message each way."""

import socket
import ssl

import names
import ttlv

# No answer to a test case comes near this size; a larger length is a broken stream.
_LARGEST = 1 << 24


class Broken(Exception):
    """The connection failed or carried something that is no message."""


def context(certificate, key, authority=None):
    """Return a TLS context; without an authority the server is not verified."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        made.load_verify_locations(authority)
    made.load_cert_chain(certificate, key)
    return made


class Connection:
    """One connection, on which messages are asked and answered."""

    def __init__(self, address, tls, timeout):
        try:
            plain = socket.create_connection(address, timeout)
            self._socket = tls.wrap_socket(plain, server_hostname=address[0])
        except OSError as error:
            raise Broken("cannot connect: %s" % error) from error

    def _read(self, length):
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            if not part:
                raise Broken("the server closed the connection after %d of %d bytes"
                             % (len(data), length))
            data += part
        return data

    def ask(self, request):
        """Send a request and return the answer."""
        try:
            self._socket.sendall(ttlv.encode(request))
            head = self._read(8)
            length = int.from_bytes(head[4:], "big")
            if length > _LARGEST:
                raise Broken("an answer of %d bytes" % length)
            return ttlv.decode(head + self._read(length))
        except OSError as error:
            raise Broken("%s: %s" % (type(error).__name__, error)) from error
        except ttlv.Malformed as error:
            raise Broken("malformed answer: %s" % error) from error

    def close(self):
        """Close the connection; it does not matter whether the server still listens."""
        try:
            self._socket.close()
        except OSError:
            pass


def sender(request):
    """Return who sends a request: the user or device named in its credential, or ''."""
    value_tags = (names.tag_number("Username"), names.tag_number("Device Identifier"))
    header = request.find("Request Header")
    return next((item.value for item in header.walk() if item.tag in value_tags), "")


class Clients:
    """The clients of a case: one connection for each label and each credential.

    Cases of two clients do not always say which one sends a message.  A different
    credential or label means a different client; everything else is the same one.
    """

    def __init__(self, address, tls, identities, timeout):
        self._address = address
        self._tls = tls
        self._identities = identities
        self._timeout = timeout
        self._connections = {}

    def ask(self, label, request):
        """Send a request as the client that it belongs to, and return the answer."""
        who = sender(request)
        if (label, who) not in self._connections:
            tls = self._identities.get(who, self._tls)
            made = Connection(self._address, tls, self._timeout)
            self._connections[label, who] = made
        return self._connections[label, who].ask(request)

    def close(self):
        """Close all connections, so that the next case begins with new ones."""
        for connection in self._connections.values():
            connection.close()
        self._connections = {}
