/* realpath with a buffer of its own is POSIX 2008, but declared with the X/Open functions. */
#define _XOPEN_SOURCE 700

#include "frontend/labelled_set.h"

#include "data/fingerprint.h"
#include "engine/base/try.h"
#include "engine/probe/split.h"
#include "frontend/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <xxhash.h>

/* ---- Numbers of a list ------------------------------------------------------------------------------------------ */

static int find_column(const ij_csv *header, const char *name)
{
    for (int i = 1; i < header->fields; i++)
        if (!strcmp(ij_csv_field(header, i), name))
            return i;
    return -1;
}

static ij_status no_column(const ij_labelled_set *set, const ij_csv *header, const char *name)
{
    char known[512] = "";
    for (int i = 1; i < header->fields; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i > 1 ? ", " : "", ij_csv_field(header, i));
    }
    return ij_fail(IJ_EINVAL, "%s has no column \"%s\"; its columns are: %s", set->path, name,
                   *known ? known : "none beside the path");
}

static ij_status read_rows(ij_labelled_set *set, FILE *file, ij_csv *record, const char *name)
{
    int64_t count = ij_dataset_count(set->dataset), row = 0;
    ij_status status = ij_csv_read(record, file);
    if (!status && (!record->fields || strcmp(ij_csv_field(record, 0), "path")))
        return ij_fail(IJ_EINVAL, "%s is no list with a header: its first line should be path,%s", set->path, name);
    int column = status ? -1 : find_column(record, name);
    if (!status && column < 0)
        return no_column(set, record, name);
    while (!status && !(status = ij_csv_read(record, file)) && record->fields) {
        if (record->fields == 1 && !*ij_csv_field(record, 0))
            continue; /* an empty line */
        const char *text = column < record->fields ? ij_csv_field(record, column) : "";
        char *end;
        double value = strtod(text, &end);
        if (end == text || *end || !isfinite(value))
            return ij_fail(IJ_EFORMAT, "%s, image %lld: \"%.40s\" in column %s is no number", set->path,
                           (long long)row + 1, text, name);
        if (row < count)
            set->target[row] = value;
        row++;
    }
    if (!status && row != count)
        status = ij_fail(IJ_EFORMAT, "%s holds %lld rows of numbers and %lld images", set->path, (long long)row,
                         (long long)count);
    return status;
}

/* target [count of the data set] */
static ij_status read_target(ij_labelled_set *set, const char *column)
{
    FILE *file = fopen(set->path, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode)) {
        if (file)
            fclose(file);
        return ij_fail(IJ_EINVAL, "%s is no list file: --target needs one, with the header path,%s", set->path, column);
    }
    ij_csv record = {0};
    set->target = malloc(((size_t)ij_dataset_count(set->dataset) + 1) * sizeof *set->target);
    ij_status status = set->target ? read_rows(set, file, &record, column)
                                   : ij_fail(IJ_ENOMEM, "no host memory for the numbers of %s", set->path);
    ij_csv_free(&record);
    fclose(file);
    return status;
}

/* ---- Choosing --------------------------------------------------------------------------------------------------- */

/* Every class's first images, in the data set's order. */
static ij_status pick(ij_labelled_set *set, int64_t limit)
{
    int64_t count = ij_dataset_count(set->dataset);
    set->classes = ij_dataset_classes(set->dataset);
    int64_t *taken = calloc((size_t)set->classes + 1, sizeof *taken);
    set->samples = malloc((size_t)count * sizeof *set->samples);
    set->labels = malloc((size_t)count * sizeof *set->labels);
    if (!taken || !set->samples || !set->labels) {
        free(taken);
        return ij_fail(IJ_ENOMEM, "no host memory for a list of %lld images", (long long)count);
    }
    for (int64_t i = 0; i < count; i++) {
        int label = set->classes ? ij_dataset_label(set->dataset, i) : 0;
        if (limit > 0 && taken[label] == limit)
            continue;
        taken[label]++;
        if (set->target)
            set->target[set->n] = set->target[i];
        set->samples[set->n] = i;
        set->labels[set->n++] = label;
    }
    free(taken);
    return IJ_OK;
}

ij_status ij_labelled_set_open(ij_labelled_set *set, const char *path, int64_t limit, const char *column)
{
    *set = (ij_labelled_set){.path = path};
    TRY(ij_dataset_open(&set->dataset, path));
    if (column)
        TRY(read_target(set, column));
    else if (ij_dataset_classes(set->dataset) < 1)
        return ij_fail(IJ_EINVAL,
                       "%s has no labels: an evaluation needs a folder of class folders, FOLDER/CLASS/IMAGE, shards or "
                       "a list with labels, or a list with numbers and --target COLUMN",
                       path);
    return pick(set, limit);
}

void ij_labelled_set_close(ij_labelled_set *set)
{
    ij_dataset_close(set->dataset);
    free(set->samples);
    free(set->labels);
    free(set->target);
    *set = (ij_labelled_set){0};
}

/* Of each class `share` into test [n], the others into train [n], as numbers of images in the data set, ascending. */
static ij_status part(const ij_labelled_set *set, double share, const int64_t *order, int64_t *room, bool *tested)
{
    int classes = set->classes ? set->classes : 1;
    for (int64_t i = 0; i < set->n; i++)
        room[set->labels[i]]++;
    for (int c = 0; c < classes; c++) {
        int64_t all = room[c], some = llround(share * (double)all);
        room[c] = all && some < 1 ? 1 : some;
        if (all && room[c] >= all)
            return ij_fail(IJ_EINVAL, "%s: of the %lld images of a class none would be left to learn from", set->path,
                           (long long)all);
    }
    for (int64_t i = 0; i < set->n; i++)
        if (room[set->labels[order[i]]] > 0) {
            room[set->labels[order[i]]]--;
            tested[order[i]] = true;
        }
    return IJ_OK;
}

ij_status ij_labelled_set_part(ij_labelled_set *train, ij_labelled_set *test, double share, uint64_t seed)
{
    enum { DRAW = 1 << 20 }; /* apart from those of few labels */
    int64_t n = train->n, learnt = 0, left = 0;
    int64_t *order = malloc(((size_t)n + 1) * sizeof *order), *samples = malloc((2 * (size_t)n + 1) * sizeof *samples);
    int64_t *room = calloc((size_t)train->classes + 1, sizeof *room);
    bool *tested = calloc((size_t)n + 1, sizeof *tested);
    ij_status status = order && samples && room && tested
                           ? IJ_OK
                           : ij_fail(IJ_ENOMEM, "no host memory to part %lld images", (long long)n);
    if (!status) {
        ij_split_shuffle(order, n, seed, DRAW);
        status = part(train, share, order, room, tested);
    }
    for (int64_t i = 0; i < n && !status; i++)
        *(tested[i] ? &samples[n + left++] : &samples[learnt++]) = train->samples[i];
    if (!status) {
        ij_labelled_set_keep(train, samples, learnt);
        ij_labelled_set_keep(test, samples + n, left);
    }
    free(order);
    free(samples);
    free(room);
    free(tested);
    return status;
}

static int class_named(const ij_dataset *dataset, const char *name)
{
    for (int i = 0; i < ij_dataset_classes(dataset); i++)
        if (strcmp(ij_dataset_class_name(dataset, i), name) == 0)
            return i;
    return -1;
}

ij_status ij_labelled_set_match(ij_labelled_set *test, const ij_labelled_set *train)
{
    int *number = malloc(((size_t)test->classes + 1) * sizeof *number);
    if (!number)
        return ij_fail(IJ_ENOMEM, "no host memory for %d classes", test->classes);
    ij_status status = IJ_OK;
    for (int i = 0; i < test->classes && !status; i++) {
        const char *name = ij_dataset_class_name(test->dataset, i);
        number[i] = class_named(train->dataset, name);
        if (number[i] < 0)
            status = ij_fail(IJ_EINVAL, "the test images in %s have a class \"%s\" that the training images in %s lack",
                             test->path, name, train->path);
    }
    for (int64_t i = 0; i < test->n && !status && test->classes; i++)
        test->labels[i] = number[test->labels[i]];
    if (!status)
        test->classes = train->classes;
    free(number);
    return status;
}

/* ---- Numbers as classes ----------------------------------------------------------------------------------------- */

static int class_of(const double *values, int count, double value)
{
    for (int i = 0; i < count; i++)
        if (values[i] == value)
            return i;
    return -1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The different values of a set's targets, ascending; -1 where they are too many or not whole. */
static int list_values(const ij_labelled_set *set, double *values, int most)
{
    int count = 0;
    for (int64_t i = 0; i < set->n; i++) {
        if (set->target[i] != floor(set->target[i]))
            return -1;
        if (class_of(values, count, set->target[i]) >= 0)
            continue;
        if (count == most)
            return -1;
        values[count++] = set->target[i];
    }
    qsort(values, (size_t)count, sizeof *values, by_value);
    return count;
}

bool ij_labelled_set_count(ij_labelled_set *train, ij_labelled_set *test, int most)
{
    double *values = malloc((size_t)most * sizeof *values);
    int count = values && train->target && test->target ? list_values(train, values, most) : -1;
    bool known = count > 1;
    for (int64_t i = 0; i < test->n && known; i++)
        known = class_of(values, count, test->target[i]) >= 0;
    ij_labelled_set *sets[] = {train, test};
    for (int k = 0; k < 2 && known; k++) {
        for (int64_t i = 0; i < sets[k]->n; i++)
            sets[k]->labels[i] = class_of(values, count, sets[k]->target[i]);
        sets[k]->classes = count;
    }
    free(values);
    return known;
}

const char *ij_labelled_set_class(const ij_labelled_set *set, int label, char text[64])
{
    for (int64_t i = 0; i < set->n && set->target; i++)
        if (set->labels[i] == label) {
            snprintf(text, 64, "%.0f", set->target[i]);
            return text;
        }
    if (set->target)
        return "?";
    snprintf(text, 64, "%s", ij_dataset_class_name(set->dataset, label));
    return text;
}

/* ---- Which ------------------------------------------------------------------------------------------------------ */

void ij_labelled_set_keep(ij_labelled_set *set, const int64_t *samples, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < set->n && kept < n; i++) {
        if (set->samples[i] != samples[kept])
            continue;
        set->samples[kept] = set->samples[i];
        set->labels[kept] = set->labels[i];
        if (set->target)
            set->target[kept] = set->target[i];
        kept++;
    }
    set->n = kept;
}

/* The file that holds a sample: its own, or the shard or IDX file whose path its own begins with. */
static uint64_t add_file(char *path, uint64_t sum)
{
    struct stat info;
    sum = XXH64(path, strlen(path) + 1, sum);
    for (;;) {
        if (stat(path, &info) == 0) {
            int64_t facts[] = {(int64_t)info.st_size, (int64_t)info.st_mtim.tv_sec, (int64_t)info.st_mtim.tv_nsec};
            return XXH64(facts, sizeof facts, sum);
        }
        char *slash = strrchr(path, '/');
        if (!slash || slash == path)
            return sum;
        *slash = '\0';
    }
}

uint64_t ij_labelled_set_identity(const ij_labelled_set *set)
{
    char path[4096], *real = realpath(set->path, NULL);
    uint64_t sum = ij_dataset_fingerprint(set->dataset);
    if (real)
        sum = XXH64(real, strlen(real) + 1, sum);
    free(real);
    for (int64_t i = 0; i < set->n; i++) {
        ij_dataset_path(set->dataset, set->samples[i], path, sizeof path);
        sum = add_file(path, XXH64(&set->samples[i], sizeof set->samples[i], sum));
    }
    return sum;
}
