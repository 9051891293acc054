#include "frontend/interrupt.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t caught;
static struct timespec first; /* when; written before anything reads it, in the handler alone */
static char words[128];       /* a handler may write, but not format */

static void on_signal(int signal_number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (caught && now.tv_sec - first.tv_sec < 2)
        return; /* a terminal that closes, a scheduler or a shell may send several at once: they are one wish */
    if (caught)
        _exit(128 + signal_number);
    first = now;
    caught = signal_number;
    ssize_t ignored = write(STDERR_FILENO, words, strlen(words));
    (void)ignored;
}

void ij_interrupt_catch(const char *promise)
{
    snprintf(words, sizeof words, "\nijepa: %s; once more ends at once\n", promise);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction before, action;
        if (signals[i] == SIGHUP && !sigaction(SIGHUP, NULL, &before) && before.sa_handler == SIG_IGN)
            continue; /* nohup. SIGINT is caught all the same: shells ignore it for what a script runs beside itself. */
        memset(&action, 0, sizeof action);
        action.sa_handler = on_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        sigaction(signals[i], &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows beyond a limit is a failed write */
}

int ij_interrupt_signal(void)
{
    return caught;
}
