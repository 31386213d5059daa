# SPDX-License-Identifier: Apache-2.0
"""What Key Protect answers when it refuses: codes, texts and the shape of the body."""

import json

MORE_INFO = "https://cloud.ibm.com/apidocs/key-protect"
ERROR_TYPE = "application/vnd.ibm.kms.error+json"
NO_ACCESS = "Unauthorized: The user does not have access to the specified resource"
INVALID_BODY = ("Invalid body data was passed. Please ensure the data passed had valid formatting with no invalid "
                "characters: ")

PHRASES = {
    200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    412: "Precondition Failed", 413: "Payload Too Large", 415: "Unsupported Media Type",
    422: "Unprocessable Entity", 424: "Failed Dependency", 429: "Too Many Requests", 500: "Internal Server Error",
    501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
    507: "Insufficient Storage",
}

# code: (status, message). Those of the last group are not in the public guides; the emulator needs some name for them.
TABLE = {
    "BAD_BODY_ERR": (400, INVALID_BODY),
    "BEARER_SUB_EXTRACTION_ERR": (400, "Extracting the subject from the bearer token failed"),
    "INVALID_FIELD_ERR": (400, ""),
    "INVALID_QUERY_PARAM_ERR": (400, ""),
    "NO_BODY_ERR": (400, "Missing body in request"),
    "COLLECTION_TOTAL_MISMATCH_ERR": (400, "Collection total does not match number of resources"),
    "BODY_QUERY_PARAM_MISMATCH_ERR": (400, "Data in body does not match data required by query parameter"),
    "NUM_COLLECTION_RESOURCE_ERR": (400, "Only a single instance policy may be created per query parameter. "
                                         "Please pass single resource object"),
    "KEY_ROOT_REQ_ERR": (400, "Requested action can only be completed with a root key."),
    "KEY_EXPIRED_ERR": (400, "The action could not be performed on the key because the key is expired."),
    "KEY_RESTORE_EXPIRED": (400, "The key can no longer be restored"),
    "KEY_IMPT_REQ_ERR": (400, "Only imported keys may be restored."),
    "KEY_PAYLOAD_REQ_ERR": (400, "This root key was created with user-supplied key material: "
                                 "Key material is required to perform a 'rotate' action"),
    "KEY_SEARCH_TOO_BROAD": (400, "The search is too broad: the instance holds more than 5000 keys"),
    "INCORRECT_NONCE_ERR": (400, "The nonce does not match the import token"),
    "INCORRECT_NONCE_IV_ERR": (400, "The initialization vector does not match the encrypted nonce"),
    "CONFIG_RULE_CONFLICT_ERR": (403, "The action conflicts with a configuration rule"),
    "FEATURE_RESTRICTED_ERR": (403, "The feature is restricted"),
    "RESOURCE_OWNER_ERR": (403, "The caller does not own the resource"),
    "SERVICE_ONLY_ERR": (403, "Only a service may perform the action"),
    "KEY_NOT_FOUND_ERR": (404, "Key does not exist"),
    "KEY_ACTION_INVALID_STATE_ERR": (409, "Key is not in a valid state"),
    "PROTECTED_RESOURCE_ERR": (409, "Key is protecting one or more cloud resources"),
    "PREV_KEY_DEL_ERR": (409, "The key cannot be deleted because it's protecting a cloud resource that has a "
                              "retention policy."),
    "AUTHORIZATIONS_NOT_MET": (409, "Number of authorizations required to delete is not met"),
    "NOT_DUAL_AUTH_ERR": (409, "The key is not dual auth enabled and cannot be set for deletion"),
    "REQ_TOO_EARLY_ERR": (409, "The key was updated recently: Please wait and try again"),
    "KEY_ROTATION_NOT_PERMITTED": (409, "This root key has been rotated within the last hour: "
                                        "Only one 'rotate' action per hour is permitted"),
    "KEY_CREATE_IMPORT_ACCESS_ERR": (409, "KeyCreateImportAccess instance policy does not allow this action"),
    "IMPORT_TOKEN_EXPIRED_ERR": (409, "The import token has expired."),
    "KEY_DELETED_ERR": (410, "Key has already been deleted: Please delete references to this key"),
    "UNPROCESSABLE_CIPHERTEXT_ERR": (422, "The provided ciphertext is invalid or corrupted"),
    "KEY_INVALID_STATE_ERR": (422, "Key is not in a valid state"),
    "KEY_ROOT_REQ_REG_ERR": (422, "Only a root key can protect a resource"),
    "KEY_VERSION_INVALID": (422, "The key version is not valid"),
    "INVALID_SIG_EXP_ERR": (422, "The signature has expired"),
    "INCOMPLETE_METADATA_ERR": (500, "Key metadata became corrupted"),

    "KEY_ALIAS_NOT_UNIQUE_ERR": (409, "One or more aliases are already associated with a key in the instance"),
    "KEY_ALIAS_QUOTA_ERR": (409, "The alias quota has been reached"),
    "KEY_ALIAS_NOT_FOUND_ERR": (404, "Alias does not exist"),
    "KEY_RING_NOT_FOUND_ERR": (404, "Key ring does not exist"),
    "KEY_RING_NOT_UNIQUE_ERR": (409, "Key ring already exists"),
    "KEY_RING_NOT_EMPTY_ERR": (409, "Key ring is not empty"),
    "KEY_RING_QUOTA_ERR": (409, "The key ring quota has been reached"),
    "IMPORT_TOKEN_NOT_FOUND_ERR": (404, "Import token does not exist"),
    "KMIP_ADAPTER_NOT_FOUND_ERR": (404, "KMIP adapter does not exist"),
    "KMIP_CERT_NOT_FOUND_ERR": (404, "KMIP client certificate does not exist"),
    "KMIP_NOT_UNIQUE_ERR": (409, "The name or certificate is already in use"),
    "KMIP_QUOTA_ERR": (409, "The quota has been reached"),
    "KMIP_OBJECT_NOT_FOUND_ERR": (404, "KMIP object does not exist"),
}


class Refusal(Exception):
    """A call that Key Protect refuses; the route knows what could not be done."""

    def __init__(self, code, message=None, target=None, before=None):
        super().__init__(code)
        self.code = code
        self.status, text = TABLE[code]
        self.message = text if message is None else message
        self.target = target
        self.before = before
        self.quote = "`"


class NoAccess(Exception):
    """401: not authenticated, or not allowed; Key Protect tells no difference."""


class NoSuchCall(Exception):
    """No route has this path, or not with this method."""


def bad_body(why):
    """Return the refusal of a body; the reason stands at its end."""
    return Refusal("BAD_BODY_ERR", INVALID_BODY + why)


def bad_field(name, must_be):
    """Return the refusal of one member of a body."""
    return Refusal("INVALID_FIELD_ERR", "The field `%s` must be: %s" % (name, must_be),
                   {"type": "field", "name": name})


def bad_ciphertext(must_be):
    """Return the refusal of a ciphertext; its published text has quotes of its own."""
    refusal = Refusal("INVALID_FIELD_ERR", "The field 'ciphertext' must be: " + must_be,
                      {"type": "field", "name": "ciphertext"})
    refusal.quote = "'"
    return refusal


def bad_query(name, message):
    """Return the refusal of one query parameter."""
    return Refusal("INVALID_QUERY_PARAM_ERR", message, {"type": "query_param", "name": name})


def collection_of_errors(resource):
    """Return the body of an error around its single resource."""
    return json.dumps({"metadata": {"collectionType": ERROR_TYPE, "collectionTotal": 1}, "resources": [resource]},
                      separators=(",", ":"), ensure_ascii=False).encode()


def error_body(status, code, message, what, target=None, before=None, quote="`"):
    """Return the body of an error in Key Protect's present form: the code stands in errorMsg too."""
    text = "%s: %s%s: Please see %sreasons%s for more details (%s)" % (
        PHRASES.get(status, "Error"), before + ": " if before else "", what, quote, quote, code)
    reason = {"code": code, "message": message, "status": status, "moreInfo": MORE_INFO}
    if target:
        reason["target"] = target
    return collection_of_errors({"errorMsg": text, "reasons": [reason]})


def refusal_body(refusal, what):
    """Return the body for a refusal of the call that does `what`."""
    return error_body(refusal.status, refusal.code, refusal.message, what, refusal.target, refusal.before,
                      refusal.quote)


def plain_error_body(text):
    """Return the body of an error that has no reasons, as 401 has none."""
    return collection_of_errors({"errorMsg": text})
