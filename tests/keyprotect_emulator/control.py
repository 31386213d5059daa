# SPDX-License-Identifier: Apache-2.0
"""The control port: JSON over plain HTTP; what the cloud's administrator, fate and the tests' eyes do."""

import base64
import json
import re
import traceback

import instance as rules
import key_calls
from clock import date_text
from errors import PHRASES, Refusal
from iam import ROLES
from wire import Response, json_response



class Wrong(Exception):
    """A request of a test that makes no sense; the text says why."""

    def __init__(self, text, status=400):
        super().__init__(text)
        self.status = status


def fields_of(request, known):
    """Return the JSON object of a body; unknown members are mistakes of the test."""
    try:
        value = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Wrong("not JSON: %s" % error) from None
    if not isinstance(value, dict) or (known is not None and set(value) - set(known)):
        raise Wrong("known members: " + ", ".join(known or ()))
    return value


class Control:
    """Answers the requests of the control port."""

    def __init__(self, service, apply_settings, drop_connections, network_counters):
        self._service = service
        self._apply_settings = apply_settings
        self._drop_connections = drop_connections
        self._network_counters = network_counters
        self._routes = [(method, re.compile(shape), handler) for method, shape, handler in (
            ("GET", r"/state", self._state),
            ("GET", r"/counters", self._counters),
            ("POST", r"/reset-counters", self._reset_counters),
            ("GET", r"/requests", self._requests),
            ("GET", r"/settings", self._settings),
            ("POST", r"/settings", self._change_settings),
            ("POST", r"/clock", self._advance),
            ("GET", r"/faults", self._list_faults),
            ("POST", r"/faults", self._add_fault),
            ("DELETE", r"/faults(?:/(\d+))?", self._remove_faults),
            ("POST", r"/drop-connections", self._drop),
            ("POST", r"/forget-tokens", self._forget_tokens),
            ("GET", r"/api-keys", self._list_api_keys),
            ("POST", r"/api-keys", self._add_api_key),
            ("POST", r"/api-keys/([^/]+)", self._change_api_key),
            ("DELETE", r"/api-keys/([^/]+)", self._delete_api_key),
            ("GET", r"/keys", self._list_keys),
            ("POST", r"/keys", self._add_keys),
            ("GET", r"/keys/([^/]+)", self._show_key),
            ("POST", r"/keys/([^/]+)/(disable|enable|delete|restore|purge|expire|unexpire|rotate)", self._change_key),
            ("POST", r"/registrations", self._add_registration),
            ("DELETE", r"/registrations", self._remove_registrations),
            ("POST", r"/instance-policies", self._set_policy),
        )]

    def serve(self, request, connection):
        """Answer one request."""
        try:
            response = self._answer(request)
        except Wrong as error:
            response = json_response(error.status, {"error": str(error)})
        except Refusal as refusal:
            response = json_response(refusal.status, {"error": refusal.message or PHRASES[refusal.status],
                                                      "code": refusal.code})
        except Exception:  # pylint: disable=broad-except
            traceback.print_exc()
            response = json_response(500, {"error": traceback.format_exc().splitlines()[-1]})
        connection.send(response, request.keep_alive)

    def _answer(self, request):
        for method, shape, handler in self._routes:
            found = shape.fullmatch(request.path)
            if found and method == request.method:
                result = handler(request, *found.groups())
                return result if isinstance(result, Response) else json_response(200, result)
        raise Wrong("no such call: %s %s" % (request.method, request.path), 404)

    # ---- what is ----

    def _state(self, _request):
        home = self._service.instance
        return {"instance_id": home.id, "region": home.region, "hpcs": home.hpcs, "port": self._service.port,
                "time": date_text(home.clock.now()), "clock_ahead": home.clock.ahead,
                "settings": self._service.settings.as_json(), "keys": [self._key(key) for key in home.keys.values()],
                "key_rings": list(home.rings.values()), "instance_policies": list(home.policies.values()),
                "registrations": home.registrations,
                "adapters": [one.shown for one in home.adapters.values()],
                "api_keys": [one.as_json() for one in self._service.iam.api_keys],
                "faults": [fault.as_json() for fault in self._service.faults.all]}

    def _key(self, key):
        home = self._service.instance
        shown = home.key_json(key)
        shown["versions"] = [version.as_json() for version in key.versions]
        return shown

    def _counters(self, _request):
        counters = self._service.counters
        return {"total": sum(counters.values()), "requests": dict(sorted(counters.items())),
                "network": self._network_counters()}

    def _reset_counters(self, _request):
        self._service.counters.clear()
        self._service.history.clear()
        self._network_counters(reset=True)
        return {}

    def _requests(self, _request):
        return {"requests": [{"method": method, "target": target, "status": status}
                             for method, target, status in self._service.history]}

    # ---- settings, clock, faults ----

    def _settings(self, _request):
        return self._service.settings.as_json()

    def _change_settings(self, request):
        wanted = fields_of(request, None)
        try:
            self._service.settings.change(wanted)
        except ValueError as error:
            raise Wrong(str(error)) from None
        self._apply_settings(wanted)
        return self._service.settings.as_json()

    def _advance(self, request):
        clock = self._service.instance.clock
        clock.ahead += fields_of(request, ("advance",)).get("advance", 0)
        return {"time": date_text(clock.now()), "clock_ahead": clock.ahead}

    def _list_faults(self, _request):
        return {"faults": [fault.as_json() for fault in self._service.faults.all]}

    def _add_fault(self, request):
        try:
            return self._service.faults.add(fields_of(request, None)).as_json()
        except (ValueError, TypeError, re.error) as error:
            raise Wrong(str(error)) from None

    def _remove_faults(self, _request, number):
        return {"removed": self._service.faults.remove(int(number) if number else None)}

    def _drop(self, _request):
        return {"dropped": self._drop_connections()}

    def _forget_tokens(self, _request):
        self._service.iam.forget_tokens()
        return {}

    # ---- API keys ----

    def _list_api_keys(self, _request):
        return {"api_keys": [one.as_json() for one in self._service.iam.api_keys]}

    def _checked_roles(self, fields):
        roles = fields.get("roles", [])
        if not isinstance(roles, list) or set(roles) - ROLES:
            raise Wrong("roles are: " + ", ".join(sorted(ROLES)))
        return roles

    def _add_api_key(self, request):
        fields = fields_of(request, ("name", "roles", "key_rings", "value"))
        return self._service.iam.add(fields.get("name", "unnamed"), self._checked_roles(fields),
                                     fields.get("key_rings"), fields.get("value")).as_json()

    def _find_api_key(self, name):
        api_key = self._service.iam.find(name)
        if api_key is None:
            raise Wrong("no such API key", 404)
        return api_key

    def _change_api_key(self, request, name):
        api_key = self._find_api_key(name)
        fields = fields_of(request, ("roles", "key_rings", "disabled", "locked", "user_inactive"))
        if "roles" in fields:
            api_key.roles = frozenset(self._checked_roles(fields))
        if "key_rings" in fields:
            api_key.key_rings = None if fields["key_rings"] is None else frozenset(fields["key_rings"])
        for flag in ("disabled", "locked", "user_inactive"):
            if flag in fields:
                setattr(api_key, flag, bool(fields[flag]))
        return api_key.as_json()

    def _delete_api_key(self, _request, name):
        api_key = self._find_api_key(name)
        if api_key.locked:
            raise Wrong("the API key is locked", 409)
        api_key.deleted = True
        return api_key.as_json()

    # ---- keys, without the rules of time, state and role ----

    def _list_keys(self, _request):
        return {"keys": [self._key(key) for key in self._service.instance.keys.values()]}

    def _add_keys(self, request):
        fields = fields_of(request, tuple(key_calls.OVERRIDE_MEMBERS) + ("keyRingID", "count"))
        count, ring = fields.pop("count", 1), fields.pop("keyRingID", "default")
        home, made = self._service.instance, []
        if ring not in home.rings:
            raise Wrong("no such key ring", 404)
        for number in range(count):
            one = dict(fields)
            if count > 1:
                one["name"] = "%s%d" % (fields["name"], number)
            made.append(key_calls.new_key(home, one, ring, "iam-ServiceId-control"))
        return {"keys": [self._key(key) for key in made]}

    def _show_key(self, _request, name):
        home = self._service.instance
        key = home.find(name)
        shown = self._key(key)
        if key.sealed is not None:
            shown["payload"] = base64.b64encode(home.vault.open(key.sealed, key.id)).decode()
        return shown

    def _change_key(self, request, name, change):
        home = self._service.instance
        key = home.find(name)
        if change == "disable":
            home.change_state(key, rules.SUSPENDED)
        elif change == "enable":
            home.change_state(key, rules.ACTIVE)
        elif change == "delete":
            home.delete(key, "iam-ServiceId-control")
        elif change == "restore":
            home.restore(key)
        elif change == "purge":
            home.purge(key)
            return {"id": key.id}
        elif change == "expire":
            key.expires = home.clock.now() + fields_of(request, ("in",)).get("in", -1)
        elif change == "unexpire":
            key.expires = None
        else:
            if key.extractable:
                raise Wrong("only root keys have versions")
            payload = fields_of(request, ("payload",)).get("payload")
            home.rotate(key, base64.b64decode(payload) if payload else None)
        return self._key(key)

    def _add_registration(self, request):
        fields = fields_of(request, ("key", "resourceCrn", "preventKeyDeletion", "description"))
        home = self._service.instance
        key = home.find(fields.get("key", ""))
        now = date_text(home.clock.now())
        one = {"keyId": key.id, "createdBy": "iam-ServiceId-control", "creationDate": now,
               "updatedBy": "iam-ServiceId-control", "lastUpdated": now,
               "resourceCrn": fields.get("resourceCrn", home.crn(key).replace(":key:", ":bucket:")),
               "description": fields.get("description", ""),
               "preventKeyDeletion": fields.get("preventKeyDeletion", False),
               "keyVersion": key.versions[-1].as_json() if key.versions else {}}
        home.registrations.append(one)
        return one

    def _remove_registrations(self, _request):
        self._service.instance.registrations = []
        return {}

    def _set_policy(self, request):
        """Set an instance policy whoever may; null data removes it."""
        fields = fields_of(request, ("policy_type", "policy_data"))
        home, name = self._service.instance, fields.get("policy_type")
        if fields.get("policy_data") is None:
            home.policies.pop(name, None)
            return {}
        now = date_text(home.clock.now())
        home.policies[name] = {"createdBy": "control", "creationDate": now, "updatedBy": "control",
                               "lastUpdated": now, "policy_type": name, "policy_data": fields["policy_data"]}
        return home.policies[name]
