#include "frontend/features.h"

#include "data/fingerprint.h"
#include "data/loader.h"
#include "frontend/feature_parcels.h"
#include "frontend/message.h"
#include "frontend/tally.h"

#include <stdlib.h>
#include <string.h>

/* Unreadable images that are named one by one; the rest are counted. */
enum { MOST_NAMED = 20 };

/* A batch of the data set's images, some of which may turn out unreadable. */
typedef struct slot {
    int count;
    int64_t *samples;
    bool *readable;
    uint8_t *pixels;
} slot;

typedef struct work {
    const ij_features_job *job;
    ij_loader *loader;
    int size, batch;
    int64_t count;              /* samples in all */
    slot slots[2];              /* one is decoded while the other is computed */
    ij_feature_parcels parcels; /* of one batch from each rank */
    int64_t named;              /* bad images of the loader's list that were told of */
    int64_t produced;           /* images handed on */
    ij_tally tally;
} work;

/* What must be the same on all ranks, but for the batch, of which the smallest counts. */
typedef struct agreement {
    int64_t batch, size, floats, count;
    uint64_t images;
} agreement;

static ij_status agree(work *w)
{
    const ij_features_job *job = w->job;
    if (!job->ranks)
        return IJ_OK;
    int ranks = ij_ranks_count(job->ranks), own = ij_ranks_own(job->ranks);
    agreement *all = calloc((size_t)ranks, sizeof *all);
    if (!all)
        return ij_fail(IJ_ENOMEM, "no host memory for %d ranks", ranks);
    all[own] = (agreement){w->batch, w->size, job->encoder ? ij_encoder_floats(job->encoder) : 0, w->count,
                           ij_dataset_fingerprint(job->dataset)};
    ij_ranks_gather(job->ranks, all, sizeof *all);
    bool same = true;
    for (int r = 0; r < ranks; r++) {
        w->batch = all[r].batch < w->batch ? (int)all[r].batch : w->batch;
        same = same && all[r].size == all[own].size && all[r].floats == all[own].floats &&
               all[r].count == all[own].count && all[r].images == all[own].images;
    }
    free(all);
    return same ? IJ_OK : ij_fail(IJ_EINVAL, "the ranks are not about the same: model, options or images differ");
}

static ij_status open_work(work *w)
{
    const ij_features_job *job = w->job;
    w->size = job->encoder ? ij_encoder_model(job->encoder)->crop : job->size;
    w->batch = job->encoder ? ij_encoder_batch(job->encoder) : job->batch;
    if (w->batch < 1)
        return ij_fail(IJ_EINVAL, "batches of %d images", w->batch);
    w->count = job->samples ? job->count : ij_dataset_count(job->dataset);
    ij_status status = agree(w);
    if (status)
        return status;
    if (w->count < w->batch) /* room for more would never be used */
        w->batch = w->count < 1 ? 1 : (int)w->count;
    ij_loader_config config = ij_loader_defaults();
    config.dataset = job->dataset;
    config.batch = 1; /* batches are for training; evaluations may be of any size */
    config.crop = w->size;
    config.decode = IJ_DECODE_EXACT;
    config.workers = job->workers;
    config.max_pixels = job->max_pixels;
    status = ij_loader_open(&w->loader, &config);
    if (status)
        return status;
    int64_t floats = job->encoder ? ij_encoder_floats(job->encoder) : 0;
    w->batch = ij_feature_parcels_most(job->ranks, w->batch, w->size, floats);
    size_t batch = (size_t)w->batch;
    bool room = true;
    for (int i = 0; i < 2; i++) {
        slot *s = &w->slots[i];
        s->samples = malloc(batch * sizeof *s->samples);
        s->readable = malloc(batch * sizeof *s->readable);
        s->pixels = malloc(batch * (size_t)w->size * (size_t)w->size * 3);
        room = room && s->samples && s->readable && s->pixels;
    }
    room = room && ij_feature_parcels_make(&w->parcels, job->ranks, w->batch, w->size, floats);
    return room ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for batches of %d images", w->batch);
}

static void close_work(work *w)
{
    ij_loader_close(w->loader);
    for (int i = 0; i < 2; i++) {
        free(w->slots[i].samples);
        free(w->slots[i].readable);
        free(w->slots[i].pixels);
    }
    ij_feature_parcels_free(&w->parcels);
}

/* Starts to decode the batch that begins with the data set's (or the job's) sample `first`; nothing beyond the last. */
static ij_status begin(work *w, slot *s, int64_t first)
{
    s->count = first >= w->count ? 0 : w->count - first < w->batch ? (int)(w->count - first) : w->batch;
    if (!s->count)
        return IJ_OK;
    for (int i = 0; i < s->count; i++)
        s->samples[i] = w->job->samples ? w->job->samples[first + i] : first + i;
    return ij_loader_eval_begin(w->loader, s->samples, s->count, w->size, w->job->fit, s->pixels, s->readable);
}

/* Says which images could not be read since it was last called. */
static void name_unreadable(work *w)
{
    for (int64_t bad = ij_loader_bad_count(w->loader); w->named < bad; w->named++) {
        if (w->named >= MOST_NAMED)
            continue;
        char path[4096];
        ij_bad_image image = ij_loader_bad(w->loader, w->named);
        ij_dataset_path(w->job->dataset, image.sample, path, sizeof path);
        ij_tally_clear(&w->tally);
        ij_complain("left out: %s: %s", path, image.reason);
    }
}

/* Moves the readable images together; s->count becomes their number. */
static void keep_readable(const work *w, slot *s)
{
    size_t bytes = (size_t)w->size * (size_t)w->size * 3;
    int kept = 0;
    for (int i = 0; i < s->count; i++) {
        if (!s->readable[i])
            continue;
        if (kept < i) {
            s->samples[kept] = s->samples[i];
            memcpy(s->pixels + (size_t)kept * bytes, s->pixels + (size_t)i * bytes, bytes);
        }
        kept++;
    }
    s->count = kept;
}

/* This rank's batch; then those of all are handed on. */
static ij_status compute(work *w, slot *s)
{
    ij_feature_parcels *p = &w->parcels;
    keep_readable(w, s);
    if (w->job->encoder && s->count) {
        ij_status status = ij_encoder_run(w->job->encoder, s->pixels, s->count, ij_feature_parcels_own_features(p));
        if (status)
            return status;
    }
    ij_feature_parcels_exchange(p, s->count, s->samples, s->pixels);
    for (int r = 0; r < p->ranks_count; r++) {
        ij_features_batch batch = ij_feature_parcels_of(p, r);
        w->produced += batch.images;
        ij_status status = batch.images ? w->job->take(w->job->taker, &batch) : IJ_OK;
        if (status)
            return status;
    }
    return IJ_OK;
}

/* Round by round, in each of which every rank has a batch. */
static ij_status run(work *w)
{
    int64_t own = (int64_t)ij_ranks_own(w->job->ranks) * w->batch, round = (int64_t)w->parcels.ranks_count * w->batch;
    ij_status status = begin(w, &w->slots[0], own);
    int turn = 0;
    for (int64_t first = 0; first < w->count && !status; first += round, turn = !turn) {
        if (w->slots[turn].count && (status = ij_loader_eval_finish(w->loader)))
            return status;
        name_unreadable(w);
        if (first + round < w->count)
            status = begin(w, &w->slots[!turn], first + round + own);
        if (!status)
            status = compute(w, &w->slots[turn]);
        if (!w->job->quiet && !own)
            ij_tally_step(&w->tally, first + round < w->count ? first + round : w->count);
    }
    return status;
}

ij_status ij_features_run(const ij_features_job *job, int64_t *unreadable)
{
    work w = {.job = job};
    ij_status status = open_work(&w);
    ij_tally_start(&w.tally, w.count);
    if (!status)
        status = run(&w);
    ij_tally_clear(&w.tally);
    int64_t bad = w.loader ? ij_loader_bad_count(w.loader) : 0;
    if (bad > MOST_NAMED)
        ij_complain("left out: %lld more images that cannot be read", (long long)(bad - MOST_NAMED));
    if (!status && !w.produced)
        status = ij_fail(IJ_EFORMAT, "none of the %lld images can be read", (long long)w.count);
    double all = (double)bad;
    if (!status)
        ij_ranks_add(job->ranks, &all, 1);
    if (unreadable)
        *unreadable = (int64_t)all;
    close_work(&w);
    return status;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static const char *const fits[] = {[IJ_FIT_SHORTER] = "shorter", [IJ_FIT_SQUASH] = "squash", [IJ_FIT_NONE] = "none"};
static const char *const poolings[] = {[IJ_POOL_MEAN] = "mean", [IJ_POOL_2X2] = "2x2", [IJ_POOL_NONE] = "none"};

static int place_of(const char *name, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

bool ij_fit_named(const char *name, ij_fit *fit)
{
    int place = place_of(name, fits, sizeof fits / sizeof *fits);
    if (place >= 0)
        *fit = (ij_fit)place;
    return place >= 0;
}

const char *ij_fit_name(ij_fit fit)
{
    return fits[fit];
}

bool ij_pooling_named(const char *name, ij_pooling *pool)
{
    int place = place_of(name, poolings, sizeof poolings / sizeof *poolings);
    if (place >= 0)
        *pool = (ij_pooling)place;
    return place >= 0;
}

const char *ij_pooling_name(ij_pooling pool)
{
    return poolings[pool];
}
