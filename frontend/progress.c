#include "frontend/progress.h"

#include "frontend/clock.h"
#include "frontend/message.h"
#include "frontend/progress_line.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE = 512, USUAL_WIDTH = 80 };

static bool terminal_is_dumb(void)
{
    const char *term = getenv("TERM");
    return term && !strcmp(term, "dumb");
}

bool ij_progress_on_terminal(void)
{
    return ij_log_shows(IJ_LOG_INFO) && isatty(STDOUT_FILENO) && !terminal_is_dumb();
}

/* Columns of the terminal now: it may have been resized. */
static int terminal_width(void)
{
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return columns && atoi(columns) > 0 ? atoi(columns) : USUAL_WIDTH;
}

void ij_progress_start(ij_progress *p, int64_t steps, int64_t steps_an_epoch, int epochs, int batch, double peak)
{
    const char *no_colour = getenv("NO_COLOR");
    memset(p, 0, sizeof *p);
    p->steps = steps;
    p->steps_an_epoch = steps_an_epoch;
    p->epochs = epochs;
    p->batch = batch;
    p->peak = peak;
    p->knn = NAN;
    p->quiet = !ij_log_shows(IJ_LOG_INFO);
    p->terminal = ij_progress_on_terminal();
    p->colour = p->terminal && !(no_colour && *no_colour); /* no-color.org: set, and not empty */
    p->started = p->step_began = ij_clock();
}

static void print_text(const ij_progress *p, const char *text)
{
    if (p->terminal)
        printf("\r%s\x1b[K", text);
    else
        puts(text);
    fflush(stdout);
}

/* The last column stays free: a terminal may wrap when it is written. */
static int width_of(const ij_progress *p)
{
    return p->terminal ? terminal_width() - 1 : 0;
}

static void print_line(const ij_progress *p, int64_t k)
{
    bool timed = p->seconds > 0;
    ij_progress_figures figures = {.epoch = k / p->steps_an_epoch + 1,
                                   .iteration = k % p->steps_an_epoch + 1,
                                   .epochs = p->epochs,
                                   .iterations = p->steps_an_epoch,
                                   .done = (double)(k + 1) / (double)p->steps,
                                   .loss = p->loss,
                                   .knn = p->knn,
                                   .rate = timed ? p->batch / p->seconds : NAN,
                                   .of_peak = timed && p->peak > 0 ? p->flops / p->seconds / p->peak : NAN,
                                   .left = timed ? (double)(p->steps - k - 1) * p->seconds : NAN};
    char text[LINE];
    print_text(p, ij_progress_line(&figures, width_of(p), p->colour, text, sizeof text));
}

void ij_progress_step(ij_progress *p, int64_t k, double loss, double seconds)
{
    /* The newest twentieth, so that the figures neither flicker nor lag; the plain mean over the first twenty. The
     * first step's time is left out: it warms caches. */
    double n = (double)++p->seen;
    p->loss += (loss - p->loss) / (n < 20 ? n : 20);
    if (n > 1)
        p->seconds += (seconds - p->seconds) / (n < 21 ? n - 1 : 20);

    double now = p->step_began = ij_clock();
    double pause = p->terminal ? 0.2 : 10;
    if (p->quiet || (k + 1 < p->steps && p->seen > 1 && now - p->shown < pause))
        return;
    p->shown = now;
    print_line(p, k);
}

void ij_progress_part(ij_progress *p, int64_t k, int done, int images)
{
    enum { LONG = 10 }; /* seconds of a step of which nothing is said */
    double now = ij_clock(), took = now - p->step_began, pause = p->terminal ? 1 : 60;
    if (p->quiet || done >= images || took < LONG || now - p->shown < pause)
        return;
    p->shown = now;
    char text[LINE];
    print_text(p, ij_progress_part_line(k + 1, p->steps, done, images, took / done * (images - done), width_of(p), text,
                                        sizeof text));
}

void ij_progress_clear(ij_progress *p)
{
    if (p->terminal) {
        fputs("\r\x1b[K", stdout);
        fflush(stdout);
    }
}
