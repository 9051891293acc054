/* The gradient of a linear layer's weight W [N, K], for GPUs: G = D [M, N]^T A [M, K], row-major as W is; and of its
 * bias, the column sums of D.
 *
 * The sum runs over tokens, of which there are many where W is small: then `splits` work-groups take a share of the
 * tokens each, and gradient_reduce adds their results in ascending order. */

/* Result s of G lies at g + s stride, of the bias gradient at bias + bias_at + s stride. tokens: a split's, a multiple of WGK.
 * Work-groups: ceil(K / WGN) x (ceil(N / WGM) splits). */
TILE_GROUP(THREADS) __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                           __global float *g, int M, int N, int K, int tokens, int stride,
                                           __global float *bias, int bias_at)
{
    __local float tiles[STAGES * STAGE] __attribute__((aligned(16)));
    int down = (N + WGM - 1) / WGM, split = get_group_id(1) / down;
    int n0 = get_group_id(1) % down * WGM, k0 = get_group_id(0) * WGN;
    int begin = split * tokens, end = min(begin + tokens, M);
    float4 acc[TM][TN / 4];
    float column = 0.0f;
    operand left = {d, N, N}, right = {a, K, K};
    tile_product(acc, left, 1, right, 1, n0, k0, begin, end, get_group_id(0) == 0, &column, tiles);
    g += (size_t)split * stride;
    UNROLL for (int i = 0; i < TM; i++)
    {
        int n = n0 + row_of(i);
        if (n < N) {
            UNROLL for (int j = 0; j < TN / 4; j++)
            {
                int k = k0 + column_of(j);
                store4(acc[i][j], g + (size_t)n * K + k, K - k);
            }
        }
    }
    int n = n0 + get_local_id(0);
    if (get_group_id(0) == 0 && get_local_id(0) < WGM && n < N)
        bias[(size_t)split * stride + bias_at + n] = column;
}

/* g [floats] and bias [N] from `splits` results of `stride` floats: a gradient, then the bias's. Work-groups:
 * ceil((floats + N) / THREADS). */
GROUP(THREADS) __kernel void gradient_reduce(__global const float *restrict partial, __global float *restrict g,
                                             __global float *restrict bias, int floats, int N, int splits, int stride)
{
    int i = get_global_id(0);
    if (i >= floats + N)
        return;
    float sum = 0.0f;
    for (int s = 0; s < splits; s++)
        sum += partial[(size_t)s * stride + i];
    if (i < floats)
        g[i] = sum;
    else
        bias[i - floats] = sum;
}
