# SPDX-License-Identifier: Apache-2.0
"""All calls of the Key Protect API: method, path, who may, what could not be done when it fails, and the handler."""

import re

import action_calls as actions
import adapter_calls as adapters
import home_calls as home
import key_calls as keys
import listing
import policy_calls as policies
from errors import NoSuchCall, bad_query
from iam import ADAPTERS, ANY, MANAGE, PURGE, READ, WRITE

BASE = "/api/v2"
ACTION = "Action could not be performed on key"
ACTIONS = {
    "wrap": (READ, "Wrap with key could not be performed", actions.wrap),
    "unwrap": (READ, "Unwrap with key could not be performed", actions.unwrap),
    "rewrap": (READ, "Rewrap with key could not be performed", actions.rewrap),
    "rotate": (WRITE, ACTION, actions.rotate),
    "disable": (MANAGE, "Key could not be disabled", actions.disable),
    "enable": (MANAGE, "Key could not be enabled", actions.enable),
    "setKeyForDeletion": (WRITE, ACTION, actions.set_for_deletion),
    "unsetKeyForDeletion": (WRITE, ACTION, actions.unset_for_deletion),
    "sync": (WRITE, ACTION, actions.sync),
}
RESTORE = (MANAGE, "Key could not be restored", keys.restore)
GET_KEY = "Key could not be retrieved"
ADAPTER = "KMIP adapter could not be %s"
CERTIFICATE = "KMIP client certificate could not be %s"
ONE_ADAPTER = "/kmip_adapters/{adapter}"
ONE_CERTIFICATE = ONE_ADAPTER + "/certificates/{certificate}"

CALLS = [
    ("HEAD", "/keys", ANY, "Keys could not be counted", listing.count_keys),
    ("GET", "/keys", None, "Keys could not be listed", listing.list_keys),
    ("POST", "/keys", WRITE, "Key could not be created", keys.create),
    ("POST", "/keys_with_policy_overrides", WRITE, "Key could not be created", keys.create_with_overrides),
    ("GET", "/keys/registrations", READ, "Registrations could not be retrieved", home.all_registrations),
    ("GET", "/keys/{id}", READ, GET_KEY, keys.get),
    ("GET", "/keys/{id}/metadata", READ, GET_KEY, keys.metadata),
    ("PATCH", "/keys/{id}", MANAGE, "Key could not be updated", keys.patch),
    ("DELETE", "/keys/{id}", MANAGE, "Key could not be deleted", keys.delete),
    ("DELETE", "/keys/{id}/purge", PURGE, "Key could not be purged", keys.purge),
    ("POST", "/keys/{id}/restore", *RESTORE),
    ("GET", "/keys/{id}/versions", READ, "Key versions could not be retrieved", keys.versions),
    ("POST", "/keys/{id}/aliases/{alias}", WRITE, "Alias could not be created", home.add_alias),
    ("DELETE", "/keys/{id}/aliases/{alias}", WRITE, "Alias could not be deleted", home.delete_alias),
    ("GET", "/keys/{id}/registrations", READ, "Registrations could not be retrieved", home.key_registrations),
    ("GET", "/keys/{id}/policies", MANAGE, "Key policy could not be retrieved", policies.key_policies),
    ("PUT", "/keys/{id}/policies", MANAGE, "Key policy could not be created", policies.put_key_policies),
    ("GET", "/instance/policies", MANAGE, "Instance policy could not be retrieved", policies.instance_policies),
    ("PUT", "/instance/policies", MANAGE, "Instance policy could not be created", policies.put_instance_policies),
    ("GET", "/instance/allowed_ip_port", ANY, "Allowed IP port could not be retrieved", home.allowed_ip_port),
    ("POST", "/import_token", WRITE, "Import Token could not be created", home.create_import_token),
    ("GET", "/import_token", WRITE, "Import Token could not be retrieved", home.get_import_token),
    ("GET", "/key_rings", ANY, "Key rings could not be listed", home.list_rings),
    ("POST", "/key_rings/{ring}", WRITE, "Key ring could not be created", home.create_ring),
    ("DELETE", "/key_rings/{ring}", MANAGE, "Key ring could not be deleted", home.delete_ring),
    ("POST", "/kmip_adapters", ADAPTERS, ADAPTER % "created", adapters.create_adapter),
    ("GET", "/kmip_adapters", ADAPTERS, ADAPTER % "listed", adapters.list_adapters),
    ("GET", ONE_ADAPTER, ADAPTERS, ADAPTER % "retrieved", adapters.get_adapter),
    ("DELETE", ONE_ADAPTER, ADAPTERS, ADAPTER % "deleted", adapters.delete_adapter),
    ("POST", ONE_ADAPTER + "/certificates", ADAPTERS, CERTIFICATE % "created", adapters.create_certificate),
    ("GET", ONE_ADAPTER + "/certificates", ADAPTERS, CERTIFICATE % "listed", adapters.list_certificates),
    ("GET", ONE_CERTIFICATE, ADAPTERS, CERTIFICATE % "retrieved", adapters.get_certificate),
    ("DELETE", ONE_CERTIFICATE, ADAPTERS, CERTIFICATE % "deleted", adapters.delete_certificate),
    ("GET", ONE_ADAPTER + "/kmip_objects", ADAPTERS, "KMIP object could not be listed", adapters.list_objects),
    ("GET", ONE_ADAPTER + "/kmip_objects/{object}", ADAPTERS, "KMIP object could not be retrieved",
     adapters.get_object),
    ("DELETE", ONE_ADAPTER + "/kmip_objects/{object}", ADAPTERS, "KMIP object could not be deleted",
     adapters.get_object),
]
CALLS += [("POST", "/keys/{id}/actions/" + name, *rest) for name, rest in ACTIONS.items()]


class Route:
    """One row of the table; `roles` None: anyone may call, and sees what his roles show."""

    def __init__(self, method, path, roles, what, handler):
        self.method = method
        self.pattern = BASE + path
        self.roles = roles
        self.what = what
        self.handler = handler
        self.on_key = "{id}" in path
        self.shape = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.pattern))


ROUTES = {}
for _row in CALLS:
    ROUTES.setdefault(_row[0], []).append(Route(*_row))
# The deprecated form POST /keys/{id}?action=wrap.
OLD_SHAPE = re.compile(BASE + r"/keys/(?P<id>[^/]+)")
OLD_ACTIONS = {name: Route("POST", "/keys/{id}?action=" + name, *rest)
               for name, rest in list(ACTIONS.items()) + [("restore", RESTORE)]}


def find(request):
    """Return (route, parameters); an unknown action of the deprecated form gives a route that refuses."""
    for route in ROUTES.get(request.method, ()):
        found = route.shape.fullmatch(request.path)
        if found:
            return route, found.groupdict()
    found = OLD_SHAPE.fullmatch(request.path) if request.method == "POST" else None
    if not found:
        raise NoSuchCall
    return OLD_ACTIONS.get(request.query.get("action"), NO_ACTION), found.groupdict()


def refuse_action(call):
    """Refuse ?action= with an unknown word."""
    raise bad_query("action", "The query_param must be: one of " + ", ".join(OLD_ACTIONS))


NO_ACTION = Route("POST", "/keys/{id}?action=", READ, ACTION, refuse_action)
