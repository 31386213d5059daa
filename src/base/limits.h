/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the server: unit, reason, and what it costs. Sizes that an operator may choose are in
 * server/config.c. */
#ifndef HOLDFAST_BASE_LIMITS_H
#define HOLDFAST_BASE_LIMITS_H

/* One structure of the specification nests at most 8 deep (a batch item's wrapping specification); the rest
 * is room. */
#define TTLV_DEPTH_MAX 16

/* bytes; a request that fits a connection's own buffer. vCenter sends at most 448. */
#define MESSAGE_SMALL 1536
/* bytes; that buffer: a small request, and behind it the beginning of an answer that waits. */
#define CONNECTION_BUFFER (MESSAGE_SMALL + 1664)
/* bytes; an answer that needs no large buffer: one TLS record. */
#define ANSWER_RECORD 16384
/* bytes; the largest request, and the largest response. Fits a batch of every key of a large host, or 1,300
 * Unique Identifiers. */
#define MESSAGE_LARGE 65536
/* buffers of 2 * MESSAGE_LARGE shared by all connections; 6 cost 768 KiB. Who finds none waits. */
#define MESSAGE_LARGE_SLOTS 6
/* batch items done in one turn of the loop before others have theirs; about 20 us of work each at the most.
 */
#define BATCH_ITEMS_A_TURN 16

/* TLS handshake steps in one turn: an established connection is never behind more than one private-key
 * operation (3 ms on a small machine). */
#define HANDSHAKE_STEPS_A_TURN 1
/* connections accepted in one turn; each costs about 20 us. */
#define ACCEPTS_A_TURN 8
/* milliseconds that a connection which has not authenticated is safe from making room for another when all
 * slots are taken. */
#define UNAUTHENTICATED_GRACE_MS 2000
/* certificates that the server sends: its own and those of two authorities. */
#define TLS_CHAIN 3
/* bytes; all of them in DER, and in base64 they fit one line of the control protocol. Three of RSA 2048 take
 * 4,000. */
#define TLS_CHAIN_BYTES 5120
/* certificates of clients that were refused as unknown and can be enrolled from memory; 3 KiB each. */
#define REFUSED_CERTIFICATES 4
/* resumable TLS sessions; 160 bytes each. Every ESXi host and vCenter of a large site fits. */
#define TLS_SESSIONS 512
/* milliseconds that a refused or finished connection may take to read our last bytes. */
#define LINGER_MS 2000

/* bytes; it is sent back with every answer. VMware uses 8. */
#define UNIQUE_BATCH_ITEM_ID_MAX 64

/* bytes; one attribute value. VMware's longest is a VM name of 80 characters, the profiles ask for 128. */
#define ATTRIBUTE_VALUE_MAX 1024
/* bytes; one attribute name. */
#define ATTRIBUTE_NAME_MAX 256
/* instances of one attribute in one object. */
#define ATTRIBUTE_INSTANCES_MAX 64
/* items in a Template-Attribute or named in one request. */
#define ATTRIBUTES_A_REQUEST 96

/* bytes; what Key Protect takes as one standard key, less room for base64 and the service's own JSON. */
#define RECORD_MAX 7500
/* bytes; the ciphertext of a wrapped KEK as key managers return it. */
#define WRAPPED_KEK_MAX 1024
/* bytes that the record of an object takes more with a cloud key manager: its ciphertext is JSON in base64,
 * and other nodes want to know the ancestors. */
#define CLOUD_RECORD_MORE 288
/* bytes; key material that a client may register: the rest of a record is attributes. */
#define MATERIAL_MAX 6144
/* bytes; a KEK, and the key that seals other material: always 32. */
#define KEK_BYTES 32

/* calls to the key manager under way at once; each holds its request and answer, 9 KiB. */
#define KEYMGR_CALLS 32
/* calls to a cloud key manager under way at once; each is a connection of its own, about 90 KiB with its TLS.
 */
#define CLOUD_CALLS 8
/* of these, for the state of the root key, and one more call for the token: they never wait for the others.
 */
#define CLOUD_STATE_CALLS 1
#define HTTP_CALLS        (CLOUD_CALLS + CLOUD_STATE_CALLS + 1)
/* bytes; a request's body: a record in base64 with its JSON. */
#define HTTP_BODY_MAX 11264
/* bytes; an answer's body: a record in base64 with what the service says about it. Lists are not kept. */
#define HTTP_ANSWER_MAX 16384
/* bytes; libcurl's and c-ares's memory: HTTP_CALLS connections with their TLS. */
#define HTTP_MEMORY (1u << 20)
/* bytes; the file of root certificates: a few. All of a distribution's take 200 KiB, and are read for each
 * connection. */
#define ROOTS_MAX 65536
/* bytes of DER; a further root certificate among the settings. With an RSA key of 4,096 bits they have 1,500.
 */
#define ROOT_DER_MAX 2048
/* characters; the same in base64. */
#define ROOT_TEXT (4 * ((ROOT_DER_MAX + 2) / 3))
/* bytes; an IAM token. IBM's have about 1,500. */
#define TOKEN_MAX 4096
/* bytes; an API key in its file. IBM's have 44. */
#define API_KEY_MAX 256
/* bytes; an element of a list: what the service says about one key. IBM's have about 1,000. */
#define HTTP_ELEMENT_MAX 6144

/* bytes; the identifier that a key manager gives a record. */
#define RECORD_ID_BYTES 16
/* new KEKs made ahead; a Create that finds one makes one call to the key manager, not two. */
#define SPARE_KEKS 16

/* scopes of clients; a scope is one byte in the catalogue. */
#define SCOPES_MAX 16
/* bytes; names of clients, scopes, users. */
#define NAME_MAX_BYTES 64
/* enrolled certificates; 3 KiB each with the certificate. */
#define CLIENTS_MAX 64
/* certificate authorities whose certificates are accepted. */
#define AUTHORITIES_MAX 4
/* bytes; an enrolled certificate in DER. RSA 4096 with many names stays below. */
#define CERTIFICATE_MAX 3072
/* KMIP users with a password; VMware uses one for all. */
#define USERS_MAX 16

/* bytes of one segment of a log on disk; small enough to copy what lives in it within a second. */
#define LOG_SEGMENT_BYTES (4u << 20)
/* messages to the disk process that have no answer yet. */
#define DISK_QUEUE 512

/* connections to the control socket; 16 KiB each. */
#define CONTROL_SLOTS 6
/* bytes; one line of the control protocol: a certificate in base64 fits. */
#define CONTROL_LINE 8192
/* bytes; a whole answer of process 1, or of a check. */
#define CONTROL_OUT 20480
/* bytes; of an answer of the server at once: longer ones go out as they are read. */
#define CONTROL_PART 6144

#endif
