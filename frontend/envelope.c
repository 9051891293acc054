#include "frontend/envelope.h"

#include <math.h>

static void add(ij_envelope_point *p, double at, double y)
{
    if (!p->values++)
        p->least = p->most = y;
    p->least = y < p->least ? y : p->least;
    p->most = y > p->most ? y : p->most;
    p->at += (at - p->at) / (double)p->values;
    p->mean += (y - p->mean) / (double)p->values;
}

int ij_envelope(const double *y, int64_t n, ij_envelope_point *points, int most)
{
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++)
        finite += isfinite(y[i]) != 0;
    /* Few values in a long log (one an epoch) are worth a point each. */
    int count = 0;
    int64_t stretch = finite <= most ? 1 : (n + most - 1) / most;
    for (int64_t begin = 0; begin < n; begin += stretch) {
        ij_envelope_point p = {0};
        for (int64_t i = begin; i < n && i < begin + stretch; i++)
            if (isfinite(y[i]))
                add(&p, (double)i, y[i]);
        if (p.values)
            points[count++] = p;
    }
    return count;
}
