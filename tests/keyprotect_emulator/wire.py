# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 on asyncio: reads requests, one after the other on a connection, and writes answers."""

import asyncio
import json
import socket
import struct
import urllib.parse

from errors import PHRASES

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024


class Request:
    """One request: method, path, query (first value of each name), headers (lower case), body."""

    __slots__ = ("method", "target", "path", "query", "headers", "body", "keep_alive", "peer", "started", "pattern")

    def __init__(self, method, target, version, headers):
        self.method = method
        self.target = target
        path, _, query = target.partition("?")
        self.path = urllib.parse.unquote(path)
        self.query = {name: values[0] for name, values in
                      urllib.parse.parse_qs(query, keep_blank_values=True).items()} if query else {}
        self.headers = headers
        self.body = b""
        wish = headers.get("connection", "").lower()
        self.keep_alive = wish != "close" and (version != "HTTP/1.0" or wish == "keep-alive")
        self.peer = "127.0.0.1"
        self.started = 0.0
        self.pattern = None


class Response:
    """One answer."""

    __slots__ = ("status", "body", "headers", "content_type")

    def __init__(self, status, body=b"", content_type="application/json", headers=None):
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers or {}

    def head(self, length, keep_alive, date, chunked=False):
        """Return the status line and headers for a body of this length."""
        lines = ["HTTP/1.1 %d %s" % (self.status, PHRASES.get(self.status, "Status"))]
        if date:
            lines.append("Date: " + date)
        if self.status != 204:
            if self.content_type and length:
                lines.append("Content-Type: " + self.content_type)
            lines.append("Transfer-Encoding: chunked" if chunked else "Content-Length: %d" % length)
        lines.extend("%s: %s" % item for item in self.headers.items())
        if not keep_alive:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def json_response(status, value, headers=None):
    """Return an answer with a JSON body."""
    return Response(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), headers=headers)


def reset(raw):
    """Make closing a socket reset its connection."""
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class BadRequest(Exception):
    """Bytes that are no HTTP/1.1 request."""


def parse_head(head):
    """Return the request whose head (without the empty line) this is."""
    lines = head.decode("latin-1").split("\r\n")
    try:
        method, target, version = lines[0].split(" ")
    except ValueError:
        raise BadRequest("request line") from None
    if not version.startswith("HTTP/1."):
        raise BadRequest("version")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise BadRequest("header")
        headers[name.strip().lower()] = value.strip()
    return Request(method, target, version, headers)


def read_chunks(buffer):
    """Return (body, bytes used) of a chunked body, None when it is not complete."""
    at, body = 0, b""
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        try:
            size = int(bytes(buffer[at:end]).split(b";")[0], 16)
        except ValueError:
            raise BadRequest("chunk") from None
        if size < 0 or len(body) + size > MAX_BODY_BYTES:
            raise BadRequest("chunk")
        at = end + 2
        if len(buffer) < at + size + 2:
            return None
        if size == 0:
            return body, at + 2
        body += bytes(buffer[at:at + size])
        at += size + 2


class Connection(asyncio.Protocol):
    """One connection. `serve(request, connection)` answers by calling send, drop or stop, at once or later."""

    def __init__(self, serve, connections, idle_limit=None):
        self._serve = serve
        self._connections = connections
        self._idle_limit = idle_limit
        self._idle_timer = None
        self._buffer = bytearray()
        self._waiting_for_body = None
        self._busy = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self._connections.add(self)
        self._watch_idle()

    def connection_lost(self, exc):
        self._connections.discard(self)
        if self._idle_timer:
            self._idle_timer.cancel()

    def _watch_idle(self):
        limit = self._idle_limit() if self._idle_limit else 0
        if limit:
            self._idle_timer = asyncio.get_running_loop().call_later(limit, self._end_idle)

    def _end_idle(self):
        if not self._busy:
            self.transport.close()

    def data_received(self, data):
        self._buffer += data
        self._next()

    def _next(self):
        """Serve the next request if it is complete and the one before is answered."""
        while not self._busy and self._buffer and not self.transport.is_closing():
            try:
                request = self._read()
            except BadRequest as error:
                self.send(Response(400, str(error).encode(), "text/plain"), False)
                return
            if request is None:
                return
            self._busy = True
            if self._idle_timer:
                self._idle_timer.cancel()
            self._serve(request, self)

    def _read(self):
        if self._waiting_for_body is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise BadRequest("head too long")
                return None
            self._waiting_for_body = parse_head(bytes(self._buffer[:end]))
            del self._buffer[:end + 4]
            if self._waiting_for_body.headers.get("expect", "").lower() == "100-continue":
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = self._waiting_for_body
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            found = read_chunks(self._buffer)
            if found is None:
                return None
            request.body, used = found
        else:
            used = self._length_of(request)
            if len(self._buffer) < used:
                return None
            request.body = bytes(self._buffer[:used])
        del self._buffer[:used]
        self._waiting_for_body = None
        return request

    @staticmethod
    def _length_of(request):
        text = request.headers.get("content-length", "0")
        if not text.isdigit() or int(text) > MAX_BODY_BYTES:
            raise BadRequest("Content-Length")
        return int(text)

    def send(self, response, keep_alive=True, date=None, only_head=False, chunked=False):
        """Write an answer and go on with the next request."""
        if self.transport.is_closing():
            return
        body = b"" if only_head or response.status == 204 else response.body
        chunked = chunked and bool(body)
        head = response.head(len(body), keep_alive, date, chunked)
        if chunked:
            half = max(1, len(body) // 2)
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:half], body[half:]) if part)
            body += b"0\r\n\r\n"
        self.transport.write(head + body)
        self._done(keep_alive)

    def send_raw(self, data, keep_alive):
        """Write bytes that are meant to be no proper answer."""
        if not self.transport.is_closing():
            self.transport.write(data)
            self._done(keep_alive)

    def _done(self, keep_alive):
        self._busy = False
        if not keep_alive:
            self.transport.close()
            return
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._next)
        else:
            self._watch_idle()

    def stop(self):
        """Close without an answer, as a server does that ends."""
        self.transport.close()

    def drop(self):
        """Reset the connection."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            reset(raw)
        self.transport.abort()


class Listener:
    """Accepts connections on the loopback interface, and can stop doing so."""

    def __init__(self, serve, port, tls=None, round_trip=None, idle_limit=None):
        self._serve = serve
        self._tls = tls
        self._round_trip = round_trip
        self._idle_limit = idle_limit
        self._socket = None
        self._task = None
        self._starting = set()
        self.connections = set()
        self.accepted = self.handshakes_failed = 0
        self.resets = False
        self.port = port
        self._open()

    def _open(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen(128)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]

    def start(self):
        """Accept connections, again if need be."""
        if self._socket is None:
            self._open()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._accept())

    def pause(self):
        """Leave new connections unanswered in the backlog."""
        if self._task:
            self._task.cancel()
            self._task = None

    def refuse(self):
        """Close the port, so that new connections are refused."""
        self.pause()
        if self._socket:
            self._socket.close()
            self._socket = None

    def drop_all(self):
        """Reset all open connections."""
        for connection in list(self.connections):
            connection.drop()

    async def _accept(self):
        loop = asyncio.get_running_loop()
        while True:
            accepted, _ = await loop.sock_accept(self._socket)
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            if self.resets:
                reset(accepted)
                accepted.close()
                continue
            task = loop.create_task(self._begin(accepted))
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _begin(self, accepted):
        loop = asyncio.get_running_loop()
        if self._round_trip and self._round_trip():
            # TCP takes one round trip and TLS 1.2 two; on the loopback interface both are immediate.
            await asyncio.sleep(3 * self._round_trip())
        options = {"ssl": self._tls(), "ssl_handshake_timeout": 10} if self._tls else {}
        try:
            await loop.connect_accepted_socket(
                lambda: Connection(self._serve, self.connections, self._idle_limit), accepted, **options)
        except (OSError, asyncio.TimeoutError):
            self.handshakes_failed += 1
            accepted.close()
