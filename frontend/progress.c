#include "frontend/progress.h"

#include "frontend/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void ij_progress_start(ij_progress *p, int64_t steps, int64_t steps_an_epoch, int epochs, int batch)
{
    memset(p, 0, sizeof *p);
    p->steps = steps;
    p->steps_an_epoch = steps_an_epoch;
    p->epochs = epochs;
    p->batch = batch;
    p->terminal = isatty(STDOUT_FILENO);
    p->started = ij_clock();
}

static void print_line(ij_progress *p, int64_t k)
{
    char left[32], rate[32] = "", time_left[48] = "";
    if (p->seconds > 0) {
        snprintf(rate, sizeof rate, "  %.*f images/s", p->batch / p->seconds < 100 ? 1 : 0, p->batch / p->seconds);
        ij_clock_format((double)(p->steps - k - 1) * p->seconds, left, sizeof left);
        snprintf(time_left, sizeof time_left, "  %s left", left);
    }
    printf("%sepoch %lld/%d  iteration %lld/%lld  loss %.5f%s%s%s", p->terminal ? "\r" : "",
           (long long)(k / p->steps_an_epoch + 1), p->epochs, (long long)(k % p->steps_an_epoch + 1),
           (long long)p->steps_an_epoch, p->loss, rate, time_left, p->terminal ? "\x1b[K" : "\n");
    fflush(stdout);
}

void ij_progress_step(ij_progress *p, int64_t k, double loss, double seconds)
{
    /* The newest twentieth, so that the figures neither flicker nor lag; the plain mean over the first twenty. The
     * first step's time is left out: it warms caches. */
    double n = (double)++p->seen;
    p->loss += (loss - p->loss) / (n < 20 ? n : 20);
    if (n > 1)
        p->seconds += (seconds - p->seconds) / (n < 21 ? n - 1 : 20);

    double now = ij_clock();
    double pause = p->terminal ? 0.2 : 10;
    if (k + 1 < p->steps && p->seen > 1 && now - p->shown < pause)
        return;
    p->shown = now;
    print_line(p, k);
}

void ij_progress_clear(ij_progress *p)
{
    if (p->terminal) {
        fputs("\r\x1b[K", stdout);
        fflush(stdout);
    }
}
