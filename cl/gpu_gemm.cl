/* Matrix products with the weight W [N, K] of a linear layer (rows = outputs, columns = inputs), for GPUs: forward
 * C [M, N] = tail(A [M, K] W^T), backward to the input C [M, K] = tail(A [M, N] W). All row-major; a work-group makes a
 * tile of C (see gpu_common.cl). */

INLINE void product(__global const float *a, __global const float *b, const int b_across,
                    __global float *c, int M, int N, int K, const int flags, __global const float *bias,
                    __global const float *add, __global const int *rows, __global float *pre, __local float *tiles)
{
    int m0 = get_group_id(1) * WGM, n0 = get_group_id(0) * WGN;
    float4 acc[TM][TN / 4];
    float unused;
    operand left = {a, K, M}, right = {b, b_across ? N : K, N};
    tile_product(acc, left, 0, right, b_across, m0, n0, 0, K, 0, &unused, tiles);
    UNROLL for (int i = 0; i < TM; i++)
    {
        int m = m0 + row_of(i);
        if (m < M) {
            size_t at = (size_t)m * N, from = flags & ADD_ROWS ? (size_t)rows[m] * N : at;
            UNROLL for (int j = 0; j < TN / 4; j++)
            {
                int n = n0 + column_of(j);
                if (n < N)
                    store4(finish(acc[i][j], flags, bias + n, add + from + n, pre + at + n, N - n), c + at + n, N - n);
            }
        }
    }
}

/* C [M, N] of inner length K. Work-groups: ceil(N / WGN) x ceil(M / WGM). Arguments that a tail does not use may be any
 * buffer. */
#define PRODUCT_KERNEL(name, b_across, flags)                                                                          \
    TILE_GROUP(THREADS) __kernel void name(__global const float *restrict a, __global const float *restrict b,         \
                                           __global float *c, int M, int N, int K,                                     \
                                           __global const float *restrict bias, __global const float *add,             \
                                           __global const int *rows, __global float *pre)                              \
    {                                                                                                                  \
        __local float tiles[STAGES * STAGE] __attribute__((aligned(16)));                                              \
        product(a, b, b_across, c, M, N, K, flags, bias, add, rows, pre, tiles);                                       \
    }

/* Forward: b = W. */
PRODUCT_KERNEL(gemm_bias, 0, BIAS)
PRODUCT_KERNEL(gemm_bias_residual, 0, BIAS | ADD)
PRODUCT_KERNEL(gemm_bias_position, 0, BIAS | ADD_ROWS)
PRODUCT_KERNEL(gemm_bias_gelu, 0, BIAS | GELU)
PRODUCT_KERNEL(gemm_bias_gelu_keep, 0, BIAS | GELU | KEEP)
/* Backward to the input: b = W, which now lies across the sum. */
PRODUCT_KERNEL(gemm, 1, 0)
PRODUCT_KERNEL(gemm_gelu_backward, 1, GELU_BACK)
