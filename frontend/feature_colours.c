#include "frontend/feature_colours.h"

#include "frontend/principal.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Coordinates [tokens, 3] to colours, each from the second to the last but second hundredth of all its values. */
static void to_colours(const double *coordinates, int64_t tokens, double *sorted, uint8_t *colours)
{
    for (int c = 0; c < 3; c++) {
        for (int64_t t = 0; t < tokens; t++)
            sorted[t] = coordinates[3 * t + c];
        qsort(sorted, (size_t)tokens, sizeof *sorted, by_value);
        double low = sorted[tokens / 50], high = sorted[tokens - 1 - tokens / 50];
        for (int64_t t = 0; t < tokens; t++) {
            double at = high > low ? (coordinates[3 * t + c] - low) / (high - low) : 0.5;
            colours[3 * t + c] = (uint8_t)(255 * fmin(fmax(at, 0), 1) + 0.5);
        }
    }
}

ij_status ij_feature_colours(const float *features, int64_t tokens, int dim, uint8_t *colours, double shares[3])
{
    double *room = malloc((size_t)tokens * 4 * sizeof *room);
    if (!room)
        return ij_fail(IJ_ENOMEM, "no memory for the patches' colours");
    ij_principal p;
    ij_status status = ij_principal_find(&p, features, tokens, dim, 3);
    if (!status) {
        for (int64_t t = 0; t < tokens; t++)
            ij_principal_project(&p, features + t * dim, room + 3 * t);
        to_colours(room, tokens, room + 3 * tokens, colours);
        for (int c = 0; c < 3; c++)
            shares[c] = p.total > 0 ? p.variance[c] / p.total : 0;
    }
    ij_principal_free(&p);
    free(room);
    return status;
}
