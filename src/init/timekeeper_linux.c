/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's clock, its battery clock and the file of the last good time. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "init/timekeeper.h"

static int64_t linux_now(void *self)
{
    struct timespec t;
    (void)self;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t linux_mono(void *self)
{
    (void)self;
    return clock_mono_us();
}

static bool linux_step(void *self, int64_t us)
{
    (void)self;
    struct timespec t = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    struct timex stop = {.modes = ADJ_OFFSET_SINGLESHOT}; /* what is left of a slew is for another clock */
    (void)adjtimex(&stop);
    return clock_settime(CLOCK_REALTIME, &t) == 0;
}

static bool linux_slew(void *self, int64_t us)
{
    (void)self;
    struct timex adjust = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)us}; /* 500 us a second */
    return adjtimex(&adjust) >= 0;
}

static bool linux_rtc(void *self, int64_t unix_s)
{
    (void)self;
    char text[TIME_TEXT + 1];
    uint64_t part[6] = {0};
    static const uint8_t places[6][2] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
    int fd = open("/dev/rtc0", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    time_write(unix_s, text);
    bool good = true;
    for (size_t i = 0; i < 6; i++)
        good = good && number_read(span_of(text + places[i][0], places[i][1]), 9999, &part[i]) == STATUS_OK;
    struct rtc_time rtc = {.tm_year = (int)part[0] - 1900,
                           .tm_mon = (int)part[1] - 1,
                           .tm_mday = (int)part[2],
                           .tm_hour = (int)part[3],
                           .tm_min = (int)part[4],
                           .tm_sec = (int)part[5]};
    good = good && ioctl(fd, RTC_SET_TIME, &rtc) == 0;
    close(fd);
    return good;
}

static bool linux_store(void *self, int64_t unix_s)
{
    const char *store_path = self;
    char path[200], text[32];
    if (store_path == NULL)
        return true;
    snprintf(path, sizeof path, "%s.new", store_path);
    int len = snprintf(text, sizeof text, "%lld\n", (long long)unix_s);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool good = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    close(fd);
    /* The folder is not flushed: after a power cut the older time is a floor just as well. */
    return good && rename(path, store_path) == 0;
}

struct time_ops time_ops_linux(const char *store_path)
{
    return (struct time_ops){.self = (void *)(uintptr_t)store_path,
                             .now_us = linux_now,
                             .mono_us = linux_mono,
                             .step = linux_step,
                             .slew = linux_slew,
                             .write_rtc = linux_rtc,
                             .store = linux_store};
}

int64_t time_stored_read(const char *path)
{
    char text[32];
    uint64_t seconds;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    /* Nothing after the year 2200: a damaged file must not lock every time server out. */
    if (n < 2 || text[n - 1] != '\n' ||
        number_read(span_of(text, (size_t)n - 1), 7258118400u, &seconds) != STATUS_OK)
        return 0;
    return (int64_t)seconds;
}
