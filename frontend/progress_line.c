#include "frontend/progress_line.h"

#include "frontend/clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARTS = 7, TEXT = 48, BAR = 12, WIDEST_BAR = 40 };

/* One figure: as it is with room enough, and shortened; "" where it is not known. */
typedef struct part {
    char text[2][TEXT];
    int rank; /* 0 is the most important */
    int form; /* which text is used; 2: none */
} part;

static int length(const part *p)
{
    return p->form < 2 ? (int)strlen(p->text[p->form]) : 0;
}

/* With two spaces between figures, or one where all are short. */
static int total(const part *parts, int gap)
{
    int sum = 0;
    for (int i = 0; i < PARTS; i++)
        if (length(&parts[i]))
            sum += length(&parts[i]) + (sum ? gap : 0);
    return sum;
}

static void describe(const ij_progress_figures *f, part *parts)
{
    char left[TEXT / 2];
    long long epoch = f->epoch, iteration = f->iteration;
    memset(parts, 0, PARTS * sizeof *parts);
    part *p = parts;
    p->rank = 2;
    snprintf(p->text[0], TEXT, "epoch %lld/%lld", epoch, (long long)f->epochs);
    snprintf(p->text[1], TEXT, "%lld/%lld", epoch, (long long)f->epochs);
    p++;
    p->rank = 5;
    snprintf(p->text[0], TEXT, "iteration %lld/%lld", iteration, (long long)f->iterations);
    snprintf(p->text[1], TEXT, "%lld/%lld", iteration, (long long)f->iterations);
    p++;
    p->rank = 0;
    snprintf(p->text[0], TEXT, "loss %.5f", f->loss);
    snprintf(p->text[1], TEXT, "%.4f", f->loss);
    p++;
    p->rank = 3;
    if (!isnan(f->knn)) {
        snprintf(p->text[0], TEXT, "k-NN %.1f %%", 100 * f->knn);
        snprintf(p->text[1], TEXT, "kNN %.0f%%", 100 * f->knn);
    }
    p++;
    p->rank = 4;
    if (!isnan(f->rate)) {
        snprintf(p->text[0], TEXT, "%.*f images/s", f->rate < 100 ? 1 : 0, f->rate);
        snprintf(p->text[1], TEXT, "%.*f/s", f->rate < 10 ? 1 : 0, f->rate);
    }
    p++;
    p->rank = 6;
    if (!isnan(f->of_peak))
        snprintf(p->text[0], TEXT, "%.0f %% of peak", 100 * f->of_peak);
    p++;
    p->rank = 1;
    if (!isnan(f->left)) {
        ij_clock_format(f->left, left, sizeof left);
        snprintf(p->text[0], TEXT, "%s left", left);
        snprintf(p->text[1], TEXT, "%s", left);
    }
}

/* Shortens the least important figures, then leaves them out, until all fits. Returns the gap between them. */
static int fit(part *parts, int width)
{
    for (int form = 1; form <= 2; form++)
        for (int rank = PARTS - 1; rank >= (form == 2); rank--) { /* the most important one stays */
            if (total(parts, 2) <= width)
                return 2;
            for (int i = 0; i < PARTS; i++)
                if (parts[i].rank == rank)
                    parts[i].form = form;
            if (form == 1 && total(parts, 2) > width && total(parts, 1) <= width)
                return 1;
        }
    return 1;
}

/* The text grows at its end; what does not fit its room is cut off. */
static void append(char *text, size_t size, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s", more);
}

static void append_bar(char *text, size_t size, double done, int width, bool colour)
{
    int full = (int)(done * width + 0.5);
    full = full < 0 ? 0 : full > width ? width : full;
    append(text, size, "  ");
    append(text, size, colour ? "\x1b[36m" : "[");
    for (int i = 0; i < width; i++) {
        if (colour && i == full)
            append(text, size, "\x1b[90m");
        append(text, size, i < full ? "=" : colour ? "-" : ".");
    }
    append(text, size, colour ? "\x1b[0m" : "]");
}

const char *ij_progress_line(const ij_progress_figures *f, int width, bool colour, char *text, size_t size)
{
    part parts[PARTS];
    describe(f, parts);
    int gap = width > 0 ? fit(parts, width) : 2;
    int bar = width > 0 ? width - total(parts, gap) - (colour ? 2 : 4) : 0;
    text[0] = '\0';
    for (int i = 0; i < PARTS; i++) {
        const part *p = &parts[i];
        if (!length(p))
            continue;
        if (*text)
            append(text, size, gap == 2 ? "  " : " ");
        append(text, size, colour && p->rank == 0 ? "\x1b[1m" : "");
        append(text, size, p->text[p->form]);
        append(text, size, colour && p->rank == 0 ? "\x1b[0m" : "");
        if (i == 0 && bar >= BAR && gap == 2)
            append_bar(text, size, f->done, bar > WIDEST_BAR ? WIDEST_BAR : bar, colour);
    }
    if (width > 0 && !colour && (int)strlen(text) > width)
        text[width] = '\0';
    return text;
}

const char *ij_progress_part_line(int64_t step, int64_t steps, int done, int images, double left, int width, char *text,
                                  size_t size)
{
    char time[TEXT / 2];
    ij_clock_format(left, time, sizeof time);
    int n = snprintf(text, size, "step %lld/%lld: %d of %d images, %s left of this step", (long long)step,
                     (long long)steps, done, images, time);
    if (width && n > width)
        n = snprintf(text, size, "%d/%d images  %s left", done, images, time);
    if (width && n > width)
        snprintf(text, size, "%.*s", width, time);
    return text;
}
