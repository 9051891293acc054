#include "frontend/evaluation.h"

#include "engine/base/try.h"
#include "engine/checkpoint.h"
#include "engine/encoder.h"
#include "engine/probe/neighbours.h"
#include "engine/probe/split.h"
#include "frontend/feature_cache.h"
#include "frontend/features.h"
#include "frontend/interrupt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

const int ij_eval_k[IJ_EVAL_KS] = {10, 20, 100, 200};
static const double shares[IJ_EVAL_FEW] = {0.01, 0.1};

enum { MOST_PIXELS = 32, MOST_LAYERS = 4, PIXEL_BATCH = 256 };

/* ---- Raw features: computed, or from the cache ------------------------------------------------------------------- */

/* Where features come from: an encoder, made when it is needed, or the pixels themselves. */
typedef struct origin {
    ij_evaluation *e;
    uint64_t key;               /* of its content and options */
    ij_encoder_options options; /* not of pixels */
    ij_encoder *encoder;
    int pixels; /* 0: an encoder's */
} origin;

typedef struct collector {
    ij_feature_table *table;
    bool pixels;
    size_t capacity;
} collector;

static ij_status grow(collector *c, int64_t n, int64_t width)
{
    ij_feature_table *t = c->table;
    if ((size_t)n <= c->capacity)
        return IJ_OK;
    size_t capacity = c->capacity * 2 > (size_t)n ? c->capacity * 2 : (size_t)n;
    int64_t *samples = realloc(t->samples, capacity * sizeof *samples);
    t->samples = samples ? samples : t->samples;
    float *features = realloc(t->features, capacity * (size_t)width * sizeof *features);
    t->features = features ? features : t->features;
    if (!samples || !features)
        return ij_fail(IJ_ENOMEM, "no host memory for the features of %lld images; use --limit", (long long)n);
    c->capacity = capacity;
    return IJ_OK;
}

static ij_status collect(void *taker, const ij_features_batch *batch)
{
    collector *c = taker;
    ij_feature_table *t = c->table;
    if (ij_interrupt_signal())
        return ij_fail(IJ_EIO, "ended by signal %d", ij_interrupt_signal());
    t->width = c->pixels ? t->width : batch->floats;
    TRY(grow(c, t->n + batch->images, t->width));
    size_t floats = (size_t)batch->images * (size_t)t->width;
    float *to = t->features + t->n * t->width;
    memcpy(t->samples + t->n, batch->samples, (size_t)batch->images * sizeof *t->samples);
    if (c->pixels)
        for (size_t i = 0; i < floats; i++)
            to[i] = (float)batch->pixels[i] / 255.0f;
    else
        memcpy(to, batch->features, floats * sizeof *to);
    t->n += batch->images;
    return IJ_OK;
}

static ij_status compute(origin *s, const ij_labelled_set *set, ij_feature_table *table)
{
    *table = (ij_feature_table){.width = 3 * (int64_t)s->pixels * s->pixels};
    collector c = {.table = table, .pixels = s->pixels > 0};
    if (!s->pixels && !s->encoder)
        TRY(ij_encoder_create(&s->encoder, s->e->device, s->e->file, &s->options));
    const ij_features_job job = {.dataset = set->dataset,
                                 .samples = set->samples,
                                 .count = set->n,
                                 .encoder = s->encoder,
                                 .size = s->pixels,
                                 .batch = PIXEL_BATCH,
                                 .fit = IJ_FIT_SHORTER,
                                 .take = collect,
                                 .taker = &c,
                                 .ranks = s->e->ranks};
    return ij_features_run(&job, NULL);
}

static ij_status raw_features(origin *s, const ij_labelled_set *set, ij_feature_table *table)
{
    uint64_t facts[] = {s->key, ij_labelled_set_identity(set)}, key = XXH64(facts, sizeof facts, 0);
    double without = !ij_feature_cache_load(key, table);
    ij_ranks_add(s->e->ranks, &without, 1); /* ranks of other computers have other caches */
    if (!without)
        return IJ_OK;
    ij_feature_table_free(table);
    ij_status status = compute(s, set, table);
    if (status)
        ij_feature_table_free(table);
    else
        ij_feature_cache_store(key, table);
    return status;
}

/* What the encoder's weights are, whatever file they lie in. */
static ij_status hash_weights(ij_model_file *file, uint64_t *sum)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    const char *network = info->target_encoder ? "target_encoder." : "encoder.";
    ij_status status = IJ_OK;
    for (int i = 0; i < ij_model_file_count(file) && !status; i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        if (strncmp(t->name, network, strlen(network)))
            continue;
        float *values = malloc((size_t)t->elements * sizeof *values);
        status = values ? ij_model_file_read(file, t, values) : ij_fail(IJ_ENOMEM, "no host memory for %s", t->name);
        if (!status)
            *sum = XXH64(values, (size_t)t->elements * sizeof *values, XXH64(t->name, strlen(t->name) + 1, *sum));
        free(values);
    }
    return status;
}

static void make_origin(origin *s, ij_evaluation *e, ij_eval_source kind, uint64_t weights, int layers, ij_pooling pool)
{
    const ij_model_config *m = &ij_model_file_describe(e->file)->model;
    *s = (origin){.e = e, .pixels = kind == IJ_EVAL_PIXELS ? e->pixels : 0};
    s->options = (ij_encoder_options){.layers = layers, .pool = pool, .random_start = kind == IJ_EVAL_RANDOM};
    if (kind == IJ_EVAL_RANDOM) {
        s->options.start.seed = e->start_seed;
        e->start_is_known = ij_checkpoint_drawn(e->file, &s->options.start);
        e->start_seed = s->options.start.seed;
    }
    int64_t facts[] = {1, /* changes with what is computed */
                       kind,
                       s->pixels,
                       layers,
                       (int64_t)pool,
                       (int64_t)s->options.start.seed,
                       s->options.start.rescale_residual,
                       s->options.start.init,
                       m->crop,
                       m->patch,
                       m->dim,
                       m->depth,
                       m->heads,
                       m->hidden,
                       llround(1e9 * (double)ij_model_position_scale(m))};
    s->key = XXH64(facts, sizeof facts, kind == IJ_EVAL_TRAINED ? weights : 0);
}

/* ---- Views: a layer or four, one mean or four -------------------------------------------------------------------- */

/* A matrix of features for both sets. */
typedef struct view {
    float *train, *test;
    int width;
} view;

static void free_view(view *v)
{
    free(v->train);
    free(v->test);
    *v = (view){0};
}

/* From table [n, rows, layers, D] the last `wanted` layers [n, rows, wanted, D]; with `mean` the means over the rows.
 */
static float *cut(const ij_feature_table *t, int rows, int layers, int D, int wanted, bool mean)
{
    int kept = mean ? 1 : rows;
    size_t part = (size_t)wanted * (size_t)D;
    float *out = calloc((size_t)t->n * (size_t)kept * part, sizeof *out);
    for (int64_t i = 0; i < t->n && out; i++)
        for (int r = 0; r < rows; r++) {
            const float *from = t->features + i * t->width + ((int64_t)r * layers + layers - wanted) * D;
            float *to = out + ((size_t)i * (size_t)kept + (size_t)(mean ? 0 : r)) * part;
            for (size_t j = 0; j < part; j++)
                to[j] += mean ? from[j] / (float)rows : from[j];
        }
    return out;
}

/* ---- Measuring --------------------------------------------------------------------------------------------------- */

/* A line that is gone when it is done, on a terminal only. */
static void tell(const char *what, const ij_eval_row *row)
{
    if (!isatty(STDERR_FILENO))
        return;
    if (row)
        fprintf(stderr, "\r\033[K%s: %s, %d features", what, ij_eval_source_name(row->source), row->width);
    else
        fputs("\r\033[K", stderr);
}

static ij_labelled labelled(const ij_labelled_set *set, const float *features, int width)
{
    return (ij_labelled){features, set->labels, set->n, width, set->classes};
}

/* Softmax regression on a few images with the decay of scikit-learn's C = 1: they are too few to hold some out. */
static ij_status learn_from(ij_evaluation *e, const ij_labelled *train, const ij_labelled *test, const int64_t *chosen,
                            int64_t count, double *top1)
{
    size_t width = (size_t)train->width;
    float *features = malloc((size_t)count * width * sizeof *features);
    int *labels = malloc((size_t)count * sizeof *labels);
    ij_linear_result result = {0};
    ij_status status =
        features && labels ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory for %lld images", (long long)count);
    for (int64_t i = 0; i < count && !status; i++) {
        memcpy(features + (size_t)i * width, train->features + chosen[i] * train->width, width * sizeof *features);
        labels[i] = train->labels[chosen[i]];
    }
    if (!status) {
        ij_labelled few = {features, labels, count, train->width, train->classes};
        status =
            ij_linear_probe(e->device, &few, test, &(ij_linear_options){.weight_decay = 1 / (double)count}, &result);
    }
    *top1 = ij_score_top1(&result.score);
    ij_linear_result_free(&result);
    free(features);
    free(labels);
    return status;
}

static ij_status measure_few(ij_evaluation *e, const ij_labelled *train, const ij_labelled *test, int index,
                             ij_eval_few *few)
{
    int64_t *chosen = malloc((size_t)train->n * sizeof *chosen);
    ij_status status = chosen ? IJ_OK : ij_fail(IJ_ENOMEM, "no host memory to draw images");
    *few = (ij_eval_few){.share = e->shots ? 0 : shares[index], .shots = e->shots};
    for (int d = 0; d < IJ_EVAL_DRAWS && !status; d++) {
        status = ij_split_few(train, e->shots, few->share, e->seed, (uint32_t)(1 + index * IJ_EVAL_DRAWS + d), chosen,
                              &few->images);
        if (!status)
            status = learn_from(e, train, test, chosen, few->images, &few->top1[d]);
        few->mean += few->top1[d] / IJ_EVAL_DRAWS;
    }
    for (int d = 0; d < IJ_EVAL_DRAWS; d++)
        few->spread += (few->top1[d] - few->mean) * (few->top1[d] - few->mean) / (IJ_EVAL_DRAWS - 1);
    few->spread = sqrt(few->spread);
    free(chosen);
    return status;
}

/* The heads that are wanted, on one kind of features. */
static ij_status classify(ij_evaluation *e, const ij_labelled *train, const ij_labelled *test, ij_eval_row *to)
{
    if (e->heads[IJ_EVAL_LINEAR]) {
        tell("linear probe", to);
        TRY(ij_linear_probe(e->device, train, test, &(ij_linear_options){.seed = e->seed}, &to->linear));
    }
    if (e->heads[IJ_EVAL_KNN]) {
        tell("nearest neighbours", to);
        TRY(ij_neighbours(e->device, train, test, ij_eval_k, IJ_EVAL_KS, IJ_NEIGHBOURS_TEMPERATURE, to->nearest));
    }
    if (e->heads[IJ_EVAL_RIDGE]) {
        tell("ridge classifier", to);
        TRY(ij_ridge_classify(train, test, &to->ridge));
    }
    if (e->few)
        tell("few labels", to);
    for (int i = 0; i < e->few; i++)
        TRY(measure_few(e, train, test, i, &to->few[i]));
    return IJ_OK;
}

static ij_status measure(ij_evaluation *e, const view *v, ij_eval_row row)
{
    if (ij_ranks_own(e->ranks))
        return IJ_OK;
    ij_labelled train = labelled(e->train, v->train, v->width), test = labelled(e->test, v->test, v->width);
    ij_eval_row *to = &e->rows[e->count];
    *to = row;
    to->width = v->width;
    if (ij_interrupt_signal())
        return ij_fail(IJ_EIO, "ended by signal %d", ij_interrupt_signal());
    e->count++;
    if (e->train->classes) {
        TRY(classify(e, &train, &test, to));
    }
    if (e->train->target) {
        tell("ridge regression", to);
        TRY(ij_ridge_regress(&train, e->train->target, &test, e->test->target, &to->value));
    }
    tell("", NULL);
    return IJ_OK;
}

/* One row of an encoder's: the means of a grid that halves evenly are the means of the quadrants' means; of another
 * they come from a table of their own. */
static ij_status measure_view(ij_evaluation *e, ij_eval_row row, const ij_feature_table table[2], int rows, int layers)
{
    int D = ij_model_file_describe(e->file)->model.dim;
    bool mean = row.cells == 1;
    view v = {.train = cut(&table[0], rows, layers, D, row.layers, mean),
              .test = cut(&table[1], rows, layers, D, row.layers, mean),
              .width = (mean ? 1 : rows) * row.layers * D};
    ij_status status = v.train && v.test ? measure(e, &v, row) : ij_fail(IJ_ENOMEM, "no host memory for features");
    free_view(&v);
    return status;
}

/* Both sets' tables of one source. All tables are of the images that the first one could read. */
static ij_status both_tables(ij_evaluation *e, origin *s, ij_feature_table table[2])
{
    ij_labelled_set *sets[] = {e->train, e->test};
    for (int k = 0; k < 2; k++) {
        TRY(raw_features(s, sets[k], &table[k]));
        if (s->pixels) {
            e->unreadable += sets[k]->n - table[k].n;
            ij_labelled_set_keep(sets[k], table[k].samples, table[k].n);
        } else if (table[k].n != sets[k]->n)
            return ij_fail(IJ_EIO, "images of %s changed while they were read", sets[k]->path);
    }
    return IJ_OK;
}

static void free_tables(ij_feature_table table[2])
{
    ij_feature_table_free(&table[0]);
    ij_feature_table_free(&table[1]);
}

static ij_status measure_pooled(ij_evaluation *e, ij_eval_source kind, uint64_t weights, ij_pooling pool, bool cells[3])
{
    const ij_model_config *m = &ij_model_file_describe(e->file)->model;
    int layers = m->depth >= MOST_LAYERS ? MOST_LAYERS : 1;
    origin s;
    ij_feature_table table[2] = {{0}, {0}};
    make_origin(&s, e, kind, weights, layers, pool);
    ij_status status = both_tables(e, &s, table);
    ij_encoder_destroy(s.encoder);
    for (int wanted = 1; wanted <= layers && !status; wanted += MOST_LAYERS - 1)
        for (int c = 1; c <= 2 && !status; c++)
            if (cells[c])
                status = measure_view(e, (ij_eval_row){.source = kind, .layers = wanted, .cells = c}, table,
                                      pool == IJ_POOL_2X2 ? 4 : 1, layers);
    free_tables(table);
    return status;
}

static ij_status measure_encoder(ij_evaluation *e, ij_eval_source kind, uint64_t weights)
{
    int side = ij_model_side(&ij_model_file_describe(e->file)->model);
    if (side % 2 == 0)
        return measure_pooled(e, kind, weights, IJ_POOL_2X2, (bool[]){false, true, true});
    TRY(measure_pooled(e, kind, weights, IJ_POOL_MEAN, (bool[]){false, true, false}));
    return side > 1 ? measure_pooled(e, kind, weights, IJ_POOL_2X2, (bool[]){false, false, true}) : IJ_OK;
}

/* Pixels come first, since they tell which images can be read, and stand last. */
static ij_status measure_all(ij_evaluation *e)
{
    origin s;
    uint64_t weights = 0;
    ij_feature_table pixels[2] = {{0}, {0}};
    make_origin(&s, e, IJ_EVAL_PIXELS, 0, 0, IJ_POOL_NONE);
    ij_status status = both_tables(e, &s, pixels);
    if (!status)
        status = hash_weights(e->file, &weights);
    if (!status && e->sources[IJ_EVAL_TRAINED])
        status = measure_encoder(e, IJ_EVAL_TRAINED, weights);
    if (!status && e->sources[IJ_EVAL_RANDOM])
        status = measure_encoder(e, IJ_EVAL_RANDOM, weights);
    const view v = {pixels[0].features, pixels[1].features, (int)pixels[0].width};
    if (!status && e->sources[IJ_EVAL_PIXELS])
        status = measure(e, &v, (ij_eval_row){.source = IJ_EVAL_PIXELS});
    free_tables(pixels);
    return status;
}

ij_status ij_evaluation_run(ij_evaluation *e)
{
    int crop = ij_model_file_describe(e->file)->model.crop;
    e->count = 0;
    e->few = !e->heads[IJ_EVAL_FEW_LABELS] ? 0 : e->shots ? 1 : IJ_EVAL_FEW;
    e->start_seed = e->seed;
    e->pixels = crop < MOST_PIXELS ? crop : MOST_PIXELS;
    ij_status status = measure_all(e);
    tell("", NULL);
    return status;
}

void ij_evaluation_free(ij_evaluation *e)
{
    for (int r = 0; r < e->count; r++) {
        ij_linear_result_free(&e->rows[r].linear);
        for (int k = 0; k < IJ_EVAL_KS; k++)
            ij_score_destroy(&e->rows[r].nearest[k]);
        ij_score_destroy(&e->rows[r].ridge.score);
    }
    e->count = 0;
}

const char *ij_eval_source_name(ij_eval_source source)
{
    static const char *const names[] = {
        [IJ_EVAL_TRAINED] = "trained", [IJ_EVAL_RANDOM] = "random start", [IJ_EVAL_PIXELS] = "raw pixels"};
    return names[source];
}

const ij_eval_row *ij_evaluation_best(const ij_evaluation *e)
{
    const ij_eval_row *best = NULL;
    for (int r = 0; r < e->count && e->train->classes && e->heads[IJ_EVAL_LINEAR]; r++)
        if (e->rows[r].source == IJ_EVAL_TRAINED && (!best || e->rows[r].linear.held_top1 > best->linear.held_top1))
            best = &e->rows[r];
    return best;
}
