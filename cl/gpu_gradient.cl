/* The gradient of a linear layer's weight W [N, K], for GPUs: G = D [M, N]^T A [M, K], row-major as W is; and of its
 * bias, the column sums of D.
 *
 * The sum runs over tokens, of which there are many where W is small: then `splits` work-groups take a share of the
 * tokens each, and gradient_reduce adds their results in ascending order. */

/* Result s of G lies at g + s stride, of the bias gradient at bias + bias_at + s stride. tokens: a split's, a multiple of
 * WGK. Set, or added to where `add`, which is for what is not split. Work-groups: ceil(K / WGN) x (ceil(N / WGM)
 * splits). */
TILE_GROUP(THREADS) __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                           __global float *g, int M, int N, int K, int tokens, int stride,
                                           __global float *bias, int bias_at, int add)
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
                __global float *to = g + (size_t)n * K + k;
                store4(add ? load4(to, K - k) + acc[i][j] : acc[i][j], to, K - k);
            }
        }
    }
    int n = n0 + get_local_id(0);
    if (get_group_id(0) == 0 && get_local_id(0) < WGM && n < N) {
        __global float *to = bias + (size_t)split * stride + bias_at + n;
        *to = add ? *to + column : column;
    }
}

/* g [floats] and bias [N] from `splits` results of `stride` floats: a gradient, then the bias's; added where `add`.
 * Work-groups: ceil((floats + N) / THREADS). */
GROUP(THREADS) __kernel void gradient_reduce(__global const float *restrict partial, __global float *restrict g,
                                             __global float *restrict bias, int floats, int N, int splits, int stride,
                                             int add)
{
    int i = get_global_id(0);
    if (i >= floats + N)
        return;
    __global float *to = i < floats ? g + i : bias + (i - floats);
    float sum = add ? *to : 0.0f;
    for (int s = 0; s < splits; s++)
        sum += partial[(size_t)s * stride + i];
    *to = sum;
}
