/* LayerNorm over the features of a token, for GPUs: y = (x - mean) rstd gain + bias, rstd = 1 / sqrt(var + eps).
 *
 * `lanes` work-items share a row. Forward keeps nothing but the result: the backward pass computes mean and rstd again
 * from x. `rows` picks the rows of x that are wanted (the mask tokens of the predictor); without it, all in order. */

/* Mean and rstd of a row, by the two-pass formula; this work-item's share starts at float 4 lane. */
INLINE float2 moments(__global const float *x, int D, float eps, int lane, const int lanes, __local float *room)
{
    float4 s = (float4)(0.0f);
    for (int j = lane * 4; j < D; j += 4 * lanes)
        s += load4(x + j, 4);
    float mean = sum_items(sum_lanes(s), lanes, room) / D;
    s = (float4)(0.0f);
    for (int j = lane * 4; j < D; j += 4 * lanes) {
        float4 d = load4(x + j, 4) - mean;
        s = fma(d, d, s);
    }
    return (float2)(mean, rsqrt(sum_items(sum_lanes(s), lanes, room) / D + eps));
}

/* x [*, D], y [M, D]. rows_per_group = WGS / LANES; work-groups: ceil(M / rows_per_group). affine = 0: no gain and
 * bias. add = 1: y += instead of y =. */
GROUP(WGS) __kernel void layernorm(__global const float *x, __global float *y, __global const float *gain,
                                   __global const float *bias, __global const int *rows, int use_rows, int affine,
                                   int add, int M, int D, float eps, int rows_per_group)
{
    __local float room[WGS];
    int lane = ITEM % LANES, m = get_group_id(0) * rows_per_group + ITEM / LANES;
    int here = min(m, M - 1); /* beyond the end the last row once more, for the barriers' sake */
    __global const float *xr = x + (size_t)(use_rows ? rows[here] : here) * D;
    __global float *yr = y + (size_t)here * D;
    float2 s = moments(xr, D, eps, lane, LANES, room);
    if (m >= M)
        return;
    for (int j = lane * 4; j < D; j += 4 * LANES) {
        float4 v = (load4(xr + j, 4) - s.x) * s.y;
        if (affine)
            v = fma(v, load4(gain + j, 4), load4(bias + j, 4));
        if (add)
            v += load4(yr + j, 4);
        store4(v, yr + j, 4);
    }
}

/* dx (+)= rstd (g - mean(g) - xhat mean(g xhat)) with g = dy gain, xhat = (x - mean) rstd; and this work-group's share
 * of the gradients of gain, sum of dy xhat, and bias, sum of dy: partial [groups][2][D], for layernorm_reduce.
 * accumulate: dx += (the residual's gradient is there already), else dx =. dy [M, D]; x, dx [*, D].
 * Work-groups: ceil(M / rows_per_group). sums: 2 D floats; a work-item only touches its own columns of them. */
GROUP(WGS) __kernel void layernorm_backward(__global const float *restrict x, __global const float *restrict dy,
                                            __global float *restrict dx, __global const float *restrict gain,
                                            __global const int *restrict rows, int use_rows,
                                            __global float *restrict partial, int M, int D, float eps,
                                            int rows_per_group, int accumulate, __local float4 *sums)
{
    __local float room[WGS];
    int lane = get_local_id(0);
    int begin = get_group_id(0) * rows_per_group, end = min(begin + rows_per_group, M);
    __local float4 *dgain = sums, *dbias = sums + D / 4;
    for (int j = lane; j < D / 4; j += WGS)
        dgain[j] = dbias[j] = (float4)(0.0f);
    for (int m = begin; m < end; m++) {
        size_t at = (size_t)(use_rows ? rows[m] : m) * D;
        __global const float *xr = x + at, *dyr = dy + (size_t)m * D;
        float2 s = moments(xr, D, eps, lane, WGS, room);
        float4 sg = (float4)(0.0f), sgx = (float4)(0.0f);
        for (int j = lane; j < D / 4; j += WGS) {
            float4 d = load4(dyr + 4 * j, 4), xhat = (load4(xr + 4 * j, 4) - s.x) * s.y;
            float4 g = d * load4(gain + 4 * j, 4);
            sg += g;
            sgx = fma(g, xhat, sgx);
            dgain[j] = fma(d, xhat, dgain[j]);
            dbias[j] += d;
        }
        float mg = sum_items(sum_lanes(sg), WGS, room) / D, mgx = sum_items(sum_lanes(sgx), WGS, room) / D;
        for (int j = lane * 4; j < D; j += 4 * WGS) {
            float4 xhat = (load4(xr + j, 4) - s.x) * s.y, g = load4(dyr + j, 4) * load4(gain + j, 4);
            float4 v = s.y * (g - mg - xhat * mgx);
            if (accumulate)
                v += load4(dx + at + j, 4);
            store4(v, dx + at + j, 4);
        }
    }
    __global float *to = partial + (size_t)get_group_id(0) * 2 * D;
    for (int j = lane; j < D / 4; j += WGS) {
        store4(dgain[j], to + 4 * j, 4);
        store4(dbias[j], to + D + 4 * j, 4);
    }
}

/* dgain, dbias [D] = sums over the groups' partials [groups][2][D]. Work-groups: ceil(D / (4 COLS)). */
GROUP(WGS) __kernel void layernorm_reduce(__global const float *restrict partial, __global float *restrict dgain,
                                          __global float *restrict dbias, int groups, int D, int add)
{
    __local float4 room[WGS];
    int item = get_local_id(0), j = (get_group_id(0) * COLS + item % COLS) * 4, n = D - j;
    float4 g = (float4)(0.0f), b = (float4)(0.0f);
    for (int i = item / COLS; i < groups; i += SHARES) {
        g += load4(partial + (size_t)i * 2 * D + j, n);
        b += load4(partial + ((size_t)i * 2 + 1) * D + j, n);
    }
    g = sum_shares(g, room);
    b = sum_shares(b, room);
    if (item < COLS) {
        store4(add ? load4(dgain + j, n) + g : g, dgain + j, n);
        store4(add ? load4(dbias + j, n) + b : b, dbias + j, n);
    }
}
