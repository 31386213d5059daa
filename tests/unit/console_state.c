/* SPDX-License-Identifier: Apache-2.0 */
/* What init and serve say of themselves, and thumbprints in any text. */
#include "support/check.h"

#include "console/state.h"

static struct box_state box;
static struct thumbprints prints;

static void take(const char *line)
{
    state_take(&box, span_of_text(line));
}

static void every_key(void **state)
{
    (void)state;
    state_clear(&box);
    assert_false(box.answered);
    assert_int_equal(box.idle_s, 600);
    static const char *const lines[] = {"name kms1.lab.example",
                                        "version 1.0.0",
                                        "board qemu",
                                        "serial 4F2A",
                                        "configured yes",
                                        "locked no",
                                        "revision 7",
                                        "trial 60",
                                        "port eth0 00:e0:67:2c:41:9a up 1000 Mbit/s",
                                        "port eth1 00:e0:67:2c:41:9b down -",
                                        "address 192.0.2.11/24",
                                        "tpm TPM 2.0",
                                        "random ready",
                                        "clock 2026",
                                        "idle 30",
                                        "login-wait 4",
                                        "banner Keep out",
                                        "fault the disk \x1b[2J is full",
                                        "log 42",
                                        "future whatever"};
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        take(lines[i]);
    assert_true(box.answered && box.configured && !box.locked);
    assert_string_equal(box.name, "kms1.lab.example");
    assert_int_equal(box.revision, 7);
    assert_int_equal(box.trial_s, 60);
    assert_int_equal(box.port_count, 2);
    assert_true(box.ports[0].up && !box.ports[1].up);
    assert_string_equal(box.ports[0].speed, "1000 Mbit/s");
    assert_string_equal(box.tpm, "TPM 2.0");
    assert_int_equal(box.idle_s, 30);
    assert_int_equal(box.login_wait_s, 4);
    assert_string_equal(box.banner, "Keep out");
    assert_string_equal(box.faults[0], "the disk .[2J is full");
    assert_int_equal(box.newest_log, 42);
}

static void too_much_of_everything(void **state)
{
    (void)state;
    static char line[5000];
    state_clear(&box);
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "name ", 5);
    take(line);
    assert_int_equal(strlen(box.name), sizeof box.name - 1);
    for (int i = 0; i < 20; i++) {
        take("port eth0 00:e0:67:2c:41:9a up");
        take("address 192.0.2.1");
        take("fault x");
    }
    take("");
    take("log none");
    take("port");
    assert_int_equal(box.port_count, STATE_PORTS);
    assert_int_equal(box.newest_log, 0);
}

static void serving(void **state)
{
    (void)state;
    state_clear(&box);
    state_take_serving(&box, span_of_text("GRACE 4711"));
    assert_string_equal(box.serving, "GRACE");
    state_clear(&box);
    state_take_serving(&box, span_of_text("State            READ-ONLY since"));
    assert_string_equal(box.serving, "READ-ONLY");
}

static void feed(const char *line)
{
    thumbprints_take(&prints, span_of_text(line));
}

#define SIXTEEN "1F:A0:5C:77:3E:B2:9D:10:44:8C:E1:6B:2A:93:F5:0E"

static void thumbprints(void **state)
{
    (void)state;
    memset(&prints, 0, sizeof prints);
    feed("RSA certificate, in force");
    feed("SHA1 Fingerprint=7B:D9:46:BE:0C:1E:B0:27:CE:33:B5:2E:22:0F:00:84:F9:18:C6:61");
    feed("sha256 Fingerprint=" SIXTEEN ":" SIXTEEN);
    feed("ECDSA certificate");
    feed("  SHA-256   " SIXTEEN ":");
    feed("            " SIXTEEN);
    feed("no print: " SIXTEEN);
    assert_int_equal(prints.count, 2);
    assert_string_equal(prints.print[0].kind, "RSA");
    assert_true(prints.print[0].has_sha1 && prints.print[0].has_sha256);
    assert_int_equal(prints.print[0].sha1[19], 0x61);
    assert_string_equal(prints.print[1].kind, "ECDSA");
    assert_true(!prints.print[1].has_sha1 && prints.print[1].has_sha256);
    assert_int_equal(prints.print[1].sha256[31], 0x0e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key),
        cmocka_unit_test(too_much_of_everything),
        cmocka_unit_test(serving),
        cmocka_unit_test(thumbprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
