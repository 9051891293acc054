/* Matrix products as in gpu_gemm.cl, for devices whose sub-groups pass registers on: a work-item has one column of the
 * result and TM rows of it. The SG items of a sub-group read as many neighbours of a row of A, one each, and all of them
 * get each by a shuffle. No local memory, no barrier. */
#pragma OPENCL EXTENSION cl_intel_subgroups : enable

INLINE float load1(__global const float *p, int n)
{
    return n > 0 ? *p : 0.0f;
}
INLINE void store1(float v, __global float *p, int n)
{
    if (n > 0)
        *p = v;
}
INLINE float gelu1(float x)
{
    return gelu((float4)(x)).x;
}
INLINE float gelu_and_slope1(float x, float *slope)
{
    float4 slopes, y = gelu_and_slope((float4)(x), &slopes);
    *slope = slopes.x;
    return y.x;
}
TAIL_FUNCTION(finish1, float, load1, store1, gelu1, gelu_and_slope1)

#define COLUMNS (SUBS * SG)

INLINE void column_product(__global const float *a, __global const float *b, __global float *c, int M, int N, int K,
                           const int across, const int flags, __global const float *bias, __global const float *add,
                           __global const int *rows, __global float *pre)
{
    int n = get_group_id(0) * COLUMNS + get_local_id(0), m0 = get_group_id(1) * TM, lane = get_sub_group_local_id();
    float acc[TM];
    UNROLL for (int i = 0; i < TM; i++) acc[i] = 0.0f;
    for (int k0 = 0; k0 < K; k0 += SG) {
        float x[TM], w[SG];
        int left = n < N ? K - k0 : 0; /* of the column */
        UNROLL for (int i = 0; i < TM; i++)
            x[i] = load1(a + (size_t)(m0 + i) * K + k0 + lane, m0 + i < M ? K - k0 - lane : 0);
        UNROLL for (int k = 0; k < SG; k += 4)
        {
            if (across) {
                UNROLL for (int j = k; j < k + 4; j++) w[j] = load1(b + (size_t)(k0 + j) * N + n, left - j);
            } else {
                float4 four = load4(b + (size_t)n * K + k0 + k, left - k);
                w[k] = four.x;
                w[k + 1] = four.y;
                w[k + 2] = four.z;
                w[k + 3] = four.w;
            }
        }
        UNROLL for (int k = 0; k < SG; k++) UNROLL for (int i = 0; i < TM; i++)
            acc[i] = fma(intel_sub_group_shuffle(x[i], k), w[k], acc[i]);
    }
    UNROLL for (int i = 0; i < TM; i++)
    {
        int m = m0 + i;
        if (m < M && n < N) {
            size_t at = (size_t)m * N + n, from = flags & ADD_ROWS ? (size_t)rows[m] * N + n : at;
            c[at] = finish1(acc[i], flags, bias + n, add + from, pre + at, 1);
        }
    }
}

/* C [M, N] of inner length K. Work-groups: ceil(N / COLUMNS) x ceil(M / TM). b: W [N, K], or across the sum W [K, N].
 * Arguments that a tail does not use may be any buffer. */
#define COLUMN_KERNEL(name, across, flags)                                                                             \
    TILE_GROUP(COLUMNS) __kernel void name(__global const float *restrict a, __global const float *restrict b,         \
                                           __global float *c, int M, int N, int K,                                     \
                                           __global const float *restrict bias, __global const float *add,             \
                                           __global const int *rows, __global float *pre)                              \
    {                                                                                                                  \
        column_product(a, b, c, M, N, K, across, flags, bias, add, rows, pre);                                         \
    }

COLUMN_KERNEL(gemm_bias, 0, BIAS)
COLUMN_KERNEL(gemm_bias_residual, 0, BIAS | ADD)
COLUMN_KERNEL(gemm_bias_add_rows, 0, BIAS | ADD_ROWS)
COLUMN_KERNEL(gemm_bias_gelu, 0, BIAS | GELU)
COLUMN_KERNEL(gemm_bias_gelu_keep, 0, BIAS | GELU | KEEP)
COLUMN_KERNEL(gemm, 1, 0)
COLUMN_KERNEL(gemm_gelu_backward, 1, GELU_BACK)
COLUMN_KERNEL(gemm_residual, 1, ADD)
