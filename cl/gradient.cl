/* The gradient of a linear layer's weight W [N, K], for CPUs: G = D [M, N]^T A [M, K], written in the panels that W
 * itself lies in, [ceil(N/TN)][K][TN]; and of its bias, the column sums of D.
 *
 * A work-item computes TM x TN tiles: TM columns of A, broadcast, times TN lanes of D, of which MBLOCK rows at a time
 * are packed so that they stay in the first-level cache. */

#define TV (TN / VW)

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
