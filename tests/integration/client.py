# SPDX-License-Identifier: Apache-2.0
"""A KMIP client that is as careful or as careless as a test wants."""

import os
import socket
import ssl
import sys
import threading
import time

import world

sys.path.append(os.path.join(world.ROOT, "tests", "oasis"))

import names  # noqa: E402  pylint: disable=wrong-import-position
import ttlv  # noqa: E402  pylint: disable=wrong-import-position

Malformed = ttlv.Malformed

CREATE, REGISTER, LOCATE, GET, GET_ATTRIBUTES = 0x01, 0x03, 0x08, 0x0A, 0x0B
ADD_ATTRIBUTE, ACTIVATE, REVOKE, DESTROY, QUERY, DISCOVER_VERSIONS = 0x0D, 0x12, 0x13, 0x14, 0x18, 0x1E
SUCCESS, FAILED = 0, 1
PRE_ACTIVE, ACTIVE, DEACTIVATED, COMPROMISED = 1, 2, 3, 4
(ITEM_NOT_FOUND, RESPONSE_TOO_LARGE, AUTHENTICATION_NOT_SUCCESSFUL, INVALID_MESSAGE, ILLEGAL_OPERATION,
 PERMISSION_DENIED, GENERAL_FAILURE) = (0x01, 0x02, 0x03, 0x04, 0x0B, 0x0C, 0x100)


# ---- TTLV, in the words of the specification ----

def structure(tag, *items):
    """A Structure; items that are None are left out."""
    return ttlv.Item(names.tag_number(tag), ttlv.STRUCTURE, [item for item in items if item is not None])


def integer(tag, value):
    """An Integer."""
    return ttlv.Item(names.tag_number(tag), ttlv.INTEGER, value)


def enumeration(tag, value):
    """An Enumeration."""
    return ttlv.Item(names.tag_number(tag), ttlv.ENUMERATION, value)


def text(tag, value):
    """A Text String."""
    return ttlv.Item(names.tag_number(tag), ttlv.TEXT_STRING, value)


def octets(tag, value):
    """A Byte String."""
    return ttlv.Item(names.tag_number(tag), ttlv.BYTE_STRING, value)


def attribute(name, kind, value):
    """An Attribute with its value made by integer, enumeration, text ..."""
    return structure("Attribute", text("Attribute Name", name), kind("Attribute Value", value))


def uid_field(uid):
    """The Unique Identifier of a payload."""
    return text("Unique Identifier", uid)


# ---- messages ----

def batch_id(number):
    """The Unique Batch Item ID of vCenter's library."""
    return b"QLKC" + number.to_bytes(4, "little")


def credential(user, password):
    """An Authentication of the type Username and Password."""
    return structure("Authentication", structure(
        "Credential", enumeration("Credential Type", 1),
        structure("Credential Value", text("Username", user), text("Password", password))))


def item(operation, *payload, number=1):
    """A Batch Item; number 0 means without an ID."""
    return structure("Batch Item", enumeration("Operation", operation),
                     octets("Unique Batch Item ID", batch_id(number)) if number else None,
                     structure("Request Payload", *payload))


def message(*items, minor=1, authentication=None, count=None):
    """A Request Message."""
    return structure(
        "Request Message",
        structure("Request Header",
                  structure("Protocol Version", integer("Protocol Version Major", 1),
                            integer("Protocol Version Minor", minor)),
                  authentication, integer("Batch Count", len(items) if count is None else count)),
        *items)


def create_payload(length=256):
    """What Create of vCenter asks for."""
    return (enumeration("Object Type", 2),
            structure("Template-Attribute", attribute("Cryptographic Algorithm", enumeration, 3),
                      attribute("Cryptographic Usage Mask", integer, 0x0C),
                      attribute("Cryptographic Length", integer, length)))


def register_payload(material, algorithm=3):
    """Register of a symmetric key with this material."""
    return (enumeration("Object Type", 2),
            structure("Template-Attribute", attribute("Cryptographic Usage Mask", integer, 0x0C)),
            structure("Symmetric Key", structure(
                "Key Block", enumeration("Key Format Type", 1),
                structure("Key Value", octets("Key Material", material)),
                enumeration("Cryptographic Algorithm", algorithm),
                integer("Cryptographic Length", len(material) * 8))))


class Answer:
    """One item of a Response Message."""

    def __init__(self, found):
        self.operation = found.get("Operation")
        self.id = found.get("Unique Batch Item ID")
        self.status = found.get("Result Status")
        self.reason = found.get("Result Reason")
        self.text = found.get("Result Message")
        self.payload = found.find("Response Payload")
        self.item = found

    def good(self):
        """Raise an AssertionError unless it is a Success. Returns self."""
        if self.status != SUCCESS:
            raise AssertionError("refused: reason %s, %s" % (self.reason, self.text))
        return self

    @property
    def uid(self):
        """The Unique Identifier of the payload."""
        return self.payload.get("Unique Identifier")

    @property
    def material(self):
        """The Key Material of the payload."""
        return next(found.value for found in self.payload.walk() if found.tag == names.tag_number("Key Material"))

    @property
    def attributes(self):
        """The Attributes of the payload as a dictionary."""
        return {found.get("Attribute Name"): found.get("Attribute Value")
                for found in self.payload.find_all("Attribute")}


def answers_of(response):
    """The items of a Response Message, whose header has to be right."""
    header = response.find("Response Header")
    items = [Answer(found) for found in response.find_all("Batch Item")]
    if header is None or header.find("Time Stamp") is None or header.get("Batch Count") != len(items):
        raise AssertionError("not a whole Response Message: %s" % ttlv.value_text(response))
    return items


# ---- connections ----

_contexts = {}


def context(identity=None, setup=None):
    """A TLS context that presents the identity; `setup` may change it, then it is not kept."""
    key = identity.name if identity else None
    if setup is None and key in _contexts:
        return _contexts[key]
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if identity is not None:
        made.load_cert_chain(identity.cert, identity.key)
    if setup is not None:
        setup(made)
    else:
        _contexts[key] = made
    return made


def plain_socket(server, receive_buffer=None, timeout=world.PATIENCE):
    """A TCP connection to the server."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.settimeout(timeout)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        made.connect(server.address)
    except OSError:
        made.close()
        raise
    return made


class Closed(Exception):
    """The server has closed the connection, or broken it."""


class Connection:
    """One TLS connection."""

    def __init__(self, server, identity=None, session=None, tls=None, receive_buffer=None, timeout=world.PATIENCE):
        plain = plain_socket(server, receive_buffer, timeout)
        try:
            self.tls = (tls or context(identity)).wrap_socket(plain, session=session)
        except OSError as error:
            plain.close()
            raise Closed("handshake: %s" % error) from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        """Send bytes, which have no need to be a message."""
        try:
            self.tls.sendall(data)
        except socket.timeout as error:
            raise AssertionError("the server neither takes bytes nor closes") from error
        except OSError as error:
            raise Closed(str(error)) from error

    def _read(self, length):
        data = b""
        while len(data) < length:
            try:
                part = self.tls.recv(length - len(data))
            except socket.timeout as error:
                raise AssertionError("no answer and no end within %s seconds" % self.tls.gettimeout()) from error
            except OSError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed("after %d of %d bytes" % (len(data), length))
            data += part
        return data

    def receive(self):
        """Return the items of the next answer."""
        head = self._read(8)
        length = int.from_bytes(head[4:], "big")
        if head[:4] != b"\x42\x00\x7b\x01" or length > 1 << 20:
            raise AssertionError("this is no Response Message: %s" % head.hex())
        return answers_of(ttlv.decode(head + self._read(length)))

    def ask(self, *items, **more):
        """Send a message of Batch Items, and return the items of the answer."""
        self.send(ttlv.encode(message(*items, **more)))
        return self.receive()

    def one(self, operation, *payload, **more):
        """Ask one operation and return its Answer."""
        return self.ask(item(operation, *payload), **more)[0]

    def create(self):
        """Create a key as vCenter does; its Unique Identifier."""
        return self.one(CREATE, *create_payload()).good().uid

    def register(self, material):
        """Register a symmetric key; its Unique Identifier."""
        return self.one(REGISTER, *register_payload(material)).good().uid

    def get(self, uid):
        """Return the key material."""
        return self.one(GET, uid_field(uid)).good().material

    def state(self, uid):
        """Return the State."""
        return self.one(GET_ATTRIBUTES, uid_field(uid), text("Attribute Name", "State")).good().attributes["State"]

    def ended(self):
        """Wait for the end of the connection. Whether it came before the socket's timeout."""
        try:
            while self.tls.recv(65536):
                continue
        except socket.timeout:
            return False
        except OSError:
            return True
        return True

    def close(self):
        """Close it, without a word."""
        self.tls.close()

    def goodbye(self):
        """Close it in order, with close_notify first."""
        try:
            self.tls.unwrap()
        except OSError:
            pass
        self.tls.close()


def refused(server, identity, tls=None):
    """Whether the server refuses this certificate. With TLS 1.2 the handshake itself fails."""
    try:
        with Connection(server, identity, tls=tls) as connection:
            connection.one(DISCOVER_VERSIONS)
    except Closed:
        return True
    return False


class Witness:
    """A client in the background that gets one key again and again while others misbehave."""

    def __init__(self, server, identity, uid, expected, pause=0.001):
        self._connection = Connection(server, identity)
        self._uid, self._expected, self._pause = uid, expected, pause
        self.times = []
        self.error = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._stop.is_set():
                begin = time.monotonic()
                if self._connection.get(self._uid) != self._expected:
                    raise AssertionError("another key")
                self.times.append(time.monotonic() - begin)
                self._stop.wait(self._pause)
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._stop.set()
        self._thread.join(world.PATIENCE)
        self._connection.close()
        if kind is None and self.error is not None:
            raise AssertionError("the other client was not served: %r" % self.error) from self.error

    def percentile(self, percent):
        """The time of an exchange, in seconds."""
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    def longest(self):
        """The longest exchange, in seconds; the one that is under way counts."""
        count = len(self.times)
        world.wait_for(lambda: len(self.times) > count or not self._thread.is_alive(), "another exchange", pause=0.001)
        if self.error is not None:
            raise AssertionError("the other client was not served: %r" % self.error) from self.error
        return max(self.times)
