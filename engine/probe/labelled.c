#include "engine/probe/labelled.h"

#include "engine/base/try.h"

#include <math.h>

static ij_status check_features(const ij_labelled *d, const char *which)
{
    for (int64_t i = 0; i < d->n; i++)
        for (int j = 0; j < d->width; j++)
            if (!isfinite(d->features[i * d->width + j]))
                return ij_fail(IJ_EINVAL, "feature %d of %s image %lld is no finite number: the weights are not sound",
                               j, which, (long long)i);
    return IJ_OK;
}

static int classes_present(const ij_labelled *d)
{
    int present = 0;
    for (int64_t i = 1; i < d->n && present < 2; i++)
        present = d->labels[i] != d->labels[0] ? 2 : present;
    return d->n ? (present ? present : 1) : 0;
}

ij_status ij_labelled_check(const ij_labelled *train, const ij_labelled *test)
{
    if (train->n < 2 || classes_present(train) < 2)
        return ij_fail(IJ_EINVAL, "a classifier learns from images of two classes or more; there %s %lld image%s of %s",
                       train->n == 1 ? "is" : "are", (long long)train->n, train->n == 1 ? "" : "s",
                       train->n ? "one class" : "none");
    if (test->n < 1)
        return ij_fail(IJ_EINVAL, "there is no image to test a classifier on");
    if (test->width != train->width || test->classes != train->classes)
        return ij_fail(IJ_EINVAL, "training and test features are of other widths or classes");
    TRY(check_features(train, "training"));
    return check_features(test, "test");
}
