/* SPDX-License-Identifier: Apache-2.0
 *
 * Do our patches of BearSSL hold?
 */
#include <bearssl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

static void result(int good, const char *what) {
	printf("%s %s\n", good ? "ok" : "not ok", what);
}

/* In place of the C library's: counts, interrupts, cuts short, fails. */
static unsigned calls;
static int broken;

ssize_t getrandom(void *buffer, size_t length, unsigned flags) {
	(void)flags;
	++calls;
	if (broken || calls == 1) {
		errno = broken ? ENOSYS : EINTR;
		return -1;
	}
	if (length > 7)
		length = 7;
	memset(buffer, (int)calls, length);
	return (ssize_t)length;
}

static void randomness(void) {
	const char *name = NULL;
	br_prng_seeder seed = br_prng_seeder_system(&name);
	br_hmac_drbg_context a, b;
	unsigned char x[16], y[16];

	result(seed && name && strcmp(name, "getrandom") == 0, "the system seeder is getrandom");
	if (!seed)
		return;
	br_hmac_drbg_init(&a, &br_sha256_vtable, "", 0);
	br_hmac_drbg_init(&b, &br_sha256_vtable, "", 0);
	result(seed(&a.vtable) == 1 && calls == 6, "32 bytes are collected over interruptions and short reads");
	br_hmac_drbg_generate(&a, x, sizeof x);
	br_hmac_drbg_generate(&b, y, sizeof y);
	result(memcmp(x, y, sizeof x) != 0, "the seed enters the generator");
	broken = 1;
	result(seed(&b.vtable) == 0, "a seeder without getrandom fails");
}

/* An RSA private key whose five secret numbers have `size` bytes each. */
static size_t rsa_key(unsigned char *der, size_t size) {
	unsigned char *p = der + 4;
	static const unsigned char version[] = {2, 1, 0}, exponent[] = {2, 3, 1, 0, 1};
	int i;

	memcpy(p, version, sizeof version);
	p += sizeof version;
	for (i = 0; i < 8; ++i) {
		size_t length = i == 0 || i == 2 ? 512 : size; /* n and d, then the five */

		if (i == 1) {
			memcpy(p, exponent, sizeof exponent);
			p += sizeof exponent;
			continue;
		}
		*p++ = 2;
		*p++ = 0x82;
		*p++ = (unsigned char)(length >> 8);
		*p++ = (unsigned char)length;
		memset(p, 0x55, length);
		p += length;
	}
	der[0] = 0x30;
	der[1] = 0x82;
	der[2] = (unsigned char)((size_t)(p - der - 4) >> 8);
	der[3] = (unsigned char)(p - der - 4);
	return (size_t)(p - der);
}

static void private_keys(void) {
	static unsigned char der[4096];
	static struct {
		br_skey_decoder_context decoder;
		unsigned char after[64];
	} t;
	unsigned char untouched[sizeof t.after];

	memset(untouched, 0xa5, sizeof untouched);
	memcpy(t.after, untouched, sizeof untouched);
	br_skey_decoder_init(&t.decoder);
	br_skey_decoder_push(&t.decoder, der, rsa_key(der, 307));
	result(br_skey_decoder_last_error(&t.decoder) == 0 &&
		br_skey_decoder_key_type(&t.decoder) == BR_KEYTYPE_RSA,
		"a private key that fills the buffer (1535 of 1536 bytes) is read");
	br_skey_decoder_init(&t.decoder);
	br_skey_decoder_push(&t.decoder, der, rsa_key(der, 312));
	result(br_skey_decoder_last_error(&t.decoder) != 0, "a private key of 1560 bytes is refused");
	result(memcmp(t.after, untouched, sizeof untouched) == 0, "nothing is written behind the buffer");
}

int main(void) {
	randomness();
	private_keys();
	return 0;
}
