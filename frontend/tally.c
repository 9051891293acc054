#include "frontend/tally.h"

#include "frontend/clock.h"

#include <stdio.h>
#include <unistd.h>

void ij_tally_start(ij_tally *t, int64_t of)
{
    *t = (ij_tally){.of = of, .terminal = isatty(STDERR_FILENO), .started = ij_clock()};
    t->last = t->started;
}

void ij_tally_step(ij_tally *t, int64_t done)
{
    double now = ij_clock(), seconds = now - t->started;
    if (done < 1 || done >= t->of || now - t->last < (t->terminal ? 0.2 : 10))
        return;
    t->last = now;
    char left[32];
    ij_clock_format((double)(t->of - done) * seconds / (double)done, left, sizeof left);
    double rate = (double)done / seconds;
    fprintf(stderr, "%s%lld of %lld images  %.*f images/s  %s left%s", t->terminal ? "\r" : "", (long long)done,
            (long long)t->of, rate < 10 ? 1 : 0, rate, left, t->terminal ? "\x1b[K" : "\n");
    fflush(stderr);
    t->visible = t->terminal;
}

void ij_tally_clear(ij_tally *t)
{
    if (t->visible)
        fputs("\r\x1b[K", stderr);
    t->visible = false;
}
