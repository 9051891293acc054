#include "engine/probe/linear.h"

#include "engine/base/try.h"
#include "engine/probe/curvature.h"
#include "engine/probe/lbfgs.h"
#include "engine/probe/samples.h"
#include "engine/probe/split.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double decays[] = {1e3, 1e2, 1e1, 1}; /* the grid, x 1 / images */
enum {
    DECAYS = sizeof decays / sizeof *decays,
    HELD_OUT = 5, /* one image in so many chooses */
    STEPS = 2000,
    RANK = 256, /* axes to find of many images' features; fewer of fewer: so many products pay there no more */
    FEW = 4096,
    FEW_RANK = 64
};
static const double tolerance = 1e-5, to_choose = 1e-4; /* scikit-learn ends at 1e-4 */

typedef struct member {
    double decay;
    ij_lbfgs descent; /* of weights [classes, width] and then biases [classes], of turned features */
    ij_curvature curvature;
    double gradient; /* largest component */
    bool ended;
} member;

typedef struct solver {
    const ij_labelled *train;
    const int64_t *order; /* [n] which image each row is: first those to learn from, then those held out */
    double tolerance;     /* largest component of the gradient, where it is enough */
    ij_samples samples;
    ij_axes axes;
    int members;
    member member[DECAYS];
} solver;

/* ---- Learning --------------------------------------------------------------------------------------------------- */

/* An ij_axes_multiply. */
static ij_status multiply(void *with, const float *basis, float *product)
{
    ij_samples *s = with;
    size_t floats = (size_t)s->outputs * (size_t)s->data->width;
    memcpy(s->weights, basis, floats * sizeof *basis);
    memset(s->bias, 0, (size_t)s->outputs * sizeof *s->bias);
    TRY(ij_samples_put(s));
    TRY(ij_samples_sum(s, s->data->n, 0));
    for (size_t i = 0; i < floats; i++)
        product[i] = s->weights[i] / (float)s->data->n;
    return IJ_OK;
}

static ij_status prepare(solver *s, ij_device *device, const ij_standard *standard)
{
    int D = s->train->width, C = s->train->classes, varying = 0;
    int rank = s->train->n < FEW ? FEW_RANK : RANK;
    rank = rank < D ? rank : D;
    if ((int64_t)s->members * C > 1 << 24)
        return ij_fail(IJ_EINVAL, "%d classes are more than a linear probe can number", C);
    int most = s->members * C > rank ? s->members * C : rank;
    TRY(ij_samples_create(&s->samples, device, s->train, s->order, standard, most, rank));
    for (int j = 0; j < D; j++)
        varying += standard->scale[j] > 0;
    ij_samples_use(&s->samples, rank);
    TRY(ij_axes_create(&s->axes, D, rank, varying, multiply, &s->samples));
    if (rank < D)
        TRY(ij_samples_turn(&s->samples, &s->axes));
    for (int g = 0; g < s->members; g++) {
        TRY(ij_lbfgs_create(&s->member[g].descent, (size_t)C * ((size_t)D + 1)));
        TRY(ij_curvature_create(&s->member[g].curvature, &s->axes, C, s->member[g].decay));
    }
    return IJ_OK;
}

static void release(solver *s)
{
    ij_samples_destroy(&s->samples);
    ij_axes_destroy(&s->axes);
    for (int g = 0; g < DECAYS; g++) {
        ij_lbfgs_destroy(&s->member[g].descent);
        ij_curvature_destroy(&s->member[g].curvature);
    }
}

static ij_status put_members(solver *s)
{
    size_t C = (size_t)s->train->classes, matrix = C * (size_t)s->train->width;
    for (int g = 0; g < s->members; g++) {
        const float *point = s->member[g].descent.point;
        memcpy(s->samples.weights + (size_t)g * matrix, point, matrix * sizeof *point);
        memcpy(s->samples.bias + (size_t)g * C, point + matrix, C * sizeof *point);
    }
    return ij_samples_put(&s->samples);
}

/* Member g's gradient from the sums over `rows`, which the samples hold; returns its largest component. */
static double take_gradient(const solver *s, int g, int64_t rows, float *gradient)
{
    size_t C = (size_t)s->train->classes, matrix = C * (size_t)s->train->width;
    const float *sum = s->samples.weights + (size_t)g * matrix, *bias = s->samples.bias + (size_t)g * C;
    const float *point = s->member[g].descent.point;
    double scale = 1 / (double)rows, decay = s->member[g].decay, most = 0;
    for (size_t i = 0; i < matrix + C; i++) {
        double of = i < matrix ? scale * (double)sum[i] + decay * (double)point[i] : scale * (double)bias[i - matrix];
        gradient[i] = (float)of;
        most = fabs(of) <= most ? most : fabs(of); /* NaN stays */
    }
    return most;
}

/* Descends with all members on the first `rows` rows, from where they are, until their gradients are within `enough`.
 * The device's weights are then theirs. */
static ij_status descend(solver *s, int64_t rows, double enough, int most, float *gradient, int *steps)
{
    bool ended = false;
    ij_samples_use(&s->samples, s->members * s->train->classes);
    for (int g = 0; g < s->members; g++) {
        ij_lbfgs_begin(&s->member[g].descent);
        s->member[g].ended = false;
    }
    for (*steps = 0; *steps < most && !ended;) {
        TRY(put_members(s));
        TRY(ij_samples_sum(&s->samples, rows, s->members));
        ended = true;
        ++*steps;
        for (int g = 0; g < s->members; g++) {
            member *m = &s->member[g];
            if (m->ended)
                continue;
            m->gradient = take_gradient(s, g, rows, gradient);
            m->ended = m->gradient <= enough || *steps == most ||
                       !ij_lbfgs_advance(&m->descent, gradient, ij_curvature_divide, &m->curvature);
            ended = ended && m->ended;
        }
    }
    return put_members(s);
}

static ij_status learn(solver *s, int64_t rows, double enough, int most, int *steps)
{
    float *gradient = malloc(s->member[0].descent.n * sizeof *gradient);
    ij_status status = gradient ? descend(s, rows, enough, most, gradient, steps)
                                : ij_fail(IJ_ENOMEM, "no host memory for the gradient of a probe");
    free(gradient);
    return status;
}

/* ---- Scoring ---------------------------------------------------------------------------------------------------- */

/* Scores member g on row r of the logits. */
static void score_row(const solver *s, int g, int r, int label, double *rating, ij_score *score)
{
    const float *logits = s->samples.logits + (int64_t)r * s->samples.outputs + g * s->train->classes;
    for (int c = 0; c < s->train->classes; c++)
        rating[c] = (double)logits[c];
    ij_score_add(score, rating, label);
}

/* The training set's rows from `begin` on, by every member; scores [members] are the caller's. */
static ij_status score_train(solver *s, int64_t begin, ij_score *scores, double *rating)
{
    const ij_tiles *x = &s->samples.x;
    for (int i = (int)(begin / x->each); i < x->count; i++) {
        TRY(ij_samples_logits(&s->samples, i));
        for (int r = 0; r < ij_tiles_rows(x, i); r++) {
            int64_t row = (int64_t)i * x->each + r;
            for (int g = 0; row >= begin && g < s->members; g++)
                score_row(s, g, r, s->train->labels[s->order[row]], rating, &scores[g]);
        }
    }
    return IJ_OK;
}

/* The only member's weights become those of features as they are. */
static ij_status turn_back(solver *s)
{
    ij_samples *x = &s->samples;
    double *room = malloc((size_t)s->train->width * sizeof *room);
    if (!room)
        return ij_fail(IJ_ENOMEM, "no host memory to turn %d weights", s->train->width);
    for (int c = 0; c < s->train->classes; c++)
        ij_axes_turn_back(&s->axes, x->weights + (size_t)c * (size_t)s->train->width, room);
    free(room);
    return ij_samples_put(x);
}

static ij_status score_test(solver *s, const ij_labelled *test, ij_score *score, double *rating)
{
    int each = s->samples.x.each;
    TRY(put_members(s));
    TRY(turn_back(s));
    for (int64_t at = 0; at < test->n; at += each) {
        int rows = test->n - at < each ? (int)(test->n - at) : each;
        TRY(ij_samples_logits_of(&s->samples, test, at, rows));
        for (int r = 0; r < rows; r++)
            score_row(s, 0, r, test->labels[at + r], rating, score);
    }
    return IJ_OK;
}

/* ---- All of it -------------------------------------------------------------------------------------------------- */

/* The member that is right most often on the rows from `begin` on; of equals the first: the strongest decay. */
static ij_status choose(solver *s, int64_t begin, double *rating, ij_linear_result *result, int *chosen)
{
    ij_score scores[DECAYS] = {{0}};
    ij_status status = IJ_OK;
    for (int g = 0; g < s->members && !status; g++)
        status = ij_score_create(&scores[g], s->train->classes);
    if (!status)
        status = score_train(s, begin, scores, rating);
    *chosen = 0;
    for (int g = 1; g < s->members; g++)
        if (scores[g].top1 > scores[*chosen].top1)
            *chosen = g;
    result->held_top1 = ij_score_top1(&scores[*chosen]);
    for (int g = 0; g < s->members; g++)
        ij_score_destroy(&scores[g]);
    return status;
}

/* Leaves the chosen one as the only member, where its descent on the part of the training set ended. */
static ij_status search_grid(solver *s, int most, double *rating, ij_linear_result *result)
{
    int chosen, steps;
    result->held = s->train->n / HELD_OUT;
    TRY(learn(s, s->train->n - result->held, fmax(s->tolerance, to_choose), most, &steps));
    TRY(choose(s, s->train->n - result->held, rating, result, &chosen));
    member first = s->member[0];
    s->member[0] = s->member[chosen];
    s->member[chosen] = first;
    s->members = 1;
    return IJ_OK;
}

static ij_status finish(solver *s, const ij_labelled *test, int most, double *rating, ij_linear_result *result)
{
    ij_score train = {0};
    TRY(learn(s, s->train->n, s->tolerance, most, &result->steps));
    result->weight_decay = s->member[0].decay;
    result->gradient = s->member[0].gradient;
    TRY(ij_score_create(&train, s->train->classes));
    ij_status status = score_train(s, 0, &train, rating);
    result->train_top1 = ij_score_top1(&train);
    ij_score_destroy(&train);
    TRY(status);
    TRY(ij_score_create(&result->score, s->train->classes));
    return score_test(s, test, &result->score, rating);
}

static ij_status run(solver *s, ij_device *device, const ij_standard *standard, const ij_labelled *test,
                     const ij_linear_options *o, double *rating, ij_linear_result *result)
{
    int most = o->steps ? o->steps : STEPS;
    bool grid = !(o->weight_decay > 0);
    if (grid && s->train->n < 2 * HELD_OUT)
        return ij_fail(IJ_EINVAL, "a linear probe needs %d training images at least, to hold some out", 2 * HELD_OUT);
    s->members = grid ? DECAYS : 1;
    for (int g = 0; g < s->members; g++)
        s->member[g].decay = grid ? decays[g] / (double)s->train->n : o->weight_decay;
    TRY(prepare(s, device, standard));
    if (grid)
        TRY(search_grid(s, most, rating, result));
    return finish(s, test, most, rating, result);
}

ij_status ij_linear_probe(ij_device *device, const ij_labelled *train, const ij_labelled *test,
                          const ij_linear_options *options, ij_linear_result *result)
{
    *result = (ij_linear_result){0};
    TRY(ij_labelled_check(train, test));
    ij_standard standard;
    TRY(ij_standard_create(&standard, train->features, train->n, train->width));
    int64_t *order = malloc((size_t)train->n * sizeof *order);
    double *rating = malloc((size_t)train->classes * sizeof *rating);
    solver s = {.train = train, .order = order};
    s.tolerance = options->tolerance > 0 ? options->tolerance : tolerance;
    ij_status status;
    if (order && rating) {
        ij_split_shuffle(order, train->n, options->seed, 0);
        status = run(&s, device, &standard, test, options, rating, result);
        release(&s);
    } else
        status = ij_fail(IJ_ENOMEM, "no host memory for the order of %lld images", (long long)train->n);
    ij_standard_destroy(&standard);
    free(order);
    free(rating);
    if (status)
        ij_linear_result_free(result);
    return status;
}

void ij_linear_result_free(ij_linear_result *result)
{
    ij_score_destroy(&result->score);
}
