#include "tools/autotune/child.h"

#include "tools/autotune/candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec: only what is allowed there, as the OpenCL library has threads. */
static void become_candidate(int report, unsigned limit, char *const *argv)
{
    struct rlimit none = {0, 0};
    setpgid(0, 0); /* Ctrl-C is for the parent, which then ends this process */
    setrlimit(RLIMIT_CORE, &none);
    int quiet = open("/dev/null", O_RDWR);
    if (quiet >= 0) { /* compilers talk a lot when they fail */
        dup2(quiet, STDIN_FILENO);
        dup2(quiet, STDOUT_FILENO);
        dup2(quiet, STDERR_FILENO);
    }
    if (report != CANDIDATE_REPORT)
        dup2(report, CANDIDATE_REPORT);
    alarm(limit); /* survives exec: it ends the candidate should the parent be gone */
    execv("/proc/self/exe", argv);
    execvp(argv[0], argv);
    _exit(127);
}

/* Reads what the child says until it is silent for good; false where the watchdog or the person ended it. */
static bool listen_to(int from, double watchdog, const volatile int *interrupted, char *said, size_t size)
{
    double deadline = ij_now() + watchdog;
    size_t used = 0;
    for (;;) {
        struct pollfd p = {.fd = from, .events = POLLIN};
        int ready = poll(&p, 1, 100);
        if (ready > 0) {
            ssize_t n = read(from, said + used, size - 1 - used);
            if (n <= 0)
                return true;
            used += (size_t)n;
            said[used] = 0;
            if (used == size - 1)
                return true;
        } else if (*interrupted || ij_now() > deadline) {
            return false;
        }
    }
}

/* The last line that begins with `word`, without it; NULL for none. */
static char *last_line(char *said, const char *word)
{
    char *found = NULL;
    for (char *line = said; line && *line; line = strchr(line, '\n'), line += line ? 1 : 0)
        if (strncmp(line, word, strlen(word)) == 0)
            found = line + strlen(word);
    if (found)
        found[strcspn(found, "\n")] = 0;
    return found;
}

/* The child's last words: "fast SECONDS", "wrong WHAT", "failed WHAT"; before, "stage NAME" lines. */
static tune_outcome understand(char *said, int status, double *seconds, char *why, size_t why_size)
{
    char *line;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if ((line = last_line(said, "fast "))) {
            *seconds = strtod(line, NULL);
            return *seconds > 0 ? OUTCOME_FAST : OUTCOME_FAILED;
        }
        if ((line = last_line(said, "wrong "))) {
            snprintf(why, why_size, "%s", line);
            return OUTCOME_WRONG;
        }
        line = last_line(said, "failed ");
        snprintf(why, why_size, "%s", line ? line : "said nothing");
        return OUTCOME_FAILED;
    }
    line = last_line(said, "stage ");
    if (WIFSIGNALED(status))
        snprintf(why, why_size, "signal %d during %s", WTERMSIG(status), line ? line : "its start");
    else
        snprintf(why, why_size, "exit status %d during %s", WEXITSTATUS(status), line ? line : "its start");
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? OUTCOME_HUNG : OUTCOME_CRASHED;
}

tune_outcome child_run(const ij_device *device, const tune_job *job, const char *choice, int number, double watchdog,
                       const volatile int *interrupted, double *seconds, char *why, size_t why_size)
{
    char index[16], group[32], shape[48], heads[16], count[16], uses[MOST_USES][96], said[8192] = "";
    char *argv[12 + MOST_USES] = {"autotune", CANDIDATE_OPTION, index, group, shape, (char *)choice, heads, count};
    int argc = 8, report[2];
    *why = 0;
    snprintf(index, sizeof index, "%d", device->info.index);
    snprintf(group, sizeof group, "%s", ij_group_name(job->group));
    snprintf(shape, sizeof shape, "%d,%d", job->shape[0], job->shape[1]);
    snprintf(heads, sizeof heads, "%d", job->heads);
    snprintf(count, sizeof count, "%d", number);
    for (int i = 0; i < job->use_count; i++) {
        use_print(&job->uses[i], uses[i], sizeof uses[i]);
        argv[argc++] = uses[i];
    }
    if (pipe(report) != 0) {
        snprintf(why, why_size, "no pipe: %s", strerror(errno));
        return OUTCOME_STOPPED;
    }
    fcntl(report[0], F_SETFD, FD_CLOEXEC);
    pid_t child = fork();
    if (child == 0)
        become_candidate(report[1], (unsigned)watchdog + 2, argv);
    close(report[1]);
    if (child < 0) {
        snprintf(why, why_size, "no process: %s", strerror(errno));
        close(report[0]);
        return OUTCOME_STOPPED;
    }
    bool ended = listen_to(report[0], watchdog, interrupted, said, sizeof said);
    close(report[0]);
    if (!ended)
        kill(child, SIGKILL);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (ended)
        return understand(said, status, seconds, why, why_size);
    char *stage = last_line(said, "stage ");
    snprintf(why, why_size, "no end within %.0f s, during %s", watchdog, stage ? stage : "its start");
    return *interrupted ? OUTCOME_STOPPED : OUTCOME_HUNG;
}
