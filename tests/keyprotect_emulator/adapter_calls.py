# SPDX-License-Identifier: Apache-2.0
"""KMIP adapters of Key Protect, as far as IBM's client libraries manage them; nothing speaks KMIP here."""

import re
import secrets
import uuid

import bodies
import instance as rules
from call import collection, done
from clock import date_text
from errors import Refusal, bad_field

ADAPTER_COLLECTION = "application/vnd.ibm.kms.kmip_adapter+json"
CERTIFICATE_COLLECTION = "application/vnd.ibm.kms.kmip_client_certificate+json"
OBJECT_COLLECTION = "application/vnd.ibm.kms.kmip_object+json"
PEM = re.compile(r"\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----\s*")
NAME = re.compile(r"[A-Za-z0-9_-]{2,40}")
PER_INSTANCE = PER_ADAPTER = 200
ONE = "Only creation of one resource per request is supported"


class Adapter:
    """A KMIP adapter with its client certificates by ID."""

    def __init__(self, shown, crk_id):
        self.shown = shown
        self.crk_id = crk_id
        self.certificates = {}


def checked_name(given, prefix, taken):
    """Return the name, or one made up when none is given."""
    name = given or prefix + secrets.token_hex(4)
    if not NAME.fullmatch(name) or rules.UUID.fullmatch(name):
        raise bad_field("name", "2 to 40 characters of A-Z, a-z, 0-9, _ and -, and no UUID")
    if name in taken:
        raise Refusal("KMIP_NOT_UNIQUE_ERR")
    return name


def page_of(call, kind, shown):
    """Return one page of a list."""
    offset, limit = call.page()
    return collection(kind, shown[offset:offset + limit], total=len(shown) if call.flag("totalCount") else None)


def find_adapter(call):
    """Return the adapter with the ID or name of the path."""
    wanted = call.parameters["adapter"]
    for adapter in call.instance.adapters.values():
        if wanted in (adapter.shown["id"], adapter.shown["name"]):
            return adapter
    raise Refusal("KMIP_ADAPTER_NOT_FOUND_ERR")


def create_adapter(call):
    """POST /kmip_adapters."""
    home, subject, now = call.instance, call.caller.subject, date_text(call.now)
    fields = bodies.collection(call.request.body, {"name": str, "description": str, "profile": str,
                                                   "profile_data": dict}, ONE)[0]
    if fields.get("profile") != "native_1.0":
        raise bad_field("profile", "native_1.0")
    crk_id = bodies.members(fields.get("profile_data", {}), {"crk_id": str}).get("crk_id", "")
    key = home.find(crk_id)
    if key.extractable:
        raise Refusal("KEY_ROOT_REQ_ERR")
    if key.state(call.now) != rules.ACTIVE:
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR")
    if len(home.adapters) >= PER_INSTANCE:
        raise Refusal("KMIP_QUOTA_ERR")
    name = checked_name(fields.get("name"), "kmip_adapter_", {one.shown["name"] for one in home.adapters.values()})
    shown = {"id": str(uuid.uuid4()), "profile": "native_1.0", "profile_data": {"crk_id": key.id}, "name": name,
             "description": fields.get("description", ""), "created_by": subject, "created_at": now,
             "updated_by": subject, "updated_at": now}
    home.adapters[shown["id"]] = Adapter(shown, key.id)
    return collection(ADAPTER_COLLECTION, [shown], 201)


def list_adapters(call):
    """GET /kmip_adapters."""
    crk_id = call.request.query.get("crk_id")
    return page_of(call, ADAPTER_COLLECTION, [one.shown for one in call.instance.adapters.values()
                                              if crk_id in (None, "", one.crk_id)])


def get_adapter(call):
    """GET /kmip_adapters/{adapter}."""
    return collection(ADAPTER_COLLECTION, [find_adapter(call).shown])


def delete_adapter(call):
    """DELETE /kmip_adapters/{adapter}."""
    del call.instance.adapters[find_adapter(call).shown["id"]]
    return done()


def create_certificate(call):
    """POST /kmip_adapters/{adapter}/certificates: a certificate belongs to one adapter only."""
    adapter = find_adapter(call)
    fields = bodies.collection(call.request.body, {"certificate": str, "name": str}, ONE)[0]
    if not PEM.fullmatch(fields.get("certificate", "")):
        raise bad_field("certificate", "a PEM encoded X.509 certificate")
    text = fields["certificate"]
    known = [one["certificate"].split() for each in call.instance.adapters.values()
             for one in each.certificates.values()]
    if text.split() in known:
        raise Refusal("KMIP_NOT_UNIQUE_ERR")
    if len(adapter.certificates) >= PER_ADAPTER:
        raise Refusal("KMIP_QUOTA_ERR")
    name = checked_name(fields.get("name"), "kmip_cert_", {one["name"] for one in adapter.certificates.values()})
    shown = {"id": str(uuid.uuid4()), "name": name, "certificate": text, "created_by": call.caller.subject,
             "created_at": date_text(call.now)}
    adapter.certificates[shown["id"]] = shown
    return collection(CERTIFICATE_COLLECTION, [shown], 201)


def find_certificate(call):
    """Return (adapter, certificate) of the path."""
    adapter, wanted = find_adapter(call), call.parameters["certificate"]
    for one in adapter.certificates.values():
        if wanted in (one["id"], one["name"]):
            return adapter, one
    raise Refusal("KMIP_CERT_NOT_FOUND_ERR")


def list_certificates(call):
    """GET /kmip_adapters/{adapter}/certificates: without the PEM."""
    return page_of(call, CERTIFICATE_COLLECTION,
                   [{name: value for name, value in one.items() if name != "certificate"}
                    for one in find_adapter(call).certificates.values()])


def get_certificate(call):
    """GET /kmip_adapters/{adapter}/certificates/{certificate}."""
    return collection(CERTIFICATE_COLLECTION, [find_certificate(call)[1]])


def delete_certificate(call):
    """DELETE /kmip_adapters/{adapter}/certificates/{certificate}."""
    adapter, one = find_certificate(call)
    del adapter.certificates[one["id"]]
    return done()


def list_objects(call):
    """GET /kmip_adapters/{adapter}/kmip_objects: never any, as nothing speaks KMIP here."""
    find_adapter(call)
    return page_of(call, OBJECT_COLLECTION, [])


def get_object(call):
    """GET or DELETE /kmip_adapters/{adapter}/kmip_objects/{object}."""
    find_adapter(call)
    raise Refusal("KMIP_OBJECT_NOT_FOUND_ERR")
