/* Where a step's time goes on the device, from a trace that `bench step --profile` wrote (tools/bench/trace.h). */
#include "engine/base/try.h"
#include "frontend/html.h"
#include "frontend/json_file.h"
#include "frontend/report.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ROWS = 12, DEVICE = 1, COMPUTE = 1 };

typedef struct work {
    const char *name; /* the trace's */
    double milliseconds;
    int launches;
} work;

typedef struct tally {
    work *rows;
    int count;
    double all;
} tally;

static int by_time(const void *a, const void *b)
{
    double x = ((const work *)a)->milliseconds, y = ((const work *)b)->milliseconds;
    return (x < y) - (x > y);
}

static void add(tally *t, const char *name, double milliseconds)
{
    int at = 0;
    while (at < t->count && strcmp(t->rows[at].name, name) != 0)
        at++;
    if (at == t->count)
        t->rows[t->count++] = (work){.name = name};
    t->rows[at].milliseconds += milliseconds;
    t->rows[at].launches++;
    t->all += milliseconds;
}

/* Kernels of the compute queue; `steps` the gaps before them tell of. */
static ij_status gather(const cJSON *trace, tally *t)
{
    const cJSON *events = cJSON_GetObjectItemCaseSensitive(trace, "traceEvents"), *event;
    t->rows = calloc((size_t)cJSON_GetArraySize(events) + 1, sizeof *t->rows);
    if (!t->rows)
        return ij_fail(IJ_ENOMEM, "out of memory for a trace");
    cJSON_ArrayForEach(event, events)
    {
        const char *name = ij_json_text(event, "name");
        const char *phase = ij_json_text(event, "ph");
        if (name && phase && !strcmp(phase, "X") && ij_json_number(event, "pid") == DEVICE &&
            ij_json_number(event, "tid") == COMPUTE)
            add(t, name, ij_json_number(event, "dur") / 1e3);
    }
    qsort(t->rows, (size_t)t->count, sizeof *t->rows, by_time);
    return t->count ? IJ_OK : ij_fail(IJ_EFORMAT, "no commands of a device are in it");
}

static void write_row(FILE *out, const char *name, double milliseconds, int launches, const tally *t)
{
    double share = 100 * milliseconds / t->all;
    fputs("<tr><td><code>", out);
    ij_html_text(out, name);
    fprintf(out,
            "</code></td><td class=\"n\">%.1f %%</td><td class=\"bar\"><span style=\"width:%.1f%%\"></span></td>"
            "<td class=\"n\">%d</td></tr>\n",
            share, 100 * milliseconds / t->rows[0].milliseconds, launches);
}

static void write_table(FILE *out, const cJSON *trace, const tally *t)
{
    const cJSON *other = cJSON_GetObjectItemCaseSensitive(trace, "otherData");
    const char *idle = ij_json_text(other, "idle_percent");
    fprintf(out, "<p class=\"soft\">The device's time in the traced steps, %.1f ms of kernels in all, by kernel.",
            t->all);
    if (idle)
        fprintf(out, " Between steps the device had nothing to do for %.1f %% of the time.", atof(idle));
    fputs(
        "</p>\n<div class=\"card scroll\"><table class=\"bars\">\n<tr><th>kernel</th><th class=\"n\">time</th><th></th>"
        "<th class=\"n\">launches</th></tr>\n",
        out);
    work rest = {.name = "others"};
    for (int i = 0; i < t->count; i++)
        if (i < MOST_ROWS) {
            write_row(out, t->rows[i].name, t->rows[i].milliseconds, t->rows[i].launches, t);
        } else {
            rest.milliseconds += t->rows[i].milliseconds;
            rest.launches += t->rows[i].launches;
        }
    if (rest.launches)
        write_row(out, rest.name, rest.milliseconds, rest.launches, t);
    fputs("</table></div>\n", out);
}

ij_status ij_report_time(const ij_report *r, FILE *out)
{
    char usual[IJ_PATH_MAX];
    const char *path = r->options.profile;
    fputs("<h2>Where a step's time goes</h2>\n", out);
    snprintf(usual, sizeof usual, "%s/%s-profile.json", r->folder.base, r->folder.tag);
    if (!path && access(usual, F_OK) != 0) {
        fputs("<p class=\"soft\">Not measured. <code>", out);
        ij_html_format(out, "bench step %s --profile %s", r->folder.config, usual);
        fputs("</code> measures it; the next report shows it here.</p>\n", out);
        return IJ_OK;
    }
    path = path ? path : usual;
    cJSON *trace;
    TRY(ij_json_read(&trace, path));
    tally t = {0};
    ij_status status = gather(trace, &t);
    if (status)
        status = ij_fail_in(status, "%s: ", path);
    else
        write_table(out, trace, &t);
    free(t.rows);
    cJSON_Delete(trace);
    return status;
}
