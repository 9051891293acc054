#include "frontend/training.h"

#include "engine/flops.h"
#include "engine/probe/rank.h"
#include "frontend/clock.h"
#include "frontend/interrupt.h"
#include "frontend/message.h"
#include "ini/convert.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- What a step measured -------------------------------------------------------------------------------------- */

static double mean_context_length(const ij_batch *batch)
{
    int sequences = batch->contexts * batch->images;
    return (double)batch->context_offset[sequences] / sequences;
}

static void watch_for_collapse(ij_training *t, int64_t k, const ij_step_record *r)
{
    char text[IJ_COLLAPSE_TEXT];
    if (!ij_collapse_see(&t->collapse, k, r->result.target_std, r->rank, text))
        return;
    ij_progress_clear(&t->progress);
    ij_tell(IJ_LOG_WARNING, "warning: %s", text);
}

static ij_status check_loss(const ij_training *t, int64_t k, double loss)
{
    if (isfinite(loss))
        return IJ_OK;
    int64_t saved = ij_saver_saved(t->saver);
    char kept[96] = "No checkpoint was written before";
    if (saved < 0 && t->begin)
        saved = t->begin;
    if (saved >= 0)
        snprintf(kept, sizeof kept, "The checkpoint of step %lld is kept", (long long)saved);
    return ij_fail(IJ_EINVAL, "the loss became %s at step %lld; try a smaller learning rate or a longer warm-up. %s",
                   isnan(loss) ? "NaN" : "infinite", (long long)k, kept);
}

/* A log that cannot be written (a full disk) is told of once; the training is worth more than its log. */
static void log_step(ij_training *t, const ij_step_record *record)
{
    if (t->log_failed || !ij_step_log_write(&t->log, record))
        return;
    t->log_failed = true;
    ij_progress_clear(&t->progress);
    ij_tell(IJ_LOG_WARNING, "warning: %s; the run goes on without a log", ij_error());
}

/* The same for TensorBoard: takes how writing events went. */
static void warn_of_events(ij_training *t, ij_status status)
{
    if (!status)
        return;
    t->events_failed = true;
    ij_progress_clear(&t->progress);
    ij_tell(IJ_LOG_WARNING, "warning: %s; the run goes on without events for TensorBoard", ij_error());
}

/* Reads the results of all steps before `end`; waits for those that the device has not done. */
static ij_status read_results(ij_training *t, int64_t end)
{
    for (; t->read < end; t->read++) {
        int64_t k = t->read;
        const ij_step_kept *kept = &t->kept[k % 2];
        ij_step_result result;
        ij_status status = ij_trainer_result(t->trainer, k, &result);
        if (status)
            return ij_fail_in(status, "step %lld: ", (long long)k);
        double now = ij_clock(), seconds = fmax(now - t->last_result - t->looked, 0);
        t->last_result = now;
        t->looked = 0;
        t->loss = result.loss;
        ij_step_record record = {.epoch = k / t->schedule.ipe + 1,
                                 .iteration = k % t->schedule.ipe,
                                 .context_length = kept->context_length,
                                 .target_length = kept->target_length,
                                 .seconds = seconds,
                                 .images_per_second = t->config->data.batch_size / fmax(seconds, 1e-9),
                                 .hyper = kept->hyper,
                                 .result = result,
                                 .rank = kept->rank,
                                 .knn = kept->curve.knn,
                                 .ridge = kept->curve.ridge};
        t->progress.flops = kept->flops;
        if (!t->team->leads) /* it is the same everywhere */
            continue;
        log_step(t, &record);
        if (!t->events_failed)
            warn_of_events(t, ij_run_events_step(&t->events, k, &record));
        if (!isnan(record.knn))
            t->progress.knn = record.knn;
        if ((status = check_loss(t, k, result.loss)))
            return status;
        ij_progress_step(&t->progress, k, result.loss, seconds);
        watch_for_collapse(t, k, &record);
    }
    return IJ_OK;
}

/* ---- Batches --------------------------------------------------------------------------------------------------- */

static ij_status begin_batch(ij_training *t, int64_t k)
{
    ij_batch *batch;
    ij_status status = ij_trainer_slot(t->trainer, (int)(k % 2), &batch);
    return status ? status : ij_loader_begin(t->loader, k, batch);
}

static void name_bad_images(ij_training *t)
{
    for (; t->bad_named < ij_loader_bad_count(t->loader); t->bad_named++) {
        ij_bad_image bad = ij_loader_bad(t->loader, t->bad_named);
        char path[4096];
        ij_dataset_path(t->dataset, bad.sample, path, sizeof path);
        ij_progress_clear(&t->progress);
        ij_tell(IJ_LOG_WARNING, "skipping the image %s: %s", path, bad.reason);
    }
}

/* ---- Checkpoints ----------------------------------------------------------------------------------------------- */

static bool is_multiple(int64_t step, int64_t every)
{
    return every && step % every == 0;
}

static bool ends_epoch(const ij_training *t)
{
    return is_multiple(t->taken, t->config->logging.checkpoint_freq * t->schedule.ipe);
}

/* Whether the checkpoint after that many steps is one that stays. */
static bool is_kept(const ij_training *t, int64_t steps)
{
    return is_multiple(steps, t->config->logging.keep_every * t->schedule.ipe);
}

static bool checkpoint_is_due(const ij_training *t)
{
    const ij_config_logging *l = &t->config->logging;
    if (t->taken >= t->steps) /* the last one is written when all is done */
        return false;
    return ends_epoch(t) || is_kept(t, t->taken) || is_multiple(t->taken, l->checkpoint_steps) ||
           (l->checkpoint_minutes > 0 && ij_clock() - t->last_checkpoint >= 60 * l->checkpoint_minutes);
}

/* In mid-run a checkpoint that cannot be written is not the end: the next one may be. */
static ij_status tell_of_checkpoint(ij_training *t, ij_status status)
{
    if (!status || status == IJ_EDEVICE)
        return status;
    ij_progress_clear(&t->progress);
    ij_tell(IJ_LOG_WARNING, "WARNING: %s; the run goes on and tries again with the next checkpoint", ij_error());
    return IJ_OK;
}

/* Without memory for a copy the device waits. */
static ij_status save_directly(ij_training *t)
{
    ij_status status = read_results(t, t->taken); /* NaNs must not replace a good checkpoint */
    if (status)
        return status;
    double begin = ij_clock();
    status = ij_saver_save(t->saver, t->taken);
    t->last_result = ij_clock(); /* the time it took is no step's */
    t->waited += t->last_result - begin;
    return tell_of_checkpoint(t, status);
}

/* Copies the state after the step that was just enqueued. A copy that is still being written is waited for only where
 * this very state is wanted; a checkpoint by steps or minutes may come a little later. */
static ij_status take_checkpoint(ij_training *t)
{
    if (!ij_saver_bytes(t->saver)) {
        t->last_checkpoint = ij_clock();
        t->checkpoint_due = false;
        return save_directly(t);
    }
    if (ij_saver_busy(t->saver)) {
        if (!ends_epoch(t) && !is_kept(t, t->taken))
            return IJ_OK;
        ij_status status = read_results(t, t->taken);
        if (status)
            return status;
        double begin = ij_clock();
        if (ij_saver_taken(t->saver) >= 0)
            ij_saver_write(t->saver);
        ij_saver_finish(t->saver);
        t->waited += ij_clock() - begin;
    }
    t->last_checkpoint = ij_clock();
    t->checkpoint_due = false;
    return tell_of_checkpoint(t, ij_saver_take(t->saver, t->taken));
}

/* Called between two steps. A copy is written once the loss of the step after it, which these weights gave, is known to
 * be sound: NaNs must not replace a good checkpoint. */
static ij_status checkpoints(ij_training *t)
{
    if (!t->team->leads)
        return IJ_OK;
    int64_t taken = ij_saver_taken(t->saver);
    if (taken >= 0 && t->read > taken)
        ij_saver_write(t->saver);
    ij_status status = tell_of_checkpoint(t, ij_saver_outcome(t->saver));
    if (status)
        return status;
    t->checkpoint_due = t->checkpoint_due || checkpoint_is_due(t);
    return t->checkpoint_due ? take_checkpoint(t) : IJ_OK;
}

/* The last checkpoint of a run that ends, in whatever way. */
static ij_status save_last(ij_training *t)
{
    if (!t->team->leads)
        return IJ_OK;
    int64_t waiting = ij_saver_taken(t->saver);
    if (waiting >= 0 && waiting < t->taken && is_kept(t, waiting))
        ij_saver_write(t->saver);
    if (ij_interrupt_signal()) /* time is short, and the last one replaces it */
        ij_saver_cancel(t->saver);
    ij_saver_finish(t->saver);
    ij_status status = tell_of_checkpoint(t, ij_saver_outcome(t->saver));
    if (status || ij_saver_saved(t->saver) == t->taken || t->taken == t->begin)
        return status;
    return ij_saver_save(t->saver, t->taken);
}

/* ---- Looking at the features ------------------------------------------------------------------------------------ */

/* Whether the rank after the last step is wanted: at an epoch's end, and in long epochs now and then. */
static bool rank_is_due(const ij_training *t)
{
    enum { STEPS = 500 };
    int64_t in_epoch = t->taken % t->schedule.ipe;
    return in_epoch == 0 || in_epoch % STEPS == 0;
}

/* At every evaluation; without [eval] at every epoch's end. */
static bool evaluation_is_due(const ij_training *t)
{
    return is_multiple(t->taken, (t->curve ? t->config->eval.every : 1) * t->schedule.ipe);
}

static ij_status draw_features(ij_training *t)
{
    if (t->events_failed || !evaluation_is_due(t))
        return IJ_OK;
    ij_status status = ij_run_events_features(&t->events, t->taken - 1);
    if (status != IJ_EDEVICE)
        warn_of_events(t, status);
    return status == IJ_EDEVICE ? status : IJ_OK;
}

/* A curve that cannot be measured is told of once, and is no reason to stop. */
static ij_status measure_curve(ij_training *t, ij_step_kept *kept)
{
    ij_curve_point point;
    if (!t->curve || t->curve_failed || !evaluation_is_due(t))
        return IJ_OK;
    ij_status status = ij_learning_curve_measure(t->curve, &point);
    if (status == IJ_EDEVICE)
        return status;
    ij_progress_clear(&t->progress);
    t->curve_failed = status != IJ_OK;
    if (status)
        ij_tell(IJ_LOG_WARNING, "warning: %s; the run goes on without [eval]", ij_error());
    else {
        kept->curve = point;
        ij_say("epoch %lld: k-NN %.2f %%, ridge %.2f %% of the [eval] images right",
               (long long)(t->taken / t->schedule.ipe), 100 * point.knn, 100 * point.ridge);
        if (isnan(kept->rank)) /* no target encoder ran */
            ij_say("\n");
        else
            ij_say(", effective rank %.1f\n", kept->rank);
        fflush(stdout);
    }
    return IJ_OK;
}

/* Called after a step was enqueued; waits for it where there is something to look at. Nothing of it changes what is
 * trained. */
static ij_status look(ij_training *t)
{
    ij_step_kept *kept = &t->kept[(t->taken - 1) % 2];
    bool features = ij_trainer_objective(t->trainer, t->taken - 1, &kept->hyper).weight[IJ_TERM_FEATURE] > 0;
    if (!rank_is_due(t) || (!features && !evaluation_is_due(t)))
        return IJ_OK;
    ij_status status = features ? ij_trainer_batch_features(t->trainer, t->features) : ij_trainer_finish(t->trainer);
    if (!status && features)
        ij_ranks_add_floats(t->team->ranks, t->features,
                            (size_t)t->config->data.batch_size * (size_t)ij_trainer_model(t->trainer)->dim);
    if (!t->team->leads)
        return status;
    double begin = ij_clock();
    if (!status && features)
        status =
            ij_effective_rank(t->features, t->config->data.batch_size, ij_trainer_model(t->trainer)->dim, &kept->rank);
    if (!status)
        status = measure_curve(t, kept);
    if (!status)
        status = draw_features(t);
    t->looked += ij_clock() - begin;
    return status;
}

static void tell_of_part(void *training, int done, int images)
{
    ij_training *t = training;
    if (t->team->leads)
        ij_progress_part(&t->progress, t->taken, done, images);
}

/* ---- The loop -------------------------------------------------------------------------------------------------- */

/* A signal may reach one rank or all of them: they end after the same step, the one after that in which it is known. */
static void tell_of_signal(ij_training *t, int64_t k)
{
    if (!t->team->ranks)
        return;
    ij_end_vote *vote = &t->ends[k % 2];
    vote->sums[0] = ij_interrupt_signal() != 0;
    vote->sums[1] = ij_interrupt_signal();
    vote->job = (ij_rank_job){.kind = IJ_RANKS_ADD_DOUBLES, .values = vote->sums, .count = 2};
    ij_ranks_begin(t->team->ranks, &vote->job);
}

/* Of the step before k. */
static void hear_of_signals(ij_training *t, int64_t k)
{
    if (!t->team->ranks || k == t->begin)
        return;
    ij_end_vote *vote = &t->ends[(k + 1) % 2];
    ij_ranks_wait(t->team->ranks, &vote->job);
    if (vote->sums[0] > 0)
        t->ended_by = (int)(vote->sums[1] / vote->sums[0]);
}

static bool is_ending(const ij_training *t)
{
    return t->team->ranks ? t->ended_by != 0 : ij_interrupt_signal() != 0;
}

static ij_status one_step(ij_training *t)
{
    int64_t k = t->taken;
    ij_batch *batch;
    ij_step_kept *kept = &t->kept[k % 2];
    ij_status status = ij_loader_finish(t->loader);
    name_bad_images(t);
    if (status || (status = ij_trainer_slot(t->trainer, (int)(k % 2), &batch)))
        return status;
    if (k == t->begin && t->team->leads)
        warn_of_events(t, ij_run_events_masks(&t->events, k, batch, ij_model_side(ij_trainer_model(t->trainer))));
    kept->hyper = ij_schedule_at(&t->schedule, k);
    kept->context_length = mean_context_length(batch);
    kept->target_length = batch->target_length;
    ij_objective objective = ij_trainer_objective(t->trainer, k, &kept->hyper);
    kept->flops = t->peak > 0 ? ij_step_flops(ij_trainer_model(t->trainer), batch, &objective) : 0;
    kept->rank = kept->curve.knn = kept->curve.ridge = NAN;
    if ((status = ij_trainer_step(t->trainer, (int)(k % 2), &kept->hyper)))
        return ij_fail_in(status, "step %lld: ", (long long)k);
    t->taken++;
    tell_of_signal(t, k);
    if ((status = ij_team_look(t->team, t->trainer, t->taken, t->steps)))
        return status;
    if (t->taken < t->steps && (status = begin_batch(t, t->taken)))
        return status;
    hear_of_signals(t, k);
    status = read_results(t, k); /* all but the one that was just enqueued: the device is never waited for idly */
    return status ? status : look(t);
}

static ij_status loop(ij_training *t)
{
    ij_status status = begin_batch(t, t->begin);
    while (!status && t->taken < t->steps && !is_ending(t)) {
        status = one_step(t);
        if (!status)
            status = checkpoints(t);
    }
    return status ? status : read_results(t, t->taken);
}

static ij_status run(ij_training *t)
{
    t->taken = t->read = t->begin;
    ij_progress_start(&t->progress, t->steps, t->schedule.ipe,
                      (int)((ij_schedule_length(&t->schedule) + t->schedule.ipe - 1) / t->schedule.ipe),
                      t->config->data.batch_size, t->peak);
    t->last_result = t->last_checkpoint = t->progress.started;
    ij_trainer_tell_parts(t->trainer, tell_of_part, t);
    ij_status status = loop(t);
    ij_trainer_tell_parts(t->trainer, NULL, NULL);
    if (t->progress.terminal)
        puts("");
    if (!status)
        return save_last(t);

    /* Where the images failed, or memory did, not the model, the steps taken so far are worth keeping. */
    if ((status == IJ_EIO || status == IJ_EFORMAT || status == IJ_ENOMEM) && t->taken > t->begin && t->team->leads) {
        char reason[4096], path[IJ_PATH_MAX];
        snprintf(reason, sizeof reason, "%s", ij_error());
        ij_status late = read_results(t, t->taken);
        if (!late && !(late = save_last(t)))
            return ij_fail(status, "%s. The checkpoint %s holds the %lld steps until then", reason,
                           ij_run_folder_checkpoint(t->folder, t->taken, path), (long long)t->taken);
        return ij_fail_in(status, "%s. No checkpoint could be made of the %lld steps until then: ", reason,
                          (long long)t->taken);
    }
    return status;
}

ij_status ij_training_run(ij_training *t)
{
    t->features =
        malloc((size_t)t->config->data.batch_size * (size_t)ij_trainer_model(t->trainer)->dim * sizeof(float));
    if (!t->features)
        return ij_fail(IJ_ENOMEM, "no host memory for the features of a batch");
    ij_status status = run(t);
    free(t->features);
    return status;
}
