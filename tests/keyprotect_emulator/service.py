# SPDX-License-Identifier: Apache-2.0
"""Serves Key Protect, IAM and the HPCS broker on one port, with counters, a log, delays and faults."""

import asyncio
import collections
import ipaddress
import time
import traceback
import uuid

import faults
import router
from call import Call
from clock import http_text
from errors import NO_ACCESS, NoAccess, NoSuchCall, Refusal, plain_error_body, refusal_body
from wire import Response, json_response

TOKEN_PATHS = ("/identity/token", "/oidc/token")
BROKER = "/crypto_v2/instances/"
REMEMBERED_REQUESTS = 2000


class Service:
    """The whole emulated cloud behind one port."""

    def __init__(self, iam, instance, settings, log):
        self.iam = iam
        self.instance = instance
        self.settings = settings
        self.faults = faults.Faults()
        self.port = 0
        self.counters = collections.Counter()
        self.history = collections.deque(maxlen=REMEMBERED_REQUESTS)
        self._log = log
        self._slow = set()

    # ---- one request ----

    def serve(self, request, connection):
        """Serve a request: at once, or in a task when it has to wait or fail."""
        request.started = time.monotonic()
        caller, why = self._caller(request)
        what, request.pattern = self._route_text(request)
        self.counters[request.pattern] += 1
        action = self.faults.pick(request, caller.name if caller else None) if self.faults.all else None
        trip = self.settings.round_trip_ms / 1000
        if action is None and not trip:
            self._send(request, connection, self.answer(request, caller, why))
            return
        task = asyncio.get_running_loop().create_task(
            self._serve_slowly(request, connection, action, trip, caller, why, what))
        self._slow.add(task)
        task.add_done_callback(self._slow.discard)

    async def _serve_slowly(self, request, connection, action, trip, caller, why, what):
        sent = []

        def send(response, chunked=False):
            sent.append(response.status)
            self._send(request, connection, response, chunked)

        def answer():
            return self.answer(request, caller, why)

        try:
            await asyncio.sleep(trip / 2)
            if action is None:
                response = answer()
                await asyncio.sleep(trip / 2)
                send(response)
            else:
                await faults.serve(action, request, connection, answer, send, what)
                if not sent:
                    self._note(request, "fault")
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            connection.drop()

    def _send(self, request, connection, response, chunked=False):
        response.headers.setdefault("Correlation-Id", request.headers.get("correlation-id") or str(uuid.uuid4()))
        date = http_text(self.instance.clock.now() + self.settings.date_skew) if self.settings.send_date else None
        self._note(request, response.status)
        connection.send(response, request.keep_alive, date, request.method == "HEAD",
                        chunked or self.settings.chunked)

    def _note(self, request, status):
        took = (time.monotonic() - request.started) * 1000
        self.history.append((request.method, request.target, status))
        self._log.write("%s %s %s %.1f\n" % (request.method, request.target, status, took))

    def _route_text(self, request):
        """Return what could not be done if this fails, and the name under which it is counted."""
        if request.path in TOKEN_PATHS:
            return "Token could not be created", request.method + " " + request.path
        if request.path.startswith(BROKER):
            return "Instance could not be retrieved", request.method + " " + BROKER + "{id}"
        try:
            route, _ = router.find(request)
        except NoSuchCall:
            return "Resource could not be retrieved", request.method + " (unknown)"
        return route.what, route.method + " " + route.pattern

    # ---- answers ----

    def answer(self, request, caller, why):
        """Let a request take effect and return its answer."""
        what = "Request could not be performed"
        try:
            if request.path in TOKEN_PATHS and request.method == "POST":
                return json_response(*self.iam.token(request.body))
            if self.instance.hpcs and request.path.startswith(BROKER):
                return self._broker(request, caller)
            route, parameters = router.find(request)
            what = route.what
            return self._call(request, route, parameters, caller, why)
        except Refusal as refusal:
            return Response(refusal.status, refusal_body(refusal, what))
        except NoAccess:
            return Response(401, plain_error_body(NO_ACCESS))
        except NoSuchCall:
            return Response(404, plain_error_body("Not Found: The requested resource could not be found"))
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            return Response(500, plain_error_body("Internal Server Error: the emulator failed"))

    def _call(self, request, route, parameters, caller, why):
        if caller is None and (why == "malformed" or (why == "expired" and self.settings.expired_token_status == 400)):
            raise Refusal("BEARER_SUB_EXTRACTION_ERR")
        if caller is None or request.headers.get("bluemix-instance") != self.instance.id:
            raise NoAccess
        self._check_network(request)
        if route.roles is not None and not caller.has_role(route.roles):
            raise NoAccess
        call = Call(self.instance, caller, request, route, parameters)
        if route.on_key:
            call.find_key()
        return route.handler(call)

    def _caller(self, request):
        """Return (API key, None) or (None, why)."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None, "absent"
        return self.iam.caller(token.strip())

    def _check_network(self, request):
        """Refuse callers outside the networks that the instance policies allow."""
        policies = self.instance.policies
        network = policies.get("allowedNetwork")
        if network and network["policy_data"]["enabled"]:
            is_private = self.settings.network == "private" or request.headers.get("host", "").startswith("private.")
            if network["policy_data"].get("attributes", {}).get("allowed_network") == "private-only" and not is_private:
                raise NoAccess
        addresses = policies.get("allowedIP")
        if addresses and addresses["policy_data"]["enabled"]:
            peer = ipaddress.ip_address(request.peer)
            allowed = addresses["policy_data"].get("attributes", {}).get("allowed_ip", [])
            if not any(peer in ipaddress.ip_network(one, strict=False) for one in allowed):
                raise NoAccess

    def _broker(self, request, caller):
        """Tell where the KMS API of an HPCS instance is."""
        if caller is None or request.method != "GET":
            raise NoAccess
        if request.path[len(BROKER):] != self.instance.id:
            raise NoSuchCall
        here = "localhost:%d" % self.port
        return json_response(200, {"instance_id": self.instance.id, "kms": {"public": here, "private": here},
                                   "ep11": {"public": here, "private": here}})
