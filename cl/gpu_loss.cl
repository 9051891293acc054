/* The training loss and its gradient, and the collapse statistic, for GPUs. Sums have a fixed order: a work-item's rows,
 * then the tree over the work-group; the host adds the groups in double. */

/* prediction z [R, D], R = T blocks x C contexts x (B T) rows with the target block outermost; target h
 * [blocks, B T, D]: row (t, c, i) of z is held against row (t, i) of h. dz [R, D] = d(mean loss)/dz, in place of z
 * where the caller says so. l2: (z-h)^2; smooth_l1: (z-h)^2/2 below 1, |z-h| - 1/2 above.
 * partial [groups] sums of the loss, not yet divided by R D, added to what is there where `add`. Work-groups: ceil(R / rows_per_group). */
GROUP(WGS) __kernel void loss(__global const float *z, __global const float *restrict h, __global float *dz,
                              __global float *restrict partial, int R, int D, int contexts, int rows_per_block,
                              int smooth, float scale, int rows_per_group, int add)
{
    __local float room[WGS];
    int begin = get_group_id(0) * rows_per_group, end = min(begin + rows_per_group, R);
    float total = 0.0f;
    for (int r = begin; r < end; r++) {
        int t = r / (contexts * rows_per_block), i = r % rows_per_block;
        __global const float *hr = h + ((size_t)t * rows_per_block + i) * D;
        float4 s = (float4)(0.0f);
        for (int j = get_local_id(0) * 4; j < D; j += 4 * WGS) {
            float4 e = load4(z + (size_t)r * D + j, D - j) - load4(hr + j, D - j), a = fabs(e);
            if (smooth) {
                s += select(a - 0.5f, 0.5f * e * e, a < 1.0f);
                e = clamp(e, (float4)(-1.0f), (float4)(1.0f));
            } else {
                s = fma(e, e, s);
                e *= 2.0f;
            }
            store4(e * scale, dz + (size_t)r * D + j, D - j);
        }
        total += sum_lanes(s);
    }
    total = sum_items(total, WGS, room);
    if (get_local_id(0) == 0)
        partial[get_group_id(0)] = add ? partial[get_group_id(0)] + total : total;
}

/* std [D] = standard deviation over the batch (n, not n - 1) of features [B, D]. Work-groups: ceil(D / (4 COLS)). */
GROUP(WGS) __kernel void batch_std(__global const float *restrict features, __global float *restrict std, int B, int D)
{
    __local float4 room[WGS];
    int item = get_local_id(0), j = (get_group_id(0) * COLS + item % COLS) * 4, n = D - j;
    float4 mean = (float4)(0.0f), var = (float4)(0.0f);
    for (int b = item / COLS; b < B; b += SHARES)
        mean += load4(features + (size_t)b * D + j, n);
    mean = sum_shares(mean, room) / (float)B;
    for (int b = item / COLS; b < B; b += SHARES) {
        float4 d = load4(features + (size_t)b * D + j, n) - mean;
        var = fma(d, d, var);
    }
    var = sum_shares(var, room);
    if (item < COLS)
        store4(sqrt(var / (float)B), std + j, n);
}
