#include "tools/autotune/state.h"

#include "engine/base/try.h"
#include "engine/tuning_db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[OUTCOMES] = {
    [OUTCOME_FAST] = "ran",        [OUTCOME_WRONG] = "wrong", [OUTCOME_FAILED] = "failed",
    [OUTCOME_CRASHED] = "crashed", [OUTCOME_HUNG] = "hung",   [OUTCOME_STOPPED] = "stopped"};

static ij_status read_lines(tune_state *state, FILE *in)
{
    char text[1024];
    while (fgets(text, sizeof text, in)) {
        char *end = strchr(text, '\n');
        if (!end)
            continue; /* cut short by a crash */
        *end = 0;
        char **longer = realloc(state->lines, (size_t)(state->count + 1) * sizeof *longer);
        char *copy = longer ? malloc(strlen(text) + 1) : NULL;
        if (longer)
            state->lines = longer;
        if (!copy)
            return ij_fail(IJ_ENOMEM, "out of memory for what was tried before");
        state->lines[state->count++] = strcpy(copy, text);
    }
    return IJ_OK;
}

ij_status state_open(tune_state *state, const char *database, bool resume)
{
    memset(state, 0, sizeof *state);
    snprintf(state->path, sizeof state->path, "%s.tried", database);
    if (!resume) {
        remove(state->path);
        return IJ_OK;
    }
    FILE *in = fopen(state->path, "r");
    if (!in)
        return errno == ENOENT ? IJ_OK : ij_fail(IJ_EIO, "%s: %s", state->path, strerror(errno));
    ij_status status = read_lines(state, in);
    fclose(in);
    return status;
}

void state_close(tune_state *state)
{
    for (int i = 0; i < state->count; i++)
        free(state->lines[i]);
    free(state->lines);
    memset(state, 0, sizeof *state);
}

/* "8f14e45fceea167a gemm 1152 384 TM=12": what a line begins with. */
static void print_name(const ij_device *device, const tune_job *job, const char *choice, char *text, size_t size)
{
    size_t name = strcspn(choice, " ");
    const ij_implementation *of = ij_implementation_named(job->group, choice, name);
    uint64_t hash = of ? ij_tuning_db_sources(device, of) : 0;
    for (const char *p = device->info.name; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u; /* FNV-1a's step */
    for (const char *p = device->info.driver; *p; p++)
        hash = (hash ^ (unsigned char)*p) * 1099511628211u;
    snprintf(text, size, "%016llx %s %d %d %s: ", (unsigned long long)hash, ij_group_name(job->group), job->shape[0],
             job->shape[1], choice);
}

bool state_find(const tune_state *state, const ij_device *device, const tune_job *job, const char *choice,
                tune_outcome *outcome, double *rate)
{
    char name[512];
    print_name(device, job, choice, name, sizeof name);
    size_t length = strlen(name);
    for (int i = state->count - 1; i >= 0; i--) {
        if (strncmp(state->lines[i], name, length) != 0)
            continue;
        const char *what = state->lines[i] + length;
        for (int o = 0; o < OUTCOMES; o++)
            if (strncmp(what, words[o], strlen(words[o])) == 0) {
                *outcome = (tune_outcome)o;
                *rate = o == OUTCOME_FAST ? 1e9 * strtod(what + strlen(words[o]), NULL) : 0.0;
                return o != OUTCOME_STOPPED && (o != OUTCOME_FAST || *rate > 0);
            }
    }
    return false;
}

ij_status state_add(const tune_state *state, const ij_device *device, const tune_job *job, const char *choice,
                    tune_outcome outcome, double rate)
{
    char name[512];
    print_name(device, job, choice, name, sizeof name);
    FILE *out = fopen(state->path, "a");
    if (!out)
        return ij_fail(IJ_EIO, "%s: %s", state->path, strerror(errno));
    fprintf(out, "%s%s", name, words[outcome]);
    if (outcome == OUTCOME_FAST)
        fprintf(out, " %.3f %s", 1e-9 * rate, job_moves(job) ? "GB/s" : "GFLOP/s");
    bool good = fputc('\n', out) != EOF;
    good = fclose(out) == 0 && good;
    return good ? IJ_OK : ij_fail(IJ_EIO, "%s: %s", state->path, strerror(errno));
}
