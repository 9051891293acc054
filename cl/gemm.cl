/* Matrix products of a linear layer with weight W [N, K] (rows = outputs, columns = inputs), for CPUs.
 *
 *   gemm*            C [M, N]  = tail(A [M, K] B [K, N])  B in panels [ceil(N/TN)][K][TN]; forward with B = W^T,
 *                                                          backward to the input with B = W
 *   gemm_gradient    G [N, K]  = D [M, N]^T A [M, K]       written in the panels that W itself lies in; and the bias
 *                                                          gradient, the column sums of D
 *   panel_transpose  the panels of W^T from those of W
 *
 * A work-item computes TM x TN tiles: TM rows of scalars from A, broadcast, times TN = 2 VW lanes of B. TM and TN are
 * chosen so that accumulators, two vectors of B and a broadcast fill the register file. */

#define TV (TN / VW)

/* What happens to a tile before it is stored; known when the kernel is compiled. */
#define BIAS      1 /* + bias[n] */
#define ADD       2 /* + add[m][n]: the residual */
#define ADD_ROWS  4 /* + add[rows[m]][n]: positions */
#define GELU      8 /* GELU of that */
#define KEEP      16 /* pre[m][n] = the input of GELU */
#define GELU_BACK 32 /* * GELU'(pre[m][n]); pre[m][n] = GELU(pre[m][n]), for the weight gradient */

#define INLINE __attribute__((always_inline))

/* One vector of the result, `n` floats from the right end. */
INLINE vec finish(vec c, const int flags, __global const float *bias, __global const float *add, __global float *pre,
                  int n)
{
    if (flags & BIAS)
        c += load_n(bias, n);
    if (flags & (ADD | ADD_ROWS))
        c += load_n(add, n);
    if (flags & KEEP)
        store_n(c, pre, n);
    if (flags & GELU)
        c = gelu(c);
    if (flags & GELU_BACK) {
        vec slope, x = gelu_and_slope(load_n(pre, n), &slope);
        store_n(x, pre, n);
        c *= slope;
    }
    return c;
}

INLINE void panel_product(__global const float *restrict a, __global const float *restrict b, __global float *c, int M,
                          int N, int K, int rows_per_group, const int flags, __global const float *restrict bias,
                          __global const float *add, __global const int *rows, __global float *pre,
                          __local float *tile)
{
    int panel = get_global_id(0), n0 = panel * TN;
    int begin = get_global_id(1) * rows_per_group, end = min(begin + rows_per_group, M);
    __global const float *bp = b + (size_t)panel * K * TN;

    for (int m = begin; m < end; m += TM) {
        __global const float *row[TM];
        UNROLL for (int i = 0; i < TM; i++) row[i] = a + (size_t)min(m + i, M - 1) * K;
        vec acc[TM][TV];
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++) acc[i][v] = (vec)(0.0f);

        __global const float *bk = bp;
        for (int k = 0; k < K; k++, bk += TN) {
            vec bv[TV];
            UNROLL for (int v = 0; v < TV; v++) bv[v] = LOAD(bk + v * VW);
            UNROLL for (int i = 0; i < TM; i++)
            {
                vec s = (vec)(row[i][k]);
                UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, bv[v], acc[i][v]);
            }
        }

        if (m + TM <= end && n0 + TN <= N && !(flags & (GELU | GELU_BACK))) {
            UNROLL for (int i = 0; i < TM; i++)
            {
                size_t at = (size_t)(m + i) * N + n0, from = flags & ADD_ROWS ? (size_t)rows[m + i] * N + n0 : at;
                UNROLL for (int v = 0; v < TV; v++)
                    STORE(finish(acc[i][v], flags, bias + n0 + v * VW, add + from + v * VW, pre, VW), c + at + v * VW);
            }
            continue;
        }
        /* Ragged ends and long tails go through memory, so that their code is there once. */
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++)
            *(__local vec_u *)(tile + i * TN + v * VW) = acc[i][v];
        for (int i = 0; i < min(TM, end - m); i++) {
            size_t at = (size_t)(m + i) * N + n0, from = flags & ADD_ROWS ? (size_t)rows[m + i] * N + n0 : at;
            for (int j = 0; j < min(TN, N - n0); j += VW) {
                int n = N - n0 - j;
                vec x = *(__local vec_u *)(tile + i * TN + j);
                if (n >= VW)
                    STORE(finish(x, flags, bias + n0 + j, add + from + j, pre + at + j, VW), c + at + j);
                else
                    store_part(finish(x, flags, bias + n0 + j, add + from + j, pre + at + j, n), c + at + j, n);
            }
        }
    }
}

/* Global size: panels x ceil(M / rows_per_group). Arguments that a tail does not use may be any buffer. */
#define PANEL_KERNEL(name, flags)                                                                                      \
    SINGLE_ITEM __kernel void name(__global const float *restrict a, __global const float *restrict b,                 \
                                   __global float *c, int M, int N, int K, int rows_per_group,                         \
                                   __global const float *restrict bias, __global const float *add,                     \
                                   __global const int *rows, __global float *pre)                                      \
    {                                                                                                                  \
        __local float tile[TM * TN];                                                                                   \
        panel_product(a, b, c, M, N, K, rows_per_group, flags, bias, add, rows, pre, tile);                            \
    }

PANEL_KERNEL(gemm, 0)
PANEL_KERNEL(gemm_bias, BIAS)
PANEL_KERNEL(gemm_bias_residual, BIAS | ADD)
PANEL_KERNEL(gemm_bias_position, BIAS | ADD_ROWS)
PANEL_KERNEL(gemm_bias_gelu, BIAS | GELU)
PANEL_KERNEL(gemm_bias_gelu_keep, BIAS | GELU | KEEP)
PANEL_KERNEL(gemm_gelu_backward, GELU_BACK)

#define MBLOCK 128 /* rows of D that are packed at once: MBLOCK x TN floats stay in the first-level cache */

/* Global size: panels of N x ceil(K / columns_per_group). The reduction over M runs in ascending order whatever the
 * grid. Lanes beyond N receive zeros. bias_gradient [N] may be unused (with_bias = 0). */
SINGLE_ITEM __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                        __global float *restrict g, int M, int N, int K, int columns_per_group,
                                        __global float *restrict bias_gradient, int with_bias)
{
    __local float packed[MBLOCK * TN];
    int panel = get_global_id(0), n0 = panel * TN;
    int begin = get_global_id(1) * columns_per_group, end = min(begin + columns_per_group, K);
    __global float *gp = g + (size_t)panel * K * TN;
    vec sum[TV];
    UNROLL for (int v = 0; v < TV; v++) sum[v] = (vec)(0.0f);

    for (int m0 = 0; m0 < M; m0 += MBLOCK) {
        int rows = min(MBLOCK, M - m0);
        for (int m = 0; m < rows; m++) {
            __global const float *from = d + (size_t)(m0 + m) * N + n0;
            UNROLL for (int v = 0; v < TV; v++)
            {
                int n = N - n0 - v * VW;
                vec x = n > 0 ? load_n(from + v * VW, n) : (vec)(0.0f);
                sum[v] += x;
                *(__local vec_u *)(packed + m * TN + v * VW) = x;
            }
        }
        for (int k = begin; k < end; k += TM) {
            int here = min(TM, end - k);
            vec acc[TM][TV];
            __global float *gk = gp + (size_t)k * TN;
            UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++)
                acc[i][v] = m0 && i < here ? LOAD(gk + i * TN + v * VW) : (vec)(0.0f);
            int at[TM];
            UNROLL for (int i = 0; i < TM; i++) at[i] = min(k + i, K - 1);
            __global const float *row = a + (size_t)m0 * K;
            for (int m = 0; m < rows; m++, row += K) {
                vec x[TV];
                UNROLL for (int v = 0; v < TV; v++) x[v] = *(__local const vec_u *)(packed + m * TN + v * VW);
                UNROLL for (int i = 0; i < TM; i++)
                {
                    vec s = (vec)(row[at[i]]);
                    UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, x[v], acc[i][v]);
                }
            }
            UNROLL for (int i = 0; i < TM; i++) if (i < here) UNROLL for (int v = 0; v < TV; v++)
                STORE(acc[i][v], gk + i * TN + v * VW);
        }
    }
    if (with_bias && begin == 0)
        for (int v = 0; v < TV; v++) {
            int n = N - n0 - v * VW;
            if (n > 0)
                store_n(sum[v], bias_gradient + n0 + v * VW, n);
        }
}

/* w: panels [ceil(N/TN)][K][TN] of W [N, K]; wt: panels [ceil(K/TN)][N][TN] of W^T. Global size: panels of wt x panels
 * of w. Lanes beyond K are zeroed. */
SINGLE_ITEM __kernel void panel_transpose(__global const float *restrict w, __global float *restrict wt, int N, int K)
{
    int pk = get_global_id(0), pn = get_global_id(1);
    __global const float *from = w + ((size_t)pn * K + pk * TN) * TN;
    __global float *to = wt + ((size_t)pk * N + pn * TN) * TN;
    int rows = min(TN, N - pn * TN), columns = min(TN, K - pk * TN);
    for (int n = 0; n < rows; n++)
        for (int k = 0; k < TN; k++)
            to[n * TN + k] = k < columns ? from[k * TN + n] : 0.0f;
}
