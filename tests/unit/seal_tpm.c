/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and unsealing with a TPM in this process: what works, and every way in which an answer can be bad.
 */
#include "support/check.h"
#include "support/fake_tpm.h"

#include "seal/tpm_words.h"

static const uint8_t secret[TPM_SECRET_BYTES] = "thirty-two bytes of state key!!";

static struct fake_tpm fake;
static struct tpm tpm;
static struct tpm_sealed sealed;
static struct tpm_pcrs now;

static void begin(void)
{
    fake_tpm_init(&fake, 3);
    memset(fake.pcr[4], 0x44, 32);
    tpm_open_with(&tpm, fake_tpm_exchange, &fake);
}

static void seal_here(void)
{
    assert_int_equal(tpm_pcrs_read(&tpm, 1u << 4 | 1u << 12, &now), STATUS_OK);
    assert_int_equal(tpm_seal(&tpm, &now, secret, &sealed), STATUS_OK);
}

static bool contains(const uint8_t *hay, size_t hay_len, const uint8_t *needle, size_t len)
{
    return memmem(hay, hay_len, needle, len) != NULL;
}

static void what_is_sealed_comes_back(void **state)
{
    (void)state;
    uint8_t out[32];
    begin();
    seal_here();
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_OK);
    assert_memory_equal(out, secret, 32);
    assert_int_equal(fake.open, 0);
    assert_int_equal(sealed.pcrs, 1u << 4 | 1u << 12);
    assert_true(tpm_sealed_to(&sealed, &now));
    now.value[12][0] ^= 1;
    assert_false(tpm_sealed_to(&sealed, &now));
    for (size_t i = 0; i + 8 <= sizeof secret; i++)
        assert_false(contains(fake.seen, fake.seen_len, secret + i, 8));
    tpm_close(&tpm);
    for (size_t i = 0; i < sizeof tpm.in; i++)
        assert_int_equal(tpm.in[i], 0);
}

static void another_boot_chain_is_named(void **state)
{
    (void)state;
    uint8_t out[32];
    begin();
    seal_here();
    for (int pcr = 4; pcr <= 12; pcr += 8) {
        fake.pcr[pcr][31] ^= 1;
        memset(out, 1, sizeof out);
        assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_REFUSED);
        assert_non_null(strstr(tpm.why, "boot chain is not the one"));
        assert_int_equal(out[0], 0);
        fake.pcr[pcr][31] ^= 1;
    }
    fake.pcr[0][0] = fake.pcr[2][0] = fake.pcr[7][0] = 9; /* a firmware update */
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_OK);
    assert_int_equal(fake.open, 0);
}

static void another_tpm_is_named_before_it_gets_anything(void **state)
{
    (void)state;
    uint8_t out[32];
    begin();
    seal_here();
    fake_tpm_init(&fake, 4);
    memset(fake.pcr[4], 0x44, 32);
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "another TPM"));
    assert_int_equal(fake.commands, 2); /* the primary key, made and flushed */
    /* With the parent's name out of the way the TPM itself says so. */
    struct tpm_primary primary;
    assert_int_equal(tpm_create_primary(&tpm, &primary), STATUS_OK);
    memcpy(sealed.parent, primary.name + 2, 32);
    tpm_flush(&tpm, primary.handle);
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "another TPM"));
    assert_int_equal(fake.open, 0);
}

static void codes_become_words(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, code;
        const char *words;
    } rows[] = {
        {TPM_UNSEAL, 0x921, "lockout"},
        {TPM_UNSEAL, 0x99d, "boot chain"},
        {TPM_UNSEAL, 0x128, "measurements changed"},
        {TPM_LOAD, 0x1df, "another TPM"},
        {TPM_CREATE_PRIMARY, 0x9a2, "owner password"},
        {TPM_CREATE_PRIMARY, 0x185, "switched off"},
        {TPM_CREATE_PRIMARY, 0x100, "power cycle"},
        {TPM_CREATE_PRIMARY, 0x101, "failure mode"},
        {TPM_START_AUTH_SESSION, 0x905, "memory is full"},
        {TPM_POLICY_PCR, 0x143, "lacks"},
        {TPM_UNSEAL, 0x98e, "refuses our session"},
        {TPM_LOAD, 0x1c4, "code 0x1c4"},
    };
    uint8_t out[32];
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin();
        seal_here();
        fake.fail_at = rows[i].at;
        fake.fail_code = rows[i].code;
        assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_REFUSED);
        if (strstr(tpm.why, rows[i].words) == NULL)
            fail_msg("0x%03x: %s", rows[i].code, tpm.why);
        assert_int_equal(tpm.code, rows[i].code);
        assert_int_equal(fake.open, 0);
    }
}

static void a_busy_tpm_is_asked_again(void **state)
{
    (void)state;
    uint8_t out[32];
    begin();
    seal_here();
    fake.fail_at = TPM_UNSEAL;
    fake.fail_code = 0x922;
    fake.fail_times = 3;
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_OK);
    fake.fail_times = UINT32_MAX;
    assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "busy"));
}

static void a_missing_bank_is_named(void **state)
{
    (void)state;
    begin();
    fake.no_sha256 = true;
    assert_int_equal(tpm_pcrs_read(&tpm, 1u << 4, &now), STATUS_REFUSED);
    assert_non_null(strstr(tpm.why, "SHA-256"));
}

static void it_says_what_it_is(void **state)
{
    (void)state;
    char text[TPM_TEXT];
    begin();
    assert_int_equal(tpm_describe(&tpm, text), STATUS_OK);
    assert_string_equal(text, "TPM 2.0, FAKE Test");
}

/* ---- altered answers ---- */

struct change {
    bool whole;
    size_t at;
    uint8_t mask;
    size_t cut; /* SIZE_MAX: not cut */
    bool keep_size;
};

static void alter(void *self, uint32_t code, bool whole, uint8_t *bytes, size_t *len, size_t cap)
{
    const struct change *c = self;
    (void)code;
    (void)cap;
    if (whole != c->whole)
        return;
    if (c->at < *len)
        bytes[c->at] ^= c->mask;
    if (c->cut < *len) {
        *len = c->cut;
        if (whole && !c->keep_size && c->cut >= 6)
            be32_put(bytes + 2, (uint32_t)c->cut);
    }
}

static const uint32_t unsealing[] = {TPM_CREATE_PRIMARY, TPM_LOAD, TPM_START_AUTH_SESSION, TPM_POLICY_PCR,
                                     TPM_UNSEAL};

static void every_shorter_answer_is_refused(void **state)
{
    (void)state;
    uint8_t out[32];
    for (size_t i = 0; i < COUNT_OF(unsealing); i++)
        for (size_t cut = 0; cut < 120; cut++)
            for (int keep = 0; keep < 2; keep++) {
                struct change c = {.whole = true, .at = SIZE_MAX, .cut = cut, .keep_size = keep == 1};
                begin();
                seal_here();
                fake.fail_at = unsealing[i];
                fake.alter = alter;
                fake.alter_self = &c;
                memset(out, 1, sizeof out);
                enum status status = tpm_unseal(&tpm, &sealed, out);
                /* These end in what we do not read. */
                bool whole_enough = unsealing[i] == TPM_POLICY_PCR       ? cut >= 10
                                    : unsealing[i] == TPM_CREATE_PRIMARY ? cut >= 110
                                                                         : cut >= 107;
                if (unsealing[i] == TPM_LOAD)
                    whole_enough = cut >= 54;
                if (unsealing[i] == TPM_START_AUTH_SESSION)
                    whole_enough = cut >= 48;
                if (whole_enough)
                    continue;
                if (status == STATUS_OK || out[0] != 0 || tpm.why[0] == 0)
                    fail_msg("command %zu cut at %zu passes", i, cut);
            }
}

/* Nobody can change a bit of an answer of the session; elsewhere what we rely on is checked by it. */
static void no_flipped_bit_gives_another_key(void **state)
{
    (void)state;
    uint8_t out[32];
    unsigned opened = 0;
    for (size_t i = 0; i < COUNT_OF(unsealing); i++)
        for (size_t at = 0; at < 120; at++) {
            struct change c = {.whole = true, .at = at, .mask = 0x01, .cut = SIZE_MAX};
            begin();
            seal_here();
            fake.fail_at = unsealing[i];
            fake.alter = alter;
            fake.alter_self = &c;
            enum status status = tpm_unseal(&tpm, &sealed, out);
            if (status == STATUS_OK) {
                assert_memory_equal(out, secret, 32);
                opened++;
            }
            if (unsealing[i] == TPM_UNSEAL && at < 120 && at < 10 + 4 + 34 + 34 + 1 + 34)
                assert_int_not_equal(status, STATUS_OK);
        }
    assert_true(opened > 0); /* handles and sizes that the fake TPM does not look at */
}

static void what_the_session_carries_is_checked_too(void **state)
{
    (void)state;
    uint8_t out[32];
    for (size_t at = 0; at < 34; at++) {
        struct change c = {
            .whole = false, .at = at < 2 ? at : SIZE_MAX, .mask = 0x03, .cut = at < 2 ? SIZE_MAX : at};
        begin();
        seal_here();
        fake.fail_at = TPM_UNSEAL;
        fake.alter = alter;
        fake.alter_self = &c;
        assert_int_equal(tpm_unseal(&tpm, &sealed, out), STATUS_MALFORMED);
        assert_int_equal(fake.open, 0);
    }
    for (size_t at = 0; at < 90; at++) {
        struct change c = {.whole = false, .at = SIZE_MAX, .cut = at};
        begin();
        assert_int_equal(tpm_pcrs_read(&tpm, 1u << 4, &now), STATUS_OK);
        fake.fail_at = TPM_CREATE;
        fake.alter = alter;
        fake.alter_self = &c;
        assert_int_equal(tpm_seal(&tpm, &now, secret, &sealed), STATUS_MALFORMED);
    }
    struct change policy = {.whole = false, .at = 42 + 2 + 10, .mask = 1, .cut = SIZE_MAX};
    begin();
    assert_int_equal(tpm_pcrs_read(&tpm, 1u << 4, &now), STATUS_OK);
    fake.fail_at = TPM_CREATE;
    fake.alter = alter;
    fake.alter_self = &policy;
    assert_int_equal(tpm_seal(&tpm, &now, secret, &sealed), STATUS_MALFORMED); /* another policy than asked */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sealed_comes_back),
        cmocka_unit_test(another_boot_chain_is_named),
        cmocka_unit_test(another_tpm_is_named_before_it_gets_anything),
        cmocka_unit_test(codes_become_words),
        cmocka_unit_test(a_busy_tpm_is_asked_again),
        cmocka_unit_test(a_missing_bank_is_named),
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(every_shorter_answer_is_refused),
        cmocka_unit_test(no_flipped_bit_gives_another_key),
        cmocka_unit_test(what_the_session_carries_is_checked_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
