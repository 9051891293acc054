/* The training loss and its gradient, and the collapse statistic. Sums have a fixed order: a row, then the rows of an
 * item; the host adds the items in double. */

/* prediction z [R, D], R = T blocks x C contexts x (B T) rows with the target block outermost; target h
 * [blocks, B T, D]: row (t, c, i) of z is held against row (t, i) of h. dz [R, D] = d(mean loss)/dz, in place of z
 * where the caller says so. l2: (z-h)^2; smooth_l1: (z-h)^2/2 below 1, |z-h| - 1/2 above.
 * partial [items] sums of the loss, not yet divided by R D, added to what is there where `add`. Global size: items = ceil(R / rows_per_item). */
SINGLE_ITEM __kernel void loss(__global const float *z, __global const float *restrict h, __global float *dz,
                               __global float *restrict partial, int R, int D, int contexts, int rows_per_block,
                               int smooth, float scale, int rows_per_item, int add)
{
    int begin = get_global_id(0) * rows_per_item, end = min(begin + rows_per_item, R);
    float total = 0.0f;
    for (int r = begin; r < end; r++) {
        int t = r / (contexts * rows_per_block), i = r % rows_per_block;
        __global const float *hr = h + ((size_t)t * rows_per_block + i) * D;
        vec s = (vec)(0.0f);
        for (int j = 0; j < D; j += VW) {
            int n = D - j;
            vec e = load_n(z + (size_t)r * D + j, n) - load_n(hr + j, n), a = fabs(e);
            if (smooth) {
                s += select(a - 0.5f, 0.5f * e * e, a < 1.0f);
                e = clamp(e, (vec)(-1.0f), (vec)(1.0f));
            } else {
                s = fma(e, e, s);
                e *= 2.0f;
            }
            store_n(e * scale, dz + (size_t)r * D + j, n);
        }
        total += sum_lanes(s);
    }
    partial[get_global_id(0)] = add ? partial[get_global_id(0)] + total : total;
}

/* std [D] = standard deviation over the batch (n, not n - 1) of features [B, D]. Global size: ceil(D / VW). */
SINGLE_ITEM __kernel void batch_std(__global const float *restrict features, __global float *restrict std, int B, int D)
{
    int j = get_global_id(0) * VW, n = D - j;
    vec mean = (vec)(0.0f), var = (vec)(0.0f);
    for (int b = 0; b < B; b++)
        mean += load_n(features + (size_t)b * D + j, n);
    mean /= (float)B;
    for (int b = 0; b < B; b++) {
        vec d = load_n(features + (size_t)b * D + j, n) - mean;
        var = fma(d, d, var);
    }
    store_n(sqrt(var / (float)B), std + j, n);
}
