# SPDX-License-Identifier: Apache-2.0
"""Policies of keys and of the instance."""

import bodies
from call import collection, done
from clock import date_text
from errors import Refusal, bad_body, bad_field, bad_query
from key_calls import set_rotation, write_policy

POLICY_COLLECTION = "application/vnd.ibm.kms.policy+json"
KEY_POLICY = {"type": str, "id": str, "crn": str, "rotation": dict, "dualAuthDelete": dict, "createdBy": str,
              "creationDate": str, "updatedBy": str, "lastUpdateDate": str}
INSTANCE_POLICY = {"policy_type": str, "policy_data": dict, "createdBy": str, "creationDate": str, "updatedBy": str,
                   "lastUpdated": str}
KEY_POLICIES = ("rotation", "dualAuthDelete")
ATTRIBUTES = {
    "dualAuthDelete": {},
    "allowedNetwork": {"allowed_network": str},
    "allowedIP": {"allowed_ip": list},
    "keyCreateImportAccess": {"create_root_key": bool, "create_standard_key": bool, "import_root_key": bool,
                              "import_standard_key": bool, "enforce_token": bool},
    "metrics": {},
    "rotation": {"interval_month": int},
}


def wanted_policy(call, known):
    """Return the query parameter policy, None when absent."""
    name = call.request.query.get("policy")
    if name and name not in known:
        raise bad_query("policy", "The query_param must be: one of " + ", ".join(known))
    return name or None


def key_policies(call):
    """Return the policies of the call's key as an answer."""
    wanted, policies = wanted_policy(call, KEY_POLICIES), []
    for name in KEY_POLICIES:
        if wanted in (None, name) and name in call.key.policies:
            policies.append(call.key.policies[name])
    return collection(POLICY_COLLECTION, policies)


def put_key_policies(call):
    """PUT /keys/{id}/policies."""
    wanted = wanted_policy(call, KEY_POLICIES)
    resources = bodies.collection(call.request.body, KEY_POLICY)
    if wanted and len(resources) != 1:
        raise Refusal("NUM_COLLECTION_RESOURCE_ERR")
    if not resources:
        raise bad_body("resources is empty")
    for one in resources:
        given = [name for name in KEY_POLICIES if name in one]
        if not given or (wanted and given != [wanted]):
            raise Refusal("BODY_QUERY_PARAM_MISMATCH_ERR")
        for name in given:
            put_key_policy(call, name, one[name])
    return key_policies(call)


def put_key_policy(call, name, content):
    """Set one policy of a key."""
    home, key, subject = call.instance, call.key, call.caller.subject
    if name == "rotation":
        if key.extractable:
            raise Refusal("KEY_ROOT_REQ_ERR")
        fields = bodies.members(content, {"enabled": bool, "interval_month": int})
        set_rotation(home, key, fields, subject)
        return
    fields = bodies.members(content, {"enabled": bool})
    key.dual_auth = fields.get("enabled", False)
    if not key.dual_auth:
        key.set_for_deletion_until = None
    write_policy(home, key, name, {"enabled": key.dual_auth}, subject)


def instance_policies(call):
    """GET /instance/policies: those that were ever set."""
    wanted = wanted_policy(call, tuple(ATTRIBUTES))
    return collection(POLICY_COLLECTION, [policy for name, policy in call.instance.policies.items()
                                          if wanted in (None, name)])


def put_instance_policies(call):
    """PUT /instance/policies: with ?policy= exactly one of that type, without it several."""
    wanted = wanted_policy(call, tuple(ATTRIBUTES))
    resources = bodies.collection(call.request.body, INSTANCE_POLICY)
    if wanted and len(resources) != 1:
        raise Refusal("NUM_COLLECTION_RESOURCE_ERR")
    checked = [checked_instance_policy(one, wanted) for one in resources]
    if not checked:
        raise bad_body("resources is empty")
    now, home, subject = date_text(call.now), call.instance, call.caller.subject
    for name, data in checked:
        old = home.policies.get(name, {"createdBy": subject, "creationDate": now})
        home.policies[name] = {"createdBy": old["createdBy"], "creationDate": old["creationDate"],
                               "updatedBy": subject, "lastUpdated": now, "policy_type": name, "policy_data": data}
    return done()


def checked_instance_policy(one, wanted):
    """Return (name, policy_data) of one resource."""
    name = one.get("policy_type")
    if wanted and name != wanted:
        raise Refusal("BODY_QUERY_PARAM_MISMATCH_ERR")
    if name not in ATTRIBUTES:
        raise bad_field("policy_type", "one of " + ", ".join(ATTRIBUTES))
    data = bodies.members(one.get("policy_data", {}), {"enabled": bool, "attributes": dict})
    if "enabled" not in data:
        raise bad_field("enabled", "true or false")
    attributes = bodies.members(data.get("attributes", {}), ATTRIBUTES[name])
    if name == "rotation" and data["enabled"] and not 1 <= attributes.get("interval_month", 0) <= 12:
        raise bad_field("interval_month", "an integer between 1 and 12 (inclusive)")
    if name == "allowedNetwork" and attributes.get("allowed_network", "public-and-private") not in (
            "public-and-private", "private-only"):
        raise bad_field("allowed_network", "public-and-private or private-only")
    shown = {"enabled": data["enabled"]}
    if attributes:
        shown["attributes"] = attributes
    return name, shown
