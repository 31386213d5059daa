/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/span.h"

#if defined(__x86_64__)
#define THIS_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_ARCH AUDIT_ARCH_AARCH64
#else
#error "name this machine's audit architecture"
#endif

#define ALLOW(name)                                                                                          \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

#define ARGUMENT(n) (offsetof(struct seccomp_data, args) + sizeof(uint64_t) * (n))
/* Opens for reading only: argument `n` has the flags. */
#define ALLOW_READING(name, n)                                                                               \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(n)),  \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_ACCMODE | O_CREAT | O_TRUNC, 1, 0),                           \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
#define ALLOW_FIONBIO                                                                                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(1)),   \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FIONBIO, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),    \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)
/* Sockets of IPv4 and IPv6 only. */
#define ALLOW_INTERNET                                                                                       \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 5), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(0)),  \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0),                                                  \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),   \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES)

#define BEGIN                                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),                                 \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, THIS_ARCH, 1, 0),                                                \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),                                                 \
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define END BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)

#ifdef SYS_poll
#define POLLS ALLOW(poll), ALLOW(ppoll)
#else
#define POLLS ALLOW(ppoll)
#endif
#ifdef SYS_open
#define OPENS ALLOW_READING(openat, 2), ALLOW_READING(open, 1), ALLOW(stat), ALLOW(newfstatat)
#else
#define OPENS ALLOW_READING(openat, 2), ALLOW(newfstatat)
#endif

/* No mmap and no brk: that nothing allocates after start is not only tested, the kernel sees to it. */
#define SERVING                                                                                              \
    ALLOW(read), ALLOW(write), ALLOW(close), POLLS, ALLOW(accept4), ALLOW(recvfrom), ALLOW(sendto),          \
        ALLOW(recvmsg), ALLOW(sendmsg), ALLOW(shutdown), ALLOW(getrandom), ALLOW(clock_gettime),             \
        ALLOW(timerfd_settime), ALLOW(wait4), ALLOW(exit), ALLOW(exit_group), ALLOW(rt_sigreturn),           \
        ALLOW(restart_syscall)
/* Calls to a key manager over the network: connections, and the files that tell the name servers. */
#define CALLING                                                                                              \
    ALLOW(connect), ALLOW(bind), ALLOW(getsockname), ALLOW(getpeername), ALLOW(getsockopt),                  \
        ALLOW(setsockopt), ALLOW(fcntl), ALLOW_FIONBIO, ALLOW(readv), ALLOW(lseek), ALLOW(fstat),            \
        ALLOW(uname), OPENS, ALLOW_INTERNET

void sandbox_early(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

bool sandbox_enter(bool network)
{
    static const struct sock_filter serving[] = {BEGIN, SERVING, END};
    static const struct sock_filter calling[] = {BEGIN, SERVING, CALLING, END};
    const struct sock_filter *filter = network ? calling : serving;
    size_t count = network ? COUNT_OF(calling) : COUNT_OF(serving);
    struct sock_fprog program = {.len = (unsigned short)count,
                                 .filter = (struct sock_filter *)(void *)(unsigned long)filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
