/* SPDX-License-Identifier: Apache-2.0 */
#include "console/answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/limits.h"

/* Handles one whole line of the answer: -1 to go on, else the result. */
static int take_line(char *line, void (*take)(void *to, char *line), void *to)
{
    if (strcmp(line, "OK") == 0)
        return 0;
    if (strncmp(line, "ERR ", 4) == 0) {
        fprintf(stderr, "%s\n", line + 4);
        return 1;
    }
    if (take != NULL)
        take(to, line);
    else
        puts(line);
    return -1;
}

int answer_ask(int fd, const char *line, size_t len, void (*take)(void *to, char *line), void *to)
{
    /* One byte for the NUL; what is longer than any line of the server is cut, not taken for two. */
    char in[CONTROL_LINE], out[CONTROL_LINE + 1];
    size_t used = 0;
    /* A server that has closed the console may have said why. */
    ssize_t n = send(fd, line, len, MSG_NOSIGNAL);
    while ((n = read(fd, in, sizeof in)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (in[i] != '\n') {
                if (used < CONTROL_LINE)
                    out[used++] = in[i];
                continue;
            }
            out[used] = 0;
            used = 0;
            int result = take_line(out, take, to);
            if (result >= 0)
                return result;
        }
    fprintf(stderr, "holdfast: the server has closed the console\n");
    return 1;
}
