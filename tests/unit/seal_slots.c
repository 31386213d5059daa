/* SPDX-License-Identifier: Apache-2.0 */
/* The key slots as text, and the slots that somebody types. */
#include "support/check.h"

#include "seal/seal.h"
#include "seal/secret_slot.h"

#define HEAD "holdfast-seal 1\n"
#define H16  "00112233445566778899aabbccddeeff"
#define H32  H16 H16
#define H60  H32 H16 "000102030405060708090a0b"

static const uint8_t key[SEAL_KEY_BYTES] = "the state key, thirty-two bytes";

static enum status read_text(const char *text, struct seal_slots *slots, size_t *line)
{
    uint8_t *copy = tight_copy(text, strlen(text));
    enum status status = seal_slots_read(span_of(copy, strlen(text)), slots, line);
    free(copy);
    return status;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char text[] = HEAD "slot file " H32 "\n"
                                    "slot passphrase 100000 " H16 " " H60 "\n"
                                    "slot recovery " H16 " " H60 "\n"
                                    "slot tpm2 4+12 " H32 " " H60 " " H32 " 1.0.0\n"
                                    "slot tpm2 4 " H32 " " H60 " " H32 " 1.1.0-rc_1+x\n";
    static char again[SEAL_TEXT_MAX];
    struct seal_slots slots;
    size_t line;
    assert_int_equal(read_text(text, &slots, &line), STATUS_OK);
    assert_int_equal(slots.count, 5);
    assert_int_equal(slots.slot[1].iterations, 100000);
    assert_int_equal(slots.slot[3].tpm2.pcrs, 1u << 4 | 1u << 12);
    assert_int_equal(slots.slot[3].tpm2.public_len, 60);
    struct buf out = buf_over(again, sizeof again);
    seal_slots_write(&slots, &out);
    check_text(buf_span(&out), text);
}

static void a_bad_line_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t line;
    } rows[] = {
        {"", 1},
        {"holdfast-seal 2\nslot file " H32 "\n", 1},
        {"slot file " H32 "\n", 1},
        {HEAD, 1},                  /* no slots at all */
        {HEAD "slot file " H32, 2}, /* cut */
        {HEAD "slot file " H32 "\r\n", 2},
        {HEAD "slot  file " H32 "\n", 2},
        {HEAD "slot file " H32 " \n", 2},
        {HEAD "\nslot file " H32 "\n", 2},
        {HEAD "slot file " H16 "\n", 2},
        {HEAD "slot file " H32 "\nslot file " H32 "\n", 3}, /* twice */
        {HEAD "slot floppy " H32 "\n", 2},
        {HEAD "slot passphrase 10000001 " H16 " " H60 "\n", 2},
        {HEAD "slot passphrase 0 " H16 " " H60 "\n", 2},
        {HEAD "slot passphrase 1e5 " H16 " " H60 "\n", 2},
        {HEAD "slot passphrase 100000 " H16 " " H32 "\n", 2},
        {HEAD "slot recovery " H16 " " H60 " more\n", 2},
        {HEAD "slot tpm2 24 " H32 " " H32 " " H32 " a\n", 2},
        {HEAD "slot tpm2 12+4 " H32 " " H32 " " H32 " a\n", 2},
        {HEAD "slot tpm2 4+ " H32 " " H32 " " H32 " a\n", 2},
        {HEAD "slot tpm2 4+04 " H32 " " H32 " " H32 " a\n", 2},
        {HEAD "slot tpm2 4 " H16 " " H32 " " H32 " a\n", 2},
        {HEAD "slot tpm2 4 " H32 " " H60 H60 " " H32 " a\n", 2},
        {HEAD "slot tpm2 4 " H32 " 0 " H32 " a\n", 2},
        {HEAD "slot tpm2 4 " H32 " " H32 " " H32 " a/b\n", 2},
        {HEAD "slot tpm2 4 " H32 " " H32 " " H32 " a23456789012345678901234567890123\n", 2},
        {HEAD "slot tpm2 4 " H32 " " H32 " " H32 " a\nslot tpm2 4 " H32 " " H32 " " H32 " a\n", 3},
        {HEAD "slot tpm2 4 " H32 " " H32 " " H32 " a\nslot tpm2 4 " H32 " " H32 " " H32 " b\nslot tpm2 4 " H32
              " " H32 " " H32 " c\n",
         4},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct seal_slots slots;
        size_t line;
        if (read_text(rows[i].text, &slots, &line) != STATUS_MALFORMED || line != rows[i].line)
            fail_msg("line %zu instead of %zu of: %s", line, rows[i].line, rows[i].text);
        assert_int_equal(slots.count, 0);
    }
}

static void the_largest_fits(void **state)
{
    (void)state;
    static char text[SEAL_TEXT_MAX];
    struct seal_slots slots = {.count = 0}, again;
    seal_add_file(&slots, key);
    struct seal_slot slot;
    secret_slot_passphrase(key, span_of_text("x"), SEAL_ITERATIONS_MIN, &slot);
    slot.iterations = SEAL_ITERATIONS_MAX;
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    char shown[RECOVERY_TEXT + 1];
    seal_add_recovery(&slots, key, shown);
    for (int i = 0; i < 2; i++) {
        memset(&slot, 0, sizeof slot);
        slot.kind = SEAL_TPM2;
        slot.tpm2.pcrs = 0xffffff;
        slot.tpm2.public_len = TPM_PUBLIC_MAX;
        slot.tpm2.private_len = TPM_PRIVATE_MAX;
        memset(slot.label, 'a' + i, SEAL_LABEL_MAX);
        assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    }
    struct buf out = buf_over(text, sizeof text);
    seal_slots_write(&slots, &out);
    assert_false(out.full);
    size_t line;
    assert_int_equal(seal_slots_read(buf_span(&out), &again, &line), STATUS_OK);
    assert_memory_equal(&again, &slots, sizeof slots);
    assert_int_equal(seal_slots_read(span_of(text, SEAL_TEXT_MAX + 1), &again, &line), STATUS_TOO_LARGE);
}

static void slots_are_put_and_removed(void **state)
{
    (void)state;
    struct seal_slots slots = {.count = 0};
    struct seal_slot slot = {.kind = SEAL_TPM2, .label = "1.0.0"};
    slot.tpm2.private_len = slot.tpm2.public_len = 1;
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    slot.tpm2.public_len = 2;
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK); /* in its place */
    assert_int_equal(slots.count, 1);
    assert_int_equal(slots.slot[0].tpm2.public_len, 2);
    slot.label[0] = '2';
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    slot.label[0] = '3';
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_NO_SPACE);
    slot.label[0] = ' ';
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_MALFORMED);
    seal_add_file(&slots, key);
    assert_int_equal(seal_slots_remove(&slots, SEAL_TPM2, "1.0.0"), STATUS_OK);
    assert_int_equal(seal_slots_remove(&slots, SEAL_TPM2, "1.0.0"), STATUS_NOT_FOUND);
    assert_int_equal(slots.count, 2);
    assert_string_equal(slots.slot[0].label, "2.0.0");
    assert_int_equal(seal_slots_remove(&slots, SEAL_FILE, NULL), STATUS_OK);
    for (size_t i = 0; i < sizeof slots.slot[1]; i++)
        assert_int_equal(((const uint8_t *)&slots.slot[1])[i], 0);
}

static void a_passphrase_opens(void **state)
{
    (void)state;
    struct seal_slots slots = {.count = 0};
    struct seal_slot slot;
    uint8_t out[SEAL_KEY_BYTES];
    assert_int_equal(seal_open_passphrase(&slots, span_of_text("x"), out), STATUS_NOT_FOUND);
    secret_slot_passphrase(key, span_of_text("correct horse battery"), 2000, &slot);
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    assert_int_equal(seal_open_passphrase(&slots, span_of_text("correct horse battery"), out), STATUS_OK);
    assert_memory_equal(out, key, sizeof key);
    assert_int_equal(seal_open_passphrase(&slots, span_of_text("correct horse batter"), out), STATUS_REFUSED);
    assert_int_equal(out[0], 0);
    slots.slot[0].iterations++; /* what an altered file does */
    assert_int_equal(seal_open_passphrase(&slots, span_of_text("correct horse battery"), out),
                     STATUS_REFUSED);
}

static void a_slot_is_bound_to_its_kind(void **state)
{
    (void)state;
    uint8_t recovery[RECOVERY_BYTES] = {7}, out[SEAL_KEY_BYTES];
    struct seal_slot a, b;
    secret_slot_recovery(key, recovery, &a);
    secret_slot_recovery(key, recovery, &b);
    assert_int_equal(secret_slot_open(&a, span_of(recovery, 32), out), STATUS_OK);
    assert_memory_not_equal(a.salt, b.salt, sizeof a.salt);
    assert_memory_not_equal(a.sealed, b.sealed, sizeof a.sealed);
    a.salt[0] ^= 1;
    assert_int_equal(secret_slot_open(&a, span_of(recovery, 32), out), STATUS_REFUSED);
    b.kind = SEAL_PASSPHRASE;
    b.iterations = 1;
    assert_int_equal(secret_slot_open(&b, span_of(recovery, 32), out), STATUS_REFUSED);
}

static void the_recovery_key_opens_as_typed(void **state)
{
    (void)state;
    struct seal_slots slots = {.count = 0};
    char shown[RECOVERY_TEXT + 1], typed[RECOVERY_TEXT + 1], why[SEAL_WHY];
    uint8_t out[SEAL_KEY_BYTES];
    seal_add_recovery(&slots, key, shown);
    for (size_t i = 0; i < sizeof typed; i++)
        typed[i] = shown[i] == '-' ? '\n' : shown[i] >= 'a' ? (char)(shown[i] - 0x20) : shown[i];
    assert_int_equal(seal_open_recovery(&slots, span_of_text(typed), out, why), STATUS_OK);
    assert_memory_equal(out, key, sizeof key);
    typed[0] = typed[0] == 'C' ? 'B' : 'C';
    assert_int_equal(seal_open_recovery(&slots, span_of_text(typed), out, why), STATUS_REFUSED);
    assert_non_null(strstr(why, "not the recovery key of this box"));
    typed[20] = 'x';
    assert_int_equal(seal_open_recovery(&slots, span_of_text(typed), out, why), STATUS_MALFORMED);
    assert_non_null(strstr(why, "group 3"));
    slots.count = 0;
    assert_int_equal(seal_open_recovery(&slots, span_of_text(shown), out, why), STATUS_NOT_FOUND);
}

static void calibration_stays_in_its_bounds(void **state)
{
    (void)state;
    uint32_t n = seal_calibrate();
    assert_in_range(n, SEAL_CALIBRATED_MIN, SEAL_CALIBRATED_MAX);
    assert_int_equal(n % 1000, 0);
}

/* Without a TPM: the file slot opens, the others say why not; every slot has its line. */
static void all_slots_are_tried(void **state)
{
    (void)state;
    static char text[2048];
    struct seal_place place = {.tpm = "/nonexistent/tpm", .log = "/nonexistent/log"};
    struct seal_slots slots = {.count = 0};
    struct seal_slot slot = {.kind = SEAL_TPM2, .label = "1.0.0"};
    uint8_t out[SEAL_KEY_BYTES];
    struct buf report = buf_over(text, sizeof text);
    slot.tpm2.private_len = slot.tpm2.public_len = 1;
    assert_int_equal(seal_open_any(&place, &slots, out, &report), STATUS_NOT_FOUND);
    assert_int_equal(seal_slots_put(&slots, &slot), STATUS_OK);
    assert_int_equal(seal_open_any(&place, &slots, out, &report), STATUS_REFUSED);
    check_text(buf_span(&report),
               "slot tpm2 1.0.0: there is no TPM 2.0, or the firmware has it switched off\n");
    seal_add_file(&slots, key);
    report.len = 0;
    assert_int_equal(seal_open_any(&place, &slots, out, &report), STATUS_OK);
    assert_memory_equal(out, key, sizeof key);
    check_text(buf_span(&report),
               "slot file: ok, but unprotected: who has the disk has the key\n"
               "slot tpm2 1.0.0: there is no TPM 2.0, or the firmware has it switched off\n");
    report.len = 0;
    assert_int_equal(seal_test(&place, &slots, &report), STATUS_OK);
    assert_non_null(memmem(text, report.len, "recovery: MISSING", 17));
    for (size_t i = 0, from = 0; i < report.len; i++)
        if (text[i] == '\n') {
            assert_in_range(i - from, 1, 79);
            from = i + 1;
        }
    char why[SEAL_WHY];
    assert_false(seal_probe(&place, why, sizeof why));
    assert_non_null(strstr(why, "no TPM"));
    size_t before = slots.count;
    assert_int_equal(seal_add_tpm(&place, &slots, key, "2", why), STATUS_FAILED);
    assert_int_equal(seal_add_tpm_for(&place, &slots, key, "/a", "/b", "2", why), STATUS_FAILED);
    assert_int_equal(slots.count, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_bad_line_is_named),
        cmocka_unit_test(the_largest_fits),
        cmocka_unit_test(slots_are_put_and_removed),
        cmocka_unit_test(a_passphrase_opens),
        cmocka_unit_test(a_slot_is_bound_to_its_kind),
        cmocka_unit_test(the_recovery_key_opens_as_typed),
        cmocka_unit_test(calibration_stays_in_its_bounds),
        cmocka_unit_test(all_slots_are_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
