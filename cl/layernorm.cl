/* LayerNorm over the features of a token: y = (x - mean) rstd gain + bias, rstd = 1 / sqrt(var + eps).
 *
 * Forward works row by row and keeps nothing but the result: the backward pass computes mean and rstd again from x.
 * `rows` picks the rows of x that are wanted (the mask tokens of the predictor); without it, all in order. */

/* Mean and rstd of a row, by the two-pass formula. */
float2 moments(__global const float *x, int D, float eps)
{
    vec s = (vec)(0.0f);
    float tail = 0.0f;
    int full = D / VW * VW;
    for (int j = 0; j < full; j += VW)
        s += LOAD(x + j);
    for (int j = full; j < D; j++)
        tail += x[j];
    float mean = (sum_lanes(s) + tail) / D;
    s = (vec)(0.0f);
    tail = 0.0f;
    for (int j = 0; j < full; j += VW) {
        vec d = LOAD(x + j) - mean;
        s = fma(d, d, s);
    }
    for (int j = full; j < D; j++)
        tail += (x[j] - mean) * (x[j] - mean);
    return (float2)(mean, rsqrt((sum_lanes(s) + tail) / D + eps));
}

/* x [*, D], y [M, D]. Global size: ceil(M / rows_per_item). affine = 0: no gain and bias. add = 1: y += instead of y =.
 */
SINGLE_ITEM __kernel void layernorm(__global const float *x, __global float *y, __global const float *gain,
                                    __global const float *bias, __global const int *rows, int use_rows, int affine,
                                    int add, int M, int D, float eps, int rows_per_item)
{
    int begin = get_global_id(0) * rows_per_item, end = min(begin + rows_per_item, M);
    for (int m = begin; m < end; m++) {
        __global const float *xr = x + (size_t)(use_rows ? rows[m] : m) * D;
        __global float *yr = y + (size_t)m * D;
        float2 s = moments(xr, D, eps);
        for (int j = 0; j < D; j += VW) {
            int n = D - j;
            vec v = (load_n(xr + j, n) - s.x) * s.y;
            if (affine)
                v = fma(v, load_n(gain + j, n), load_n(bias + j, n));
            if (add)
                v += load_n(yr + j, n);
            store_n(v, yr + j, n);
        }
    }
}

/* dx (+)= rstd (g - mean(g) - xhat mean(g xhat)) with g = dy gain, xhat = (x - mean) rstd; and this item's share of
 * the gradients of gain, sum of dy xhat, and bias, sum of dy: partial [items][2][D], for layernorm_reduce.
 * accumulate: dx += (the residual's gradient is there already), else dx =. dy [M, D]; x, dx [*, D].
 * Global size: items = ceil(M / rows_per_item). */
SINGLE_ITEM __kernel void layernorm_backward(__global const float *restrict x, __global const float *restrict dy,
                                             __global float *restrict dx, __global const float *restrict gain,
                                             __global const int *restrict rows, int use_rows,
                                             __global float *restrict partial, int M, int D, float eps,
                                             int rows_per_item, int accumulate, __local float *unused)
{
    int item = get_global_id(0);
    int begin = item * rows_per_item, end = min(begin + rows_per_item, M);
    __global float *dgain = partial + (size_t)item * 2 * D, *dbias = dgain + D;
    for (int j = 0; j < 2 * D; j++)
        dgain[j] = 0.0f;
    for (int m = begin; m < end; m++) {
        size_t at = (size_t)(use_rows ? rows[m] : m) * D;
        __global const float *xr = x + at, *dyr = dy + (size_t)m * D;
        float2 s = moments(xr, D, eps);
        vec sg = (vec)(0.0f), sgx = (vec)(0.0f);
        for (int j = 0; j < D; j += VW) {
            int n = D - j;
            vec d = load_n(dyr + j, n), xhat = (load_n(xr + j, n) - s.x) * s.y;
            vec g = d * load_n(gain + j, n);
            sg += g;
            sgx = fma(g, xhat, sgx); /* lanes beyond n hold g = 0 */
            store_n(fma(d, xhat, load_n(dgain + j, n)), dgain + j, n);
            store_n(d + load_n(dbias + j, n), dbias + j, n);
        }
        float mg = sum_lanes(sg) / D, mgx = sum_lanes(sgx) / D;
        for (int j = 0; j < D; j += VW) {
            int n = D - j;
            vec xhat = (load_n(xr + j, n) - s.x) * s.y, g = load_n(dyr + j, n) * load_n(gain + j, n);
            vec v = s.y * (g - mg - xhat * mgx);
            if (accumulate)
                v += load_n(dx + at + j, n);
            store_n(v, dx + at + j, n);
        }
    }
}

/* dgain, dbias [D] = sums over the items' partials [items][2][D], ascending. Global size: ceil(D / VW). */
SINGLE_ITEM __kernel void layernorm_reduce(__global const float *restrict partial, __global float *restrict dgain,
                                           __global float *restrict dbias, int items, int D, int add)
{
    int j = get_global_id(0) * VW, n = D - j;
    vec g = add ? load_n(dgain + j, n) : (vec)(0.0f), b = add ? load_n(dbias + j, n) : (vec)(0.0f);
    for (int i = 0; i < items; i++) {
        g += load_n(partial + (size_t)i * 2 * D + j, n);
        b += load_n(partial + ((size_t)i * 2 + 1) * D + j, n);
    }
    store_n(g, dgain + j, n);
    store_n(b, dbias + j, n);
}
