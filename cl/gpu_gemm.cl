/* Matrix products with the weight W [N, K] of a linear layer (rows = outputs, columns = inputs), for GPUs: forward
 * C [M, N] = tail(A [M, K] W^T), backward to the input C [M, K] = tail(A [M, N] W). All row-major; a work-group makes a
 * tile of C (see gpu_common.cl). */

/* Where a tile goes, and what its tail reads; the rows of C have N floats. */
typedef struct target {
    __global float *c;
    int M, N;
    __global const float *bias, *add;
    __global const int *rows;
    __global float *pre;
} target;

/* Four floats of the product at (m, n). */
INLINE void store_tail(float4 x, int m, int n, target t, const int flags)
{
    if (m >= t.M || n >= t.N)
        return;
    size_t at = (size_t)m * t.N + n, from = flags & ADD_ROWS ? (size_t)t.rows[m] * t.N + n : at;
    int here = t.N - n;
    store4(finish(x, flags, t.bias + n, t.add + from, t.pre + at, here), t.c + at, here);
}

/* Not loops: with a long tail some compilers unroll them too late to hold acc in registers. */
#if TN == 8
#define STORE_ROW(i)                                                                                                   \
    store_tail(acc[i][0], m0 + row_of(i), n0 + column_of(0), t, flags);                                                \
    store_tail(acc[i][1], m0 + row_of(i), n0 + column_of(1), t, flags)
#else
#define STORE_ROW(i) store_tail(acc[i][0], m0 + row_of(i), n0 + column_of(0), t, flags)
#endif

INLINE void product(operand a, operand b, const int b_across, int K, target t, const int flags, __local float *tiles)
{
    int m0 = get_group_id(1) * WGM, n0 = get_group_id(0) * WGN;
    float4 acc[TM][TN / 4];
    float unused;
    tile_product(acc, a, 0, b, b_across, m0, n0, 0, K, 0, &unused, tiles);
    STORE_ROW(0);
    STORE_ROW(1);
    STORE_ROW(2);
    STORE_ROW(3);
#if TM == 8
    STORE_ROW(4);
    STORE_ROW(5);
    STORE_ROW(6);
    STORE_ROW(7);
#endif
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
        operand left = {a, K, M}, right = {b, b_across ? N : K, N};                                                    \
        target t = {c, M, N, bias, add, rows, pre};                                                                    \
        product(left, right, b_across, K, t, flags, tiles);                                                            \
    }

/* Forward: b = W. */
PRODUCT_KERNEL(gemm_bias, 0, BIAS)
PRODUCT_KERNEL(gemm_bias_residual, 0, BIAS | ADD)
PRODUCT_KERNEL(gemm_bias_add_rows, 0, BIAS | ADD_ROWS)
PRODUCT_KERNEL(gemm_bias_gelu, 0, BIAS | GELU)
PRODUCT_KERNEL(gemm_bias_gelu_keep, 0, BIAS | GELU | KEEP)
/* Backward to the input: b = W, which now lies across the sum. */
PRODUCT_KERNEL(gemm, 1, 0)
PRODUCT_KERNEL(gemm_gelu_backward, 1, GELU_BACK)
PRODUCT_KERNEL(gemm_residual, 1, ADD)
