#include "frontend/shares.h"

#include <math.h>
#include <stdlib.h>

ij_status ij_shares_by_rates(int images, int ranks, const double *rates, int *shares)
{
    double all = 0;
    int left = images - ranks; /* one each, the rest by rates */
    if (left < 0)
        return ij_fail(IJ_EINVAL,
                       "a batch of %d images cannot be shared by %d ranks: start fewer, or make batch_size "
                       "larger",
                       images, ranks);
    for (int r = 0; r < ranks; r++)
        all += rates[r];
    for (int r = 0; r < ranks; r++) {
        double wanted = floor(images * rates[r] / all);
        shares[r] = wanted > 1 ? (int)wanted : 1;
        left -= shares[r] - 1;
    }
    for (; left; left += left > 0 ? -1 : 1) { /* below 0: some got one who should have had none */
        int best = -1;
        double most = 0;
        for (int r = 0; r < ranks; r++) {
            double lacks = (images * rates[r] / all - shares[r]) * (left > 0 ? 1 : -1);
            if ((left > 0 || shares[r] > 1) && (best < 0 || lacks > most)) {
                best = r;
                most = lacks;
            }
        }
        shares[best] += left > 0 ? 1 : -1;
    }
    return IJ_OK;
}

ij_status ij_shares_read(const char *text, int ranks, double *rates)
{
    const char *at = text;
    for (int r = 0; r < ranks; r++) {
        char *end;
        rates[r] = strtod(at, &end);
        if (end == at || !(rates[r] > 0 && rates[r] < 1e6) || *end != (r + 1 < ranks ? ',' : '\0'))
            return ij_fail(IJ_EINVAL,
                           "[run] share is auto, equal or a number above 0 for each of the %d ranks, such as "
                           "3,1; not \"%s\"",
                           ranks, text);
        at = end + 1;
    }
    return IJ_OK;
}
