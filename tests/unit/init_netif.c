/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to the kernel, byte by byte; what it answers is tried on a real one by tests/network. */
#include "support/check.h"

#include <unistd.h>

#include "init/arp.h"
#include "init/netif.h"

static size_t sent(int (*call)(int fd), uint8_t *out, size_t cap)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    assert_true(call(ends[0]) < 0); /* nobody answers */
    ssize_t n = recv(ends[1], out, cap, 0);
    close(ends[0]);
    close(ends[1]);
    assert_true(n > 0);
    return (size_t)n;
}

static void check_sent(int (*call)(int fd), const char *hex)
{
    uint8_t got[512], wanted[512];
    size_t len = sent(call, got, sizeof got), n = hex_bytes(hex, wanted, sizeof wanted);
    assert_int_equal(len, n);
    assert_memory_equal(got, wanted, n);
}

static int add_vlan(int fd)
{
    return netif_add_vlan(fd, 2, 5, 1500, "vlan5");
}

static int add_address(int fd)
{
    struct ip_net net = {.ip = ip_of4(0xc000020b), .prefix = 24};
    return netif_add_address(fd, 2, &net);
}

static int add_default(int fd)
{
    struct ip_net all = {.ip = {.len = 4}};
    struct ip via = ip_of4(0xc0000201);
    return netif_add_route(fd, 2, &all, &via, true);
}

/* linux/rtnetlink.h, on a machine with the least significant byte first: RTM_NEWLINK with IFLA_IFNAME,
 * IFLA_LINK, IFLA_MTU, and IFLA_LINKINFO {IFLA_INFO_KIND "vlan", IFLA_INFO_DATA {IFLA_VLAN_ID}}. */
static void a_vlan(void **state)
{
    (void)state;
    check_sent(add_vlan, "54000000 1000 0506 01000000 00000000 "
                         "00000000 00000000 00000000 00000000 "
                         "0a00 0300 766c616e3500 0000 0800 0500 02000000 0800 0400 dc050000 "
                         "1800 1200 0800 0100 766c616e 0c00 0200 0600 0100 0500 0000");
}

static void an_address(void **state)
{
    (void)state;
    check_sent(add_address, "30000000 1400 0505 01000000 00000000 02 18 00 00 02000000 "
                            "0800 0200 c000020b 0800 0100 c000020b 0800 0400 c00002ff");
}

static void a_default_route(void **state)
{
    (void)state;
    check_sent(add_default, "2c000000 1800 0505 01000000 00000000 "
                            "02 00 00 00 fe 04 00 01 04000000 0800 0500 c0000201 0800 0400 02000000");
}

static void arp_packets(void **state)
{
    (void)state;
    uint8_t out[ARP_BYTES], wanted[ARP_BYTES];
    struct arp arp = {.sender_mac = {2, 0, 0, 0, 0, 1}, .sender = 0xc0000201, .target = 0xc000020b}, back;
    arp_write(&arp, out);
    hex_bytes("0001 0800 06 04 0001 020000000001 c0000201 000000000000 c000020b", wanted, sizeof wanted);
    assert_memory_equal(out, wanted, sizeof wanted);
    uint8_t *copy = tight_copy(out, sizeof out);
    assert_true(arp_read(span_of(copy, sizeof out), &back));
    assert_memory_equal(&arp, &back, sizeof arp);
    for (size_t i = 0; i < sizeof out; i++)
        assert_false(arp_read(span_of(copy, i), &back));
    for (size_t i = 0; i < 7; i++) {
        copy[i] ^= 0x40;
        assert_false(arp_read(span_of(copy, sizeof out), &back));
        copy[i] ^= 0x40;
    }
    copy[7] = 2;
    assert_true(arp_read(span_of(copy, sizeof out), &back) && back.reply);
    copy[7] = 3;
    assert_false(arp_read(span_of(copy, sizeof out), &back));
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vlan),
        cmocka_unit_test(an_address),
        cmocka_unit_test(a_default_route),
        cmocka_unit_test(arp_packets),
    };
    return cmocka_run_group_tests_name("init/netif", tests, NULL, NULL);
}
