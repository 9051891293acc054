#include "frontend/survey.h"

#include "data/decode.h"
#include "data/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_A_THREAD = 64, SIDES = 65536 };

/* What a thread found out about one image. */
typedef struct finding {
    bool readable, out_of_memory;
    ij_format format;
    int width, height;
    char reason[240];
} finding;

typedef struct looker {
    ij_decoder *decoder;
    ij_bytes bytes;
} looker;

typedef struct looking {
    const ij_survey_config *config;
    int64_t count; /* images in the data set */
    int64_t total; /* of them to look at */
    int64_t begin; /* first one of the chunk under way */
    ij_pool *pool;
    looker *lookers;   /* one a thread */
    finding *findings; /* one an image of the chunk */
    uint32_t *widths;  /* how many images have this width, up to SIDES - 1 */
    uint32_t *heights;
} looking;

static int64_t sample_of(const looking *l, int64_t number)
{
    return l->total == l->count ? number : (int64_t)((double)number * (double)l->count / (double)l->total);
}

/* ---- One image: the threads' side ------------------------------------------------------------------------------- */

static ij_status decode_all(ij_decoder *decoder, int width, int height)
{
    ij_window window;
    ij_status status =
        ij_decoder_start(decoder, (ij_rect){0, 0, width, height}, width, height, IJ_DECODE_EXACT, &window);
    for (int row = 0; row < window.rect.height && !status; row++) {
        const uint8_t *rgbx;
        status = ij_decoder_row(decoder, &rgbx);
    }
    return status;
}

static void look(void *argument, int item, int worker)
{
    looking *l = argument;
    looker *own = &l->lookers[worker];
    finding *f = &l->findings[item];
    memset(f, 0, sizeof *f);
    ij_status status = ij_dataset_read(l->config->dataset, sample_of(l, l->begin + item), &own->bytes);
    if (!status)
        status = ij_decoder_open(own->decoder, own->bytes.data, own->bytes.size, &f->width, &f->height);
    if (!status && l->config->decode)
        status = decode_all(own->decoder, f->width, f->height);
    f->readable = !status;
    f->out_of_memory = status == IJ_ENOMEM;
    if (status)
        snprintf(f->reason, sizeof f->reason, "%s", ij_error());
    else
        f->format = ij_format_of(own->bytes.data, own->bytes.size);
}

/* ---- Counting --------------------------------------------------------------------------------------------------- */

static void widen_range(ij_survey_range *range, int side, uint32_t *sides)
{
    if (!range->least || side < range->least)
        range->least = side;
    if (side > range->most)
        range->most = side;
    sides[side < SIDES ? side : SIDES - 1]++;
}

static int median(const uint32_t *sides, int64_t images)
{
    int64_t seen = 0;
    for (int side = 0; side < SIDES; side++)
        if ((seen += sides[side]) * 2 > images)
            return side;
    return 0;
}

static ij_status count_chunk(looking *l, int items, ij_survey *survey)
{
    const ij_survey_config *c = l->config;
    for (int i = 0; i < items; i++) {
        const finding *f = &l->findings[i];
        if (f->out_of_memory)
            return ij_fail(IJ_ENOMEM, "%s", f->reason);
        survey->looked++;
        if (!f->readable) {
            survey->unreadable++;
            c->unreadable(c->context, sample_of(l, l->begin + i), f->reason);
            continue;
        }
        survey->formats[f->format]++;
        widen_range(&survey->width, f->width, l->widths);
        widen_range(&survey->height, f->height, l->heights);
    }
    c->progress(c->context, survey->looked, l->total);
    return IJ_OK;
}

/* ---- All -------------------------------------------------------------------------------------------------------- */

static void close_looking(looking *l)
{
    int threads = l->pool ? ij_pool_threads(l->pool) : 0;
    ij_pool_destroy(l->pool);
    for (int i = 0; i < threads && l->lookers; i++) {
        ij_decoder_destroy(l->lookers[i].decoder);
        ij_bytes_free(&l->lookers[i].bytes);
    }
    free(l->lookers);
    free(l->findings);
    free(l->widths);
    free(l->heights);
}

static ij_status open_looking(looking *l)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    ij_status status = ij_pool_create(&l->pool, processors < 1 ? 1 : processors > 256 ? 256 : (int)processors);
    if (status)
        return status;
    size_t threads = (size_t)ij_pool_threads(l->pool);
    l->lookers = calloc(threads, sizeof *l->lookers);
    l->findings = calloc(threads * CHUNK_A_THREAD, sizeof *l->findings);
    l->widths = calloc(SIDES, sizeof *l->widths);
    l->heights = calloc(SIDES, sizeof *l->heights);
    if (!l->lookers || !l->findings || !l->widths || !l->heights)
        return ij_fail(IJ_ENOMEM, "no memory to look through the images");
    for (size_t i = 0; i < threads && !status; i++)
        status = ij_decoder_create(&l->lookers[i].decoder, l->config->max_pixels);
    return status;
}

ij_status ij_survey_run(ij_survey *survey, const ij_survey_config *config)
{
    looking l = {.config = config, .count = ij_dataset_count(config->dataset)};
    l.total = config->most && config->most < l.count ? config->most : l.count;
    memset(survey, 0, sizeof *survey);
    ij_status status = open_looking(&l);
    while (!status && l.begin < l.total) {
        int64_t chunk = (int64_t)ij_pool_threads(l.pool) * CHUNK_A_THREAD, left = l.total - l.begin;
        int items = (int)(left < chunk ? left : chunk);
        ij_pool_start(l.pool, items, look, &l);
        ij_pool_wait(l.pool);
        status = count_chunk(&l, items, survey);
        l.begin += items;
    }
    if (!status) {
        survey->width.median = median(l.widths, survey->looked - survey->unreadable);
        survey->height.median = median(l.heights, survey->looked - survey->unreadable);
    }
    close_looking(&l);
    return status;
}
