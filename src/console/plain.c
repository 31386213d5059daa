/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "console/plain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "base/wipe.h"
#include "console/answer.h"
#include "console/keys.h"
#include "crypto/digest.h"
#include "crypto/pem.h"
#include "crypto/random.h"

/* PBKDF2 iterations of a KMIP user's password: 20 ms of the server, once for each right password after a
 * start. */
#define ITERATIONS 20000

static const char help_text[] =
    "show status                     state, since when, what bounds hold, thumbprints\n"
    "show clients                    who is enrolled, and when they were last seen\n"
    "show keys                       every object by VM or host: State, age, use, generation\n"
    "show keys orphans               those that nobody has claimed\n"
    "show keys replaced              older keys of VMs and hosts that have newer ones\n"
    "show keys <part of a name>\n"
    "show keys count\n"
    "key show <Unique Identifier>    all about one object but its material\n"
    "key retire <Unique Identifier>  destroys it for good, after telling what is lost\n"
    "show config                     settings in force\n"
    "show memory                     the memory plan\n"
    "show version\n"
    "client add <name> <file.pem>    enrols a certificate; with - it is pasted\n"
    "client remove <name>            from the next handshake on\n"
    "client scope <name> <scope>     clients of one scope share their keys\n"
    "user add <name>                 a KMIP user; asks for the password\n"
    "user scope <name> <scope>\n"
    "keymanager credential           asks for a new API key of the key manager\n"
    "test keymanager                 everything the server needs of it, step by step\n"
    "cache refresh                   asks the key manager for everything anew\n"
    "cache erase                     wipes every key from memory; they are fetched again when asked for\n"
    "help, quit\n";

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) {
        fprintf(stderr, "holdfast: the path of the socket is too long\n");
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&address, sizeof address) != 0) {
        fprintf(stderr, "holdfast: %s: %s; is the server running, and is this its user?\n", path,
                strerror(errno));
        return -1;
    }
    return fd;
}

static int send_line(int fd, const struct buf *line)
{
    if (line->full) {
        fprintf(stderr, "holdfast: the line is too long\n");
        return 1;
    }
    return answer_ask(fd, (const char *)line->ptr, line->len, NULL, NULL);
}

/* Reads a PEM text from a file, or from the terminal up to its END line. */
static size_t read_pem(const char *file, char *out, size_t cap)
{
    FILE *in = strcmp(file, "-") == 0 ? stdin : NULL;
    int fd = in == NULL ? open(file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    size_t len = 0;
    if (fd < 0) {
        fprintf(stderr, "holdfast: %s: %s\n", file, strerror(errno));
        return 0;
    }
    while (len < cap) {
        ssize_t n = read(fd, out + len, cap - len);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (in != NULL && memmem(out, len, "-----END CERTIFICATE-----", 25) != NULL)
            break;
    }
    if (in == NULL)
        close(fd);
    return len;
}

static int add_client(int fd, const char *name, const char *file)
{
    char text[2 * CERTIFICATE_MAX], line[CONTROL_LINE];
    uint8_t der[CERTIFICATE_MAX];
    size_t len = read_pem(file, text, sizeof text), der_len = 0;
    struct span rest = span_of(text, len), label;
    if (len == 0)
        return 1;
    if (pem_next(&rest, &label, der, sizeof der, &der_len) != STATUS_OK ||
        !span_equal(label, span_of_text("CERTIFICATE"))) {
        fprintf(stderr, "holdfast: %s does not begin with a whole PEM certificate of at most 3,072 bytes\n",
                file);
        return 1;
    }
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, "client add %s ", name);
    base64_write(span_of(der, der_len), &out);
    buf_add_text(&out, "\n");
    return send_line(fd, &out);
}

/* A line from the terminal, not shown while it is typed. */
static size_t read_secret(const char *prompt, char *out, size_t cap)
{
    struct termios shown, hidden;
    bool terminal = tcgetattr(STDIN_FILENO, &shown) == 0;
    fprintf(stderr, "%s", prompt);
    if (terminal) {
        hidden = shown;
        hidden.c_lflag &= (tcflag_t)~ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    size_t len = 0;
    char c;
    while (len < cap && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
        out[len++] = c;
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        fprintf(stderr, "\n");
    }
    return len;
}

/* The password is hashed here; it does not leave this process. */
static int add_user(int fd, const char *name)
{
    char password[256], line[CONTROL_LINE], salt_text[40], hash_text[72];
    uint8_t salt[16], hash[SHA256_BYTES];
    size_t len = read_secret("password (not shown): ", password, sizeof password);
    random_bytes(salt, sizeof salt);
    pbkdf2_sha256(span_of(password, len), span_of(salt, sizeof salt), ITERATIONS, hash);
    wipe(password, sizeof password);
    if (len == 0) {
        fprintf(stderr, "holdfast: a password has 1 to 256 characters\n");
        return 1;
    }
    hex_write(span_of(salt, sizeof salt), 0, false, salt_text, sizeof salt_text);
    hex_write(span_of(hash, sizeof hash), 0, false, hash_text, sizeof hash_text);
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, "user %s password-hash pbkdf2-sha256:%d:%s:%s\n", name, ITERATIONS, salt_text, hash_text);
    return send_line(fd, &out);
}

/* The API key goes to the server over its socket, and nowhere else. */
static int set_credential(int fd)
{
    char key[API_KEY_MAX + 2], line[API_KEY_MAX + 64];
    size_t len = read_secret("API key (not shown): ", key, sizeof key);
    while (len > 0 && (key[len - 1] == '\r' || key[len - 1] == ' '))
        len--;
    bool plain = len > 0 && len <= API_KEY_MAX;
    for (size_t i = 0; i < len; i++)
        plain = plain && key[i] > ' ' && key[i] < 0x7f && key[i] != '"';
    struct buf out = buf_over(line, sizeof line);
    buf_print(&out, "keymanager credential %.*s\n", (int)len, key);
    wipe(key, sizeof key);
    int result = 1;
    if (plain)
        result = send_line(fd, &out);
    else
        fprintf(stderr, "holdfast: an API key is one word of at most %d characters\n", API_KEY_MAX);
    wipe(line, sizeof line);
    return result;
}

/* One command, given as words. */
static int run_words(int fd, int count, char **words)
{
    char line[CONTROL_LINE];
    struct buf out = buf_over(line, sizeof line);
    if (count == 1 && strcmp(words[0], "help") == 0) {
        fputs(help_text, stdout);
        return 0;
    }
    if (count == 4 && strcmp(words[0], "client") == 0 && strcmp(words[1], "add") == 0)
        return add_client(fd, words[2], words[3]);
    if (count == 3 && strcmp(words[0], "user") == 0 && strcmp(words[1], "add") == 0)
        return add_user(fd, words[2]);
    if (count == 4 && strcmp(words[0], "user") == 0 && strcmp(words[1], "scope") == 0) {
        buf_print(&out, "user %s scope %s\n", words[2], words[3]);
        return send_line(fd, &out);
    }
    if (count >= 2 && count <= 3 && strcmp(words[0], "show") == 0 && strcmp(words[1], "keys") == 0 &&
        (count == 2 || strcmp(words[2], "count") != 0))
        return keys_show(fd, count == 3 ? words[2] : NULL);
    if (count >= 2 && strcmp(words[0], "keymanager") == 0 && strcmp(words[1], "credential") == 0) {
        if (count == 2)
            return set_credential(fd);
        fprintf(stderr, "holdfast: an API key is never an argument; type: keymanager credential\n");
        return 2;
    }
    for (int i = 0; i < count; i++)
        buf_print(&out, "%s%s", i == 0 ? "" : " ", words[i]);
    buf_add_text(&out, "\n");
    return send_line(fd, &out);
}

static int run_line(int fd, char *line)
{
    char *words[8], *rest = line;
    int count = 0;
    char *word;
    while (count < 8 && (word = strtok_r(rest, " \t\n", &rest)) != NULL)
        words[count++] = word;
    return count == 0 ? 0 : run_words(fd, count, words);
}

static int run_prompt(int fd)
{
    char line[CONTROL_LINE];
    bool terminal = isatty(STDIN_FILENO) == 1;
    int result = 0;
    for (;;) {
        if (terminal)
            fprintf(stderr, "holdfast> ");
        size_t len = 0;
        char c = 0;
        while (len < sizeof line - 1 && read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
            line[len++] = c;
        line[len] = 0;
        bool ended = c != '\n';
        if (strcmp(line, "quit") == 0 || strcmp(line, "logout") == 0 || (ended && len == 0))
            return result;
        int failed = run_line(fd, line);
        result = failed != 0 ? failed : result;
        if (ended)
            return result;
        c = 0;
    }
}

int plain_main(const char *path, int argc, char **argv)
{
    int fd = connect_to(path);
    if (fd < 0)
        return 1;
    int result = argc == 0 ? run_prompt(fd) : run_words(fd, argc, argv);
    close(fd);
    return result;
}
