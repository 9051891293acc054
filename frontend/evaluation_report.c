/* What an evaluation found: tables within 80 columns for people, JSON for programs. */
#include "frontend/evaluation.h"

#include <cjson/cJSON.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CONFUSION = 10, MOST_LISTED = 20, NAME = 24 };

/* ---- For people -------------------------------------------------------------------------------------------------- */

static void row_name(const ij_evaluation *e, const ij_eval_row *row, char text[64])
{
    if (row->source == IJ_EVAL_PIXELS)
        snprintf(text, 64, "raw pixels, %d x %d", e->pixels, e->pixels);
    else
        snprintf(text, 64, "%-8s %-6s %s", row->source == IJ_EVAL_TRAINED ? "trained" : "random",
                 row->layers > 1 ? "last 4" : "last", row->cells > 1 ? "2x2" : "mean");
}

static double percent(int64_t part, int64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : NAN;
}

static void print_linear(const ij_evaluation *e, const ij_score *linear)
{
    printf("  %6.2f", percent(linear->top1, linear->n));
    if (e->train->classes > 5)
        printf(" %6.2f ", percent(linear->top5, linear->n));
    else
        printf(" %6s ", "-");
}

static void print_nearest(const ij_evaluation *e, const ij_score *nearest)
{
    for (int k = 0; k < IJ_EVAL_KS; k++)
        if (ij_eval_k[k] <= e->train->n)
            printf(" %6.2f", percent(nearest[k].top1, nearest[k].n));
        else
            printf(" %6s", "-");
}

static void print_accuracies(const ij_evaluation *e)
{
    char name[64];
    bool linear = e->heads[IJ_EVAL_LINEAR], knn = e->heads[IJ_EVAL_KNN];
    if (!linear && !knn)
        return;
    printf("\nRight answers on the test images, %%: %s%s%s.\n%-*s %6s", linear ? "softmax regression" : "",
           linear && knn ? "; " : "", knn ? "k-NN by cosine" : "", NAME, "features", "floats");
    printf(linear ? "  %6s %6s " : "%s%s", linear ? "linear" : "", "");
    printf("%s\n%-*s %6s", knn ? "  k-NN" : "", NAME, "", "");
    printf(linear ? "  %6s %6s " : "%s%s", linear ? "top-1" : "", linear ? "top-5" : "");
    for (int k = 0; k < IJ_EVAL_KS && knn; k++) {
        char title[16];
        snprintf(title, sizeof title, "k=%d", ij_eval_k[k]);
        printf(" %6s", title);
    }
    puts("");
    for (int r = 0; r < e->count; r++) {
        const ij_eval_row *row = &e->rows[r];
        row_name(e, row, name);
        printf("%-*s %6d", NAME, name, row->width);
        if (linear)
            print_linear(e, &row->linear.score);
        if (knn)
            print_nearest(e, row->nearest);
        puts("");
    }
}

static void print_ridge(const ij_evaluation *e)
{
    char name[64];
    if (!e->heads[IJ_EVAL_RIDGE])
        return;
    printf("\nRight answers on the test images, %%: ridge classifier, one class against all.\n%-*s %6s  %6s\n", NAME,
           "features", "floats", "ridge");
    for (int r = 0; r < e->count; r++) {
        const ij_score *s = &e->rows[r].ridge.score;
        row_name(e, &e->rows[r], name);
        printf("%-*s %6d  %6.2f\n", NAME, name, e->rows[r].width, percent(s->top1, s->n));
    }
}

static void print_few(const ij_evaluation *e)
{
    char name[64], title[64];
    if (!e->few)
        return;
    printf("\nFew labels: linear top-1, %%, mean and deviation of %d draws of training images.\n%-*s", IJ_EVAL_DRAWS,
           NAME, "features");
    for (int i = 0; i < e->few; i++) {
        const ij_eval_few *few = &e->rows[0].few[i];
        if (few->shots)
            snprintf(title, sizeof title, "%lld of each (%lld)", (long long)few->shots, (long long)few->images);
        else
            snprintf(title, sizeof title, "%g %% (%lld)", 100 * few->share, (long long)few->images);
        printf("  %20s", title);
    }
    puts("");
    for (int r = 0; r < e->count; r++) {
        row_name(e, &e->rows[r], name);
        printf("%-*s", NAME, name);
        for (int i = 0; i < e->few; i++)
            printf("  %12.2f +-%5.2f", 100 * e->rows[r].few[i].mean, 100 * e->rows[r].few[i].spread);
        puts("");
    }
}

static void print_values(const ij_evaluation *e)
{
    char name[64];
    printf("\nThe number, by ridge regression, on the test images.\n%-*s %6s  %8s  %14s\n", NAME, "features", "floats",
           "R2", "mean abs error");
    for (int r = 0; r < e->count; r++) {
        row_name(e, &e->rows[r], name);
        printf("%-*s %6d  %8.4f  %14.6g\n", NAME, name, e->rows[r].width, e->rows[r].value.r2,
               e->rows[r].value.absolute_error);
    }
}

static int64_t images_of(const ij_score *s, int class)
{
    int64_t sum = 0;
    for (int c = 0; c < s->classes; c++)
        sum += s->confusion[(int64_t) class * s->classes + c];
    return sum;
}

/* Each class's share, and where there is room for it what its images were taken for. */
static void print_classes(const ij_evaluation *e, const ij_eval_row *row)
{
    const ij_score *s = &row->linear.score;
    int C = s->classes;
    char name[64], class[64];
    row_name(e, row, name);
    printf("\nClasses, %%, by the linear probe of the features that did best on held-out\ntraining images (%s)", name);
    printf(C <= MOST_CONFUSION ? ". A line's images are taken for\nthat of a column.\n%-12s %6s" : ".\n%-40s %6s",
           "class", "right");
    for (int c = 0; c < C && C <= MOST_CONFUSION; c++)
        printf(" %5.5s", ij_labelled_set_class(e->train, c, class));
    puts("");
    for (int c = 0; c < C && (C <= MOST_CONFUSION || c < MOST_LISTED); c++) {
        printf(C <= MOST_CONFUSION ? "%-12.12s" : "%-40.40s", ij_labelled_set_class(e->train, c, class));
        if (images_of(s, c))
            printf(" %6.2f", percent(s->confusion[(int64_t)c * C + c], images_of(s, c)));
        else
            printf(" %6s", "-");
        for (int k = 0; k < C && C <= MOST_CONFUSION; k++)
            printf(" %5lld", (long long)s->confusion[(int64_t)c * C + k]);
        puts("");
    }
    if (C > MOST_CONFUSION && C > MOST_LISTED)
        printf("... and %d classes more: see --json\n", C - MOST_LISTED);
}

void ij_evaluation_print(const ij_evaluation *e)
{
    printf("images: %lld to learn from, %lld to test on", (long long)e->train->n, (long long)e->test->n);
    if (e->train->classes)
        printf(", %d classes", e->train->classes);
    if (e->unreadable)
        printf("; %lld cannot be read", (long long)e->unreadable);
    if (!e->sources[IJ_EVAL_RANDOM])
        puts("");
    else if (e->start_is_known)
        printf("\nrandom start: the weights that this model's training began with (seed %llu)\n",
               (unsigned long long)e->start_seed);
    else
        printf("\nrandom start: the file does not say which it comes from; weights of seed %llu\n",
               (unsigned long long)e->start_seed);
    if (e->train->target)
        print_values(e);
    if (!e->train->classes)
        return;
    print_accuracies(e);
    print_ridge(e);
    print_few(e);
    if (ij_evaluation_best(e))
        print_classes(e, ij_evaluation_best(e));
}

/* ---- For programs ------------------------------------------------------------------------------------------------ */

static void add_share(cJSON *to, const char *key, int64_t part, int64_t whole)
{
    cJSON_AddItemToObject(to, key, whole ? cJSON_CreateNumber((double)part / (double)whole) : cJSON_CreateNull());
}

static void add_real(cJSON *to, const char *key, double value)
{
    cJSON_AddItemToObject(to, key, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

static void add_score(cJSON *to, const ij_score *s)
{
    add_share(to, "top1", s->top1, s->n);
    cJSON_AddItemToObject(to, "top5",
                          s->classes > 5 ? cJSON_CreateNumber((double)s->top5 / (double)s->n) : cJSON_CreateNull());
}

static void add_linear(cJSON *to, const ij_linear_result *r)
{
    const ij_score *s = &r->score;
    cJSON *linear = cJSON_AddObjectToObject(to, "linear");
    add_score(linear, s);
    add_real(linear, "train_top1", r->train_top1);
    add_real(linear, "weight_decay", r->weight_decay);
    cJSON_AddNumberToObject(linear, "held_out", (double)r->held);
    add_real(linear, "held_out_top1", r->held_top1);
    cJSON_AddNumberToObject(linear, "steps", r->steps);
    add_real(linear, "largest_gradient", r->gradient);
    cJSON *classes = cJSON_AddArrayToObject(linear, "class_accuracy");
    cJSON *confusion = cJSON_AddArrayToObject(linear, "confusion");
    for (int c = 0; c < s->classes; c++) {
        int64_t all = images_of(s, c), right = s->confusion[(int64_t)c * s->classes + c];
        cJSON_AddItemToArray(classes, all ? cJSON_CreateNumber((double)right / (double)all) : cJSON_CreateNull());
        cJSON *row = cJSON_CreateArray();
        for (int k = 0; k < s->classes; k++)
            cJSON_AddItemToArray(row, cJSON_CreateNumber((double)s->confusion[(int64_t)c * s->classes + k]));
        cJSON_AddItemToArray(confusion, row);
    }
}

static void add_nearest(cJSON *to, const ij_evaluation *e, const ij_eval_row *row)
{
    cJSON *list = cJSON_AddArrayToObject(to, "knn");
    for (int k = 0; k < IJ_EVAL_KS; k++) {
        if (ij_eval_k[k] > e->train->n)
            continue;
        cJSON *one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "k", ij_eval_k[k]);
        add_score(one, &row->nearest[k]);
        cJSON_AddItemToArray(list, one);
    }
}

static void add_few(cJSON *to, const ij_evaluation *e, const ij_eval_row *row)
{
    cJSON *list = cJSON_AddArrayToObject(to, "few_labels");
    for (int i = 0; i < e->few; i++) {
        const ij_eval_few *few = &row->few[i];
        cJSON *one = cJSON_CreateObject();
        cJSON_AddItemToObject(one, "share", few->shots ? cJSON_CreateNull() : cJSON_CreateNumber(few->share));
        cJSON_AddItemToObject(one, "shots", few->shots ? cJSON_CreateNumber((double)few->shots) : cJSON_CreateNull());
        cJSON_AddNumberToObject(one, "images", (double)few->images);
        cJSON_AddItemToObject(one, "top1", cJSON_CreateDoubleArray(few->top1, IJ_EVAL_DRAWS));
        add_real(one, "mean", few->mean);
        add_real(one, "deviation", few->spread);
        cJSON_AddItemToArray(list, one);
    }
}

static void add_classifier(cJSON *to, const ij_ridge_class_result *r)
{
    cJSON *ridge = cJSON_AddObjectToObject(to, "ridge_classifier");
    add_score(ridge, &r->score);
    add_real(ridge, "train_top1", r->train_accuracy);
    add_real(ridge, "lambda", r->lambda);
}

static void add_value(cJSON *to, const ij_ridge_value_result *v)
{
    cJSON *value = cJSON_AddObjectToObject(to, "ridge");
    add_real(value, "r2", v->r2);
    add_real(value, "mean_absolute_error", v->absolute_error);
    add_real(value, "train_r2", v->train_r2);
    add_real(value, "lambda", v->lambda);
}

static cJSON *make_row(const ij_evaluation *e, const ij_eval_row *row)
{
    cJSON *object = cJSON_CreateObject();
    bool pixels = row->source == IJ_EVAL_PIXELS;
    cJSON_AddStringToObject(object, "features", ij_eval_source_name(row->source));
    cJSON_AddItemToObject(object, "layers", pixels ? cJSON_CreateNull() : cJSON_CreateNumber(row->layers));
    cJSON_AddItemToObject(object, "pool",
                          pixels ? cJSON_CreateNull() : cJSON_CreateString(row->cells > 1 ? "2x2" : "mean"));
    cJSON_AddNumberToObject(object, "floats", row->width);
    if (e->train->classes) {
        if (e->heads[IJ_EVAL_LINEAR])
            add_linear(object, &row->linear);
        if (e->heads[IJ_EVAL_KNN])
            add_nearest(object, e, row);
        if (e->heads[IJ_EVAL_RIDGE])
            add_classifier(object, &row->ridge);
        if (e->few)
            add_few(object, e, row);
    }
    if (e->train->target)
        add_value(object, &row->value);
    return object;
}

static void add_set(cJSON *root, const char *key, const ij_labelled_set *set)
{
    cJSON *object = cJSON_AddObjectToObject(root, key);
    cJSON_AddStringToObject(object, "path", set->path);
    cJSON_AddNumberToObject(object, "images", (double)set->n);
}

ij_status ij_evaluation_json(const ij_evaluation *e, const char *model, const char *target, char **json)
{
    char seed[32], name[64];
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", model);
    cJSON_AddStringToObject(root, "device", ij_device_describe(e->device)->name);
    add_set(root, "train", e->train);
    add_set(root, "test", e->test);
    cJSON_AddNumberToObject(root, "unreadable", (double)e->unreadable);
    cJSON_AddItemToObject(root, "target", target ? cJSON_CreateString(target) : cJSON_CreateNull());
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)e->seed);
    cJSON_AddStringToObject(root, "seed", seed);
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)e->start_seed);
    cJSON_AddStringToObject(root, "random_start_seed", seed);
    cJSON_AddBoolToObject(root, "random_start_is_the_models", e->start_is_known);
    cJSON_AddNumberToObject(root, "pixels", e->pixels);
    cJSON *classes = cJSON_AddArrayToObject(root, "classes");
    for (int c = 0; c < e->train->classes; c++)
        cJSON_AddItemToArray(classes, cJSON_CreateString(ij_labelled_set_class(e->train, c, name)));
    const ij_eval_row *best = ij_evaluation_best(e);
    cJSON_AddItemToObject(root, "best_row", best ? cJSON_CreateNumber((double)(best - e->rows)) : cJSON_CreateNull());
    cJSON *rows = cJSON_AddArrayToObject(root, "rows");
    for (int r = 0; r < e->count; r++)
        cJSON_AddItemToArray(rows, make_row(e, &e->rows[r]));
    *json = cJSON_Print(root);
    cJSON_Delete(root);
    return *json ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for the JSON text");
}
