/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "init/ping.h"

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "init/quick_random.h"

enum { ECHO_BYTES = 40, ECHO4 = 8, REPLY4 = 0, ECHO6 = 128, REPLY6 = 129 };

static void fill(uint8_t *m, bool six, uint16_t sequence)
{
    quick_random(m, ECHO_BYTES);
    m[0] = six ? ECHO6 : ECHO4;
    m[1] = m[2] = m[3] = 0;
    m[6] = (uint8_t)(sequence >> 8);
    m[7] = (uint8_t)sequence;
    uint32_t sum = 0; /* ICMPv6: the kernel puts it in */
    for (int i = 0; i < ECHO_BYTES; i += 2)
        sum += (uint32_t)m[i] << 8 | m[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
    m[2] = (uint8_t)(sum >> 8);
    m[3] = (uint8_t)sum;
}

/* The answer carries what was sent, number and data: 36 bytes that nobody guesses. */
static bool is_answer(const uint8_t *bytes, size_t len, const uint8_t *sent, bool six)
{
    size_t at = !six && len > 0 ? (bytes[0] & 15u) * 4 : 0; /* IPv4 comes with its header */
    return len >= at + ECHO_BYTES && bytes[at] == (six ? REPLY6 : REPLY4) &&
           memcmp(bytes + at + 4, sent + 4, ECHO_BYTES - 4) == 0;
}

uint64_t ping_once(const struct ip *ip, unsigned scope, uint16_t sequence, unsigned wait_ms)
{
    uint8_t sent[ECHO_BYTES], bytes[256];
    struct sockaddr_storage to;
    bool six = ip->len == 16;
    socklen_t len = ip_sockaddr(ip, 0, scope, &to);
    int fd =
        socket(to.ss_family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    uint64_t begun = clock_mono_us(), passed = 0, found = 0;
    fill(sent, six, sequence);
    if (fd < 0)
        return 0;
    if (connect(fd, (struct sockaddr *)&to, len) == 0 && send(fd, sent, sizeof sent, 0) == ECHO_BYTES)
        while (found == 0 && (passed = clock_mono_us() - begun) < 1000ull * wait_ms) {
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            (void)poll(&wait, 1, (int)(wait_ms - passed / 1000));
            ssize_t n = recv(fd, bytes, sizeof bytes, 0);
            if (n > 0 && is_answer(bytes, (size_t)n, sent, six))
                found = clock_mono_us() - begun + 1;
        }
    close(fd);
    return found;
}
