/* SPDX-License-Identifier: Apache-2.0 */
/* Plays tests/vectors/NAME.txt: each case against a new server. The form of the files is in
 * tests/vectors/README.md. */
#include "support/check.h"
#include "support/ttlv_text.h"
#include "support/world.h"

#include <glob.h>

#define TEXT 32768

struct player {
    const char *file;
    unsigned line, cases;
    struct world *world;
    struct ttlv_text_names names;
    char title[200];    /* of the case */
    char pending[TEXT]; /* the request or answer being read, its first character is > or < */
    char defined[64][40];
    char meaning[64][2000];
    size_t definitions;
    char answer[TEXT];
    bool has_answer;
};

static struct player p;

/* Puts what @NAME stands for in its place, as often as something is defined through something else. */
static void expand(char text[TEXT])
{
    static char room[TEXT];
    for (int round = 0; round < 8 && strchr(text, '@') != NULL; round++) {
        struct buf out = buf_over(room, sizeof room);
        for (const char *at = text; *at != 0;) {
            size_t len = *at == '@' ? strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") : 0, i = 0;
            while (len != 0 && i < p.definitions &&
                   (strlen(p.defined[i]) != len || memcmp(p.defined[i], at + 1, len) != 0))
                i++;
            if (len != 0 && i == p.definitions)
                fail_msg("%s:%u: @%.*s is not defined", p.file, p.line, (int)len, at + 1);
            if (len != 0)
                buf_print(&out, "%s", p.meaning[i]);
            else
                buf_print(&out, "%c", *at);
            at += len + 1;
        }
        assert_false(out.full);
        memcpy(text, room, out.len + 1);
    }
}

static void send_request(const char *text)
{
    static uint8_t bytes[TEXT];
    static char filled[TEXT];
    struct buf out = buf_over(filled, sizeof filled), answer = buf_over(p.answer, sizeof p.answer);
    ttlv_text_fill(text, &p.names, &out);
    size_t len = ttlv_assemble(filled, bytes, sizeof bytes);
    struct asker *a = &p.world->askers[0];
    const char *why = NULL;
    uint8_t *copy = tight_copy(bytes, len);
    enum result_reason reason =
        request_begin(&a->request, span_of(copy, len), p.world->now.mono_ms + 10000, &why);
    if (reason != REASON_NONE) {
        a->out_len = request_refuse(&a->request.header, reason, why, p.world->now.unix_s, a->out, a->room);
    } else {
        a->busy = true;
        a->state = REQUEST_AGAIN; /* its first run is in the next turn */
        assert_true(ask_finish(p.world, 0));
    }
    free(copy);
    if (!ttlv_disassemble(answer_of(p.world, 0), &answer))
        fail_msg("%s:%u: the answer is not TTLV", p.file, p.line);
    p.has_answer = true;
}

static void check_answer(const char *wanted)
{
    if (!p.has_answer)
        fail_msg("%s:%u: an answer to nothing", p.file, p.line);
    const char *where = ttlv_text_compare(p.answer, wanted, &p.names);
    if (where != NULL)
        fail_msg("%s:%u, %s:\n got    %s\n parts from the wanted at: %.100s\n wanted %s", p.file, p.line,
                 p.title, p.answer, where, wanted);
    p.has_answer = false;
}

static void do_pending(void)
{
    if (p.pending[0] == 0)
        return;
    expand(p.pending);
    if (p.pending[0] == '>')
        send_request(p.pending + 1);
    else
        check_answer(p.pending + 1);
    p.pending[0] = 0;
}

static void end_case(void)
{
    do_pending();
    if (p.has_answer)
        fail_msg("%s, %s: an answer that nothing is said about", p.file, p.title);
    if (p.world != NULL)
        world_free(p.world);
    p.world = NULL;
}

static void begin_case(const char *title)
{
    end_case();
    snprintf(p.title, sizeof p.title, "%.199s", title);
    memset(&p.names, 0, sizeof p.names);
    p.world = world_new(NULL);
    assert_true(world_settle(p.world));
    p.cases++;
}

static void define(const char *text)
{
    size_t len = strcspn(text, " ");
    assert_true(p.definitions < 64 && len < sizeof p.defined[0] && strlen(text) < sizeof p.meaning[0]);
    snprintf(p.defined[p.definitions], sizeof p.defined[0], "%.*s", (int)len, text);
    snprintf(p.meaning[p.definitions++], sizeof p.meaning[0], "%s", text + len);
}

static void do_line(char *line)
{
    line[strcspn(line, "\n")] = 0;
    if (line[0] == ' ') {
        assert_true(p.pending[0] != 0 && strlen(p.pending) + strlen(line) < sizeof p.pending);
        strcat(p.pending, line);
        return;
    }
    do_pending();
    if (strncmp(line, "== ", 3) == 0)
        begin_case(line + 3);
    else if (strncmp(line, "define ", 7) == 0)
        define(line + 7);
    else if (line[0] == '>' || line[0] == '<')
        snprintf(p.pending, sizeof p.pending, "%s", line);
    else if (line[0] != '#' && line[0] != 0)
        fail_msg("%s:%u: not understood: %s", p.file, p.line, line);
}

static void play_file(void **state)
{
    static char line[TEXT];
    memset(&p, 0, sizeof p);
    p.file = *state;
    FILE *file = fopen(p.file, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        p.line++;
        do_line(line);
    }
    end_case();
    fclose(file);
    print_message("           %u cases\n", p.cases);
    assert_true(p.cases != 0);
}

int main(void)
{
    glob_t files;
    if (glob(FOLDER "/vectors/*.txt", 0, NULL, &files) != 0) {
        fprintf(stderr, "no vectors in " FOLDER "/vectors\n");
        return 1;
    }
    struct CMUnitTest *tests = calloc(files.gl_pathc, sizeof *tests);
    for (size_t i = 0; i < files.gl_pathc; i++)
        tests[i] = (struct CMUnitTest){
            .name = files.gl_pathv[i], .test_func = play_file, .initial_state = files.gl_pathv[i]};
    int failed = _cmocka_run_group_tests("vectors", tests, files.gl_pathc, NULL, NULL);
    free(tests);
    globfree(&files);
    return failed;
}
