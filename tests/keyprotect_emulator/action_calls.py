# SPDX-License-Identifier: Apache-2.0
"""POST /keys/{id}/actions/...: wrapping and unwrapping, rotation, disable and enable, second authorization."""

import base64
import os

import bodies
import crypto
import instance as rules
from call import done
from errors import Refusal, bad_ciphertext, bad_field, bad_query
from key_calls import check_access_policy, material_of
from wire import json_response

WRAP_MEMBERS = {"plaintext": str, "aad": list}
UNWRAP_MEMBERS = {"ciphertext": str, "aad": list}
ROTATE_MEMBERS = {"payload": str, "encryptedNonce": str, "iv": str, "encryptionAlgorithm": str}
AAD_CHARACTERS = 255


def need_root(call, *states):
    """Refuse standard keys, and root keys in another state than these."""
    key, state = call.key, call.key.state(call.now)
    if key.extractable:
        raise Refusal("KEY_ROOT_REQ_ERR")
    if state == rules.DESTROYED:
        raise Refusal("KEY_DELETED_ERR")
    if state not in states:
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR")


def fields_of(call, allowed):
    """Return the members of a body; HPCS knows no additional data."""
    if call.instance.hpcs:
        allowed = {name: kind for name, kind in allowed.items() if name != "aad"}
    fields = call.body(allowed)
    for one in fields.get("aad", []):
        if not isinstance(one, str) or len(one) > AAD_CHARACTERS:
            raise bad_field("aad", "strings of at most 255 characters")
    return fields


def seal(call, version, plaintext, aad):
    """Wrap with one version of the key."""
    return crypto.wrap(version.material, plaintext, aad, call.key.id, 16 if call.instance.hpcs else 12)


def wrap(call):
    """Wrap plaintext, or 32 random bytes that are returned too."""
    fields = fields_of(call, WRAP_MEMBERS)
    need_root(call, rules.ACTIVE)
    plaintext = bodies.material(fields, "plaintext")
    answer = {}
    if plaintext is None:
        plaintext = os.urandom(32)
        answer["plaintext"] = base64.b64encode(plaintext).decode()
    version = call.key.versions[-1]
    answer["ciphertext"] = seal(call, version, plaintext, fields.get("aad"))
    answer["keyVersion"] = {"id": version.id}
    return json_response(200, answer)


def open_ciphertext(call):
    """Return (plaintext, version that wrapped it, aad) of an unwrap or rewrap."""
    fields = fields_of(call, UNWRAP_MEMBERS)
    need_root(call, rules.ACTIVE, rules.DEACTIVATED)
    if not fields:
        raise Refusal("NO_BODY_ERR")
    data, why = bodies.base64_bytes(fields.get("ciphertext", ""))
    if not data:
        why = why or "empty"
        raise bad_ciphertext("the original base64 encoded ciphertext from the wrap operation: " + why)
    envelope, aad = crypto.open_envelope(data), fields.get("aad")
    if envelope is not None:
        for version in reversed(call.key.versions):
            plaintext = crypto.unwrap(version.material, envelope, aad)
            if plaintext is not None:
                return plaintext, version, aad
    raise Refusal("UNPROCESSABLE_CIPHERTEXT_ERR")


def unwrap(call):
    """Unwrap; after a rotation the answer has a new ciphertext."""
    plaintext, version, aad = open_ciphertext(call)
    answer = {"plaintext": base64.b64encode(plaintext).decode(), "keyVersion": {"id": version.id}}
    newest = call.key.versions[-1]
    if version is not newest:
        answer["ciphertext"] = seal(call, newest, plaintext, aad)
        answer["rewrappedKeyVersion"] = {"id": newest.id}
    return json_response(200, answer)


def rewrap(call):
    """Unwrap and wrap with the newest version; no plaintext leaves."""
    plaintext, version, aad = open_ciphertext(call)
    newest = call.key.versions[-1]
    return json_response(200, {"ciphertext": seal(call, newest, plaintext, aad), "keyVersion": {"id": version.id},
                               "rewrappedKeyVersion": {"id": newest.id}})


def rotate(call):
    """Give the key a new version; once an hour, counted from the last rotation."""
    home, key = call.instance, call.key
    fields = call.body(ROTATE_MEMBERS)
    need_root(call, *((rules.ACTIVE,) if home.hpcs else (rules.ACTIVE, rules.DEACTIVATED)))
    if key.imported and not fields.get("payload"):
        raise Refusal("KEY_PAYLOAD_REQ_ERR", target={"type": "field", "name": "payload"})
    if not key.imported and fields.get("payload"):
        raise bad_query("payload", "The query_param 'payload' must be: provided only if key is imported")
    if key.rotated is not None and call.now < key.rotated + home.clock.wait(rules.ROTATE_WAIT):
        raise Refusal("KEY_ROTATION_NOT_PERMITTED")
    if fields.get("payload"):
        check_access_policy(home, fields)
    home.rotate(key, material_of(home, fields))
    return done()


def disable(call):
    """Suspend the key."""
    call.body({})
    if not call.key.extractable and call.key.state(call.now) not in (rules.ACTIVE, rules.DESTROYED):
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR", before="Key is not in active state")
    need_root(call, rules.ACTIVE)
    call.instance.change_state(call.key, rules.SUSPENDED)
    return done()


def enable(call):
    """Make a suspended key active again, 30 s after it was suspended."""
    home, key = call.instance, call.key
    call.body({})
    if not key.extractable and key.state(call.now) not in (rules.SUSPENDED, rules.DESTROYED):
        raise Refusal("KEY_ACTION_INVALID_STATE_ERR", before="Key is not in suspended state")
    need_root(call, rules.SUSPENDED)
    if key.changed is not None and call.now < key.changed + home.clock.wait(rules.CHANGE_WAIT):
        raise Refusal("REQ_TOO_EARLY_ERR")
    home.change_state(key, rules.ACTIVE)
    return done()


def set_for_deletion(call):
    """First authorization to delete a key that needs two."""
    call.body({})
    need_dual_auth(call)
    home = call.instance
    call.key.set_for_deletion_until = home.clock.now() + home.clock.wait(rules.AUTHORIZATION_LIFE)
    return done()


def unset_for_deletion(call):
    """Withdraw the first authorization."""
    call.body({})
    need_dual_auth(call)
    call.key.set_for_deletion_until = None
    return done()


def need_dual_auth(call):
    """Refuse keys that need no second authorization, or that are deleted."""
    if call.key.state(call.now) == rules.DESTROYED:
        raise Refusal("KEY_DELETED_ERR")
    if not call.key.dual_auth:
        raise Refusal("NOT_DUAL_AUTH_ERR")


def sync(call):
    """Tell the services that the key protects; not within an hour of a change or of another sync."""
    home, key = call.instance, call.key
    call.body({})
    if key.extractable:
        raise Refusal("KEY_ROOT_REQ_ERR")
    last = max(key.changed or 0, key.synced or 0)
    if call.now < last + home.clock.wait(rules.SYNC_WAIT):
        raise Refusal("REQ_TOO_EARLY_ERR")
    key.synced = call.now
    return done()
