#include "frontend/resume.h"

#include "data/fingerprint.h"
#include "engine/base/try.h"
#include "engine/checkpoint.h"
#include "engine/numbers.h"
#include "frontend/message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char key_config[] = "config", key_images[] = "data.images", key_names[] = "data.names",
                  key_epoch[] = "epoch.iterations", key_numbers[] = "numbers", key_version[] = "ijepa.version";

/* ---- What a run is -------------------------------------------------------------------------------------------------
 */

static ij_status print_config(const ij_config *config, char **text)
{
    size_t size;
    *text = NULL;
    FILE *out = open_memstream(text, &size);
    if (out)
        ij_config_print_values(config, out);
    return out && fclose(out) == 0 ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for the configuration's text");
}

ij_status ij_run_identity_make(ij_run_identity *r, const ij_config *config, const ij_dataset *dataset,
                               const ij_device *device)
{
    *r = (ij_run_identity){0};
    TRY(print_config(config, &r->config));
    snprintf(r->images, sizeof r->images, "%" PRId64, ij_dataset_count(dataset));
    snprintf(r->names, sizeof r->names, "%016" PRIx64, ij_dataset_fingerprint(dataset));
    ij_device_numbers(device, r->numbers, sizeof r->numbers);
    const char *const pairs[][2] = {{key_version, IJEPA_VERSION}, {key_config, r->config},
                                    {key_images, r->images},      {key_names, r->names},
                                    {key_epoch, r->epoch_steps},  {key_numbers, r->numbers}};
    memcpy(r->pair, pairs, sizeof pairs);
    r->count = sizeof pairs / sizeof *pairs;
    return IJ_OK;
}

void ij_run_identity_epoch(ij_run_identity *r, int64_t steps)
{
    snprintf(r->epoch_steps, sizeof r->epoch_steps, "%" PRId64, steps);
}

void ij_run_identity_free(ij_run_identity *r)
{
    free(r->config);
    r->config = NULL;
}

/* ---- Which checkpoint ----------------------------------------------------------------------------------------------
 */

static ij_status note_damaged(ij_resume *r, int64_t step)
{
    ij_tell(IJ_LOG_WARNING, "warning: %s; the one before is tried", ij_error());
    int64_t *longer = realloc(r->damaged, (size_t)(r->damaged_count + 1) * sizeof *longer);
    if (!longer)
        return ij_fail(IJ_ENOMEM, "out of memory for a list of checkpoints");
    r->damaged = longer;
    r->damaged[r->damaged_count++] = step;
    return IJ_OK;
}

static ij_status check_step(ij_model_file *file, int64_t step)
{
    int64_t is = ij_model_file_describe(file)->iteration;
    if (is == step)
        return IJ_OK;
    TRY(ij_model_file_check(file)); /* the number may be wrong because the file is damaged */
    if (is < 0)
        return ij_fail(IJ_EINVAL, "%s: a run cannot go on from it: it does not say how many steps were taken",
                       ij_model_file_path(file));
    return ij_fail(IJ_EINVAL, "%s: is named after step %lld, but %lld steps were taken: rename it",
                   ij_model_file_path(file), (long long)step, (long long)is);
}

/* The newest of those before step `before` that can be opened. */
static ij_status find_before(ij_resume *r, const ij_run_folder *folder, int64_t before)
{
    char path[IJ_PATH_MAX];
    int64_t *steps;
    int count;
    ij_model_file_close(r->file);
    r->file = NULL;
    ij_status status = ij_run_folder_checkpoints(folder, &steps, &count);
    for (int i = 0; i < count && !status && !r->file; i++) {
        if (steps[i] >= before)
            continue;
        r->step = steps[i];
        status = ij_model_file_open(&r->file, ij_run_folder_checkpoint(folder, steps[i], path));
        if (!status)
            status = check_step(r->file, steps[i]);
        if (status == IJ_EFORMAT) {
            status = note_damaged(r, steps[i]);
            ij_model_file_close(r->file);
            r->file = NULL;
        }
    }
    free(steps);
    if (!status && !r->file && count)
        status =
            ij_fail(IJ_EFORMAT,
                    "none of the %d checkpoints in %s can be read: the run cannot go on; without --resume it would "
                    "start afresh",
                    count, folder->base);
    return status;
}

ij_status ij_resume_find(ij_resume *r, const ij_run_folder *folder)
{
    return find_before(r, folder, INT64_MAX);
}

void ij_resume_free(ij_resume *r)
{
    ij_model_file_close(r->file);
    free(r->damaged);
    *r = (ij_resume){0};
}

/* ---- Whether it fits -----------------------------------------------------------------------------------------------
 */

/* Adds a line for a value that the checkpoint and this run have differently; files without the value fit. */
static void compare(const ij_model_file *file, const char *key, const char *what, const char *now, char *lines,
                    size_t size)
{
    const char *was = ij_model_file_metadata(file, key);
    size_t used = strlen(lines);
    if (was && strcmp(was, now) != 0)
        snprintf(lines + used, size - used, "\n  %s: %s, the run's %s", what, now, was);
}

ij_status ij_resume_check(const ij_resume *resume, const ij_config *config, const ij_run_identity *now)
{
    const ij_model_file *file = resume->file;
    enum { ROOM = 6000 };
    static char contradictions[ROOM], changes[ROOM];
    const char *path = ij_model_file_path(file), *text = ij_model_file_metadata(file, key_config);
    *contradictions = *changes = '\0';
    if (text) {
        ij_config *run = malloc(sizeof *run);
        if (!run)
            return ij_fail(IJ_ENOMEM, "out of memory for the run's configuration");
        ij_status status = ij_config_parse(run, path, text, strlen(text), NULL, 0);
        if (!status)
            ij_config_compare(run, config, contradictions, changes, ROOM);
        free(run);
        if (status)
            return ij_fail_in(status, "%s: the configuration in it: ", path);
    } else {
        ij_tell(IJ_LOG_INFO, "note: %s does not hold its run's configuration: nothing can be compared but the model",
                path);
    }
    compare(file, key_images, "images in the data set", now->images, contradictions, ROOM);
    if (!*contradictions)
        compare(file, key_names, "names of the images in the data set (their sum)", now->names, contradictions, ROOM);
    if (*contradictions)
        return ij_fail(IJ_EINVAL,
                       "the run in %s cannot go on with this configuration:%s\nUse the run's values, or another "
                       "logging.folder for another run.",
                       path, contradictions);
    compare(file, key_numbers, "computed by", now->numbers, changes, ROOM);
    if (*changes)
        ij_tell(IJ_LOG_INFO, "note: the run goes on, but not as it would have:%s", changes);
    return IJ_OK;
}

ij_status ij_resume_load(ij_resume *r, const ij_run_folder *folder, const ij_config *config, const ij_run_identity *now,
                         ij_trainer *trainer)
{
    ij_status status;
    while ((status = ij_checkpoint_resume(trainer, r->file)) == IJ_EFORMAT || status == IJ_EIO) {
        TRY(note_damaged(r, r->step));
        TRY(find_before(r, folder, r->step));
        TRY(ij_resume_check(r, config, now));
    }
    for (int i = 0; i < r->damaged_count && !status; i++) {
        if ((status = ij_run_folder_set_aside(folder, r->damaged[i], r->step)))
            break;
        ij_tell(IJ_LOG_INFO, "note: the damaged checkpoint of step %lld is now called ....damaged",
                (long long)r->damaged[i]);
    }
    return status;
}
