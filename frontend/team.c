#include "frontend/team.h"

#include "engine/base/try.h"
#include "frontend/message.h"
#include "frontend/shares.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Who ----------------------------------------------------------------------------------------------------------
 */

static void tell_end(const char *why)
{
    ij_complain("%s", why);
}

ij_status ij_team_open(ij_team *t)
{
    *t = (ij_team){.count = 1, .leads = true, .alike = true};
    TRY(ij_ranks_open(&t->ranks, tell_end));
    t->count = ij_ranks_count(t->ranks);
    t->own = ij_ranks_own(t->ranks);
    t->leads = t->own == 0;
    t->rates = calloc((size_t)t->count, sizeof *t->rates);
    t->shares = calloc((size_t)t->count, sizeof *t->shares);
    if (!t->rates || !t->shares)
        return ij_fail(IJ_ENOMEM, "out of memory for the ranks");
    if (!t->ranks)
        return IJ_OK;
    char name[32];
    snprintf(name, sizeof name, "rank %d", t->own);
    ij_log_name(name);
    if (t->leads)
        return IJ_OK;
    if (ij_log_shows(IJ_LOG_INFO))
        ij_log_set(IJ_LOG_WARNING);
    if (!freopen("/dev/null", "w", stdout)) /* results are rank 0's */
        return ij_fail(IJ_EIO, "/dev/null cannot be opened");
    return IJ_OK;
}

void ij_team_fail(ij_team *t, int exit_status)
{
    if (t->ranks)
        ij_ranks_abort(t->ranks, exit_status);
}

void ij_team_close(ij_team *t)
{
    ij_ranks_close(t->ranks);
    free(t->rates);
    free(t->shares);
    *t = (ij_team){0};
}

/* ---- On what ------------------------------------------------------------------------------------------------------
 */

/* Element `at`, counted around, of a list with commas. */
static void pick(const char *list, int at, char *own, size_t size)
{
    int count = 1;
    for (const char *c = list; *c; c++)
        count += *c == ',';
    for (at %= count; at > 0; at--)
        list = strchr(list, ',') + 1;
    snprintf(own, size, "%.*s", (int)strcspn(list, ","), list);
}

static ij_status own_gpu(int local, char *own, size_t size)
{
    ij_device_info *list;
    int count, gpus = 0;
    TRY(ij_device_list(&list, &count));
    for (int i = 0; i < count; i++)
        gpus += list[i].type == IJ_DEVICE_GPU;
    for (int i = 0, gpu = 0; i < count; i++)
        if (list[i].type == IJ_DEVICE_GPU && gpu++ == local % gpus)
            snprintf(own, size, "%d", i);
    free(list);
    return IJ_OK;
}

/* PoCL, old and new, asks these how many threads a CPU device has. */
static void share_cores(int here)
{
    char threads[24];
    long cores = sysconf(_SC_NPROCESSORS_ONLN) / here;
    snprintf(threads, sizeof threads, "%ld", cores > 1 ? cores : 1);
    setenv("POCL_MAX_PTHREAD_COUNT", threads, 0);
    setenv("POCL_CPU_MAX_CU_COUNT", threads, 0);
}

ij_status ij_team_device(const ij_team *t, const char *choice, char *own, size_t size)
{
    int local = ij_ranks_local(t->ranks);
    const char *variable = getenv("IJEPA_DEVICE");
    if (!*choice && variable)
        choice = variable;
    if (ij_ranks_here(t->ranks) > 1)
        share_cores(ij_ranks_here(t->ranks));
    if (!t->ranks) {
        snprintf(own, size, "%s", choice);
        return IJ_OK;
    }
    pick(choice, local, own, size);
    return *own ? IJ_OK : own_gpu(local, own, size);
}

/* ---- The same everywhere ------------------------------------------------------------------------------------------
 */

/* Rank 0's text; malloc'ed. */
static ij_status text_of_first(const ij_team *t, const char *own, char **text)
{
    size_t size = strlen(own) + 1;
    ij_ranks_from_first(t->ranks, &size, sizeof size);
    *text = calloc(size, 1);
    if (!*text)
        return ij_fail(IJ_ENOMEM, "out of memory for rank 0's configuration");
    if (t->leads)
        memcpy(*text, own, size);
    ij_ranks_from_first(t->ranks, *text, size);
    return IJ_OK;
}

/* What a rank may have of its own: a device and what suits it. */
static ij_status compare_configs(const char *first, const ij_config *config, char *lines, size_t size)
{
    ij_config *other = malloc(2 * sizeof *other), *own = other + 1;
    char *later = malloc(size);
    ij_status status = other && later ? ij_config_parse(other, "rank 0", first, strlen(first), NULL, 0)
                                      : ij_fail(IJ_ENOMEM, "out of memory for rank 0's configuration");
    if (!status) {
        *own = *config;
        own->run = other->run;
        own->run.seed = config->run.seed;
        ij_config_compare(other, own, lines, later, size);
        size_t used = strlen(lines);
        snprintf(lines + used, size - used, "%s", later);
    }
    free(other);
    free(later);
    return status;
}

ij_status ij_team_check(ij_team *t, const ij_config *config, const ij_run_identity *identity)
{
    enum { ROOM = 6000 };
    static char lines[ROOM];
    if (!t->ranks)
        return IJ_OK;
    *lines = '\0';
    for (int i = 0; i < identity->count; i++) {
        const char *key = identity->pair[i][0], *own = identity->pair[i][1];
        char *first;
        TRY(text_of_first(t, own, &first));
        ij_status status = IJ_OK;
        size_t used = strlen(lines);
        if (!strcmp(key, "config"))
            status = compare_configs(first, config, lines, ROOM);
        else if (strcmp(first, own) && own != identity->numbers) /* devices may differ */
            snprintf(lines + used, ROOM - used, "\n  %s: %s, rank 0's %s", key, own, first);
        free(first);
        TRY(status);
    }
    const char *numbers = identity->numbers;
    char *first;
    TRY(text_of_first(t, numbers, &first));
    double others = strcmp(first, numbers) != 0;
    free(first);
    ij_ranks_add(t->ranks, &others, 1);
    t->alike = others == 0;
    if (*lines)
        return ij_fail(IJ_EINVAL, "rank %d cannot take part: it is not about the same as rank 0:%s", t->own, lines);
    return IJ_OK;
}

/* ---- Shares -------------------------------------------------------------------------------------------------------
 */

enum { DEVICE = 320 };

static ij_status name_devices(const ij_team *t, const ij_device *device, char **names)
{
    const ij_device_info *info = ij_device_describe(device);
    *names = calloc((size_t)t->count, DEVICE);
    if (!*names)
        return ij_fail(IJ_ENOMEM, "out of memory for the ranks' devices");
    snprintf(*names + (size_t)t->own * DEVICE, DEVICE, "%.200s (%.100s)", info->name, info->platform);
    ij_ranks_gather(t->ranks, *names, DEVICE);
    return IJ_OK;
}

static void print_shares(const ij_team *t, const char *names)
{
    for (int r = 0; r < t->count; r++)
        ij_say("rank %d: %d of %d images of each batch, on %s\n", r, t->shares[r], t->batch,
               names + (size_t)r * DEVICE);
}

ij_status ij_team_start(ij_team *t, const ij_config *config, const ij_device *device)
{
    char share[IJ_CONFIG_TEXT];
    snprintf(share, sizeof share, "%s", config->run.share);
    ij_ranks_from_first(t->ranks, share, sizeof share);
    t->batch = config->data.batch_size;
    if (!t->ranks)
        return IJ_OK;
    char *names;
    TRY(name_devices(t, device, &names));
    bool list = strcmp(share, "auto") != 0 && strcmp(share, "equal") != 0;
    t->measured = !strcmp(share, "auto") && !t->alike;
    for (int r = 0; r < t->count; r++)
        t->rates[r] = 1;
    ij_status status = list ? ij_shares_read(share, t->count, t->rates) : IJ_OK;
    if (!status)
        status = ij_shares_by_rates(t->batch, t->count, t->rates, t->shares);
    if (!status)
        print_shares(t, names);
    free(names);
    return status;
}

void ij_team_loader(const ij_team *t, ij_loader_config *config)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN) / ij_ranks_here(t->ranks);
    if (ij_ranks_here(t->ranks) > 1 && config->workers == 0)
        config->workers = cores > 2 ? (int)cores - 1 : 1;
}

int ij_team_most(const ij_team *t)
{
    if (!t->ranks)
        return 0;
    return t->measured ? t->batch - t->count + 1 : t->shares[t->own];
}

ij_status ij_team_take(ij_team *t, ij_trainer *trainer)
{
    int first = 0;
    if (!t->ranks)
        return IJ_OK;
    if (ij_trainer_reorders(trainer)) /* and so sums of a gradient's squares are taken in different orders */
        t->alike = false;
    for (int r = 0; r < t->own; r++)
        first += t->shares[r];
    return ij_trainer_set_share(trainer, first, t->shares[t->own]);
}

/* ---- Now and then --------------------------------------------------------------------------------------------------
 */

/* By what each rank's device takes for an image. */
static ij_status share_anew(ij_team *t, ij_trainer *trainer)
{
    ij_exchange_times now = ij_trainer_exchange(trainer);
    double seconds = now.busy - t->before.busy;
    int64_t steps = now.steps - t->before.steps;
    t->before = now;
    t->rates[t->own] = seconds > 0 && steps > 0 ? (double)(t->shares[t->own] * steps) / seconds : 0;
    ij_ranks_gather(t->ranks, t->rates, sizeof *t->rates);
    for (int r = 0; r < t->count; r++)
        if (!(t->rates[r] > 0))
            return IJ_OK; /* nothing was measured */
    TRY(ij_shares_by_rates(t->batch, t->count, t->rates, t->shares));
    return ij_team_take(t, trainer);
}

ij_status ij_team_look(ij_team *t, ij_trainer *trainer, int64_t steps, int64_t last)
{
    enum { FIRST = 10, SECOND = 100, EVERY = 500 };
    if (!t->ranks || (steps % EVERY && steps != last && steps != FIRST && steps != SECOND))
        return IJ_OK;
    if (t->measured && steps != last)
        TRY(share_anew(t, trainer));
    if (!t->alike)
        return ij_trainer_share_state(trainer);
    bool agrees;
    TRY(ij_trainer_agrees(trainer, &agrees));
    if (agrees)
        return IJ_OK;
    return ij_fail(IJ_EDEVICE,
                   "after step %lld the ranks do not have the same weights: one of the devices, or its "
                   "memory, computes wrongly",
                   (long long)steps);
}
