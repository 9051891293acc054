/* The gradient of a linear layer's weight W [N, K], for CPUs: G = D [M, N]^T A [M, K], written in the panels that W
 * itself lies in, [ceil(N/TN)][K][TN]; and of its bias, the column sums of D.
 *
 * A work-item owns PANELS panels of D's columns and a range of A's. MBLOCK tokens at a time, it packs its panels of D
 * and TILES times TM columns of A, so that the products run through the first-level cache: rows of A and D lie far
 * apart in memory. A tile is TM columns of A, broadcast, times TN lanes of D. */

#define TV          (TN / VW)
#define TILE_FLOATS (MBLOCK * TM + VW) /* of a packed tile of A: rows are written in whole vectors */

/* Global size: ceil(panels / PANELS) x ceil(K / columns_per_group). The reduction over M runs in ascending order
 * whatever the grid. Lanes beyond N receive zeros. */
SINGLE_ITEM __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                        __global float *restrict g, int M, int N, int K, int columns_per_group,
                                        __global float *restrict bias_gradient)
{
    __local float dp[PANELS * MBLOCK * TN], ap[TILES * TILE_FLOATS];
    int first = get_global_id(0) * PANELS, panels = min(PANELS, (N + TN - 1) / TN - first);
    int begin = get_global_id(1) * columns_per_group, end = min(begin + columns_per_group, K);
    vec sum[PANELS * TV];
    for (int i = 0; i < PANELS * TV; i++)
        sum[i] = (vec)(0.0f);

    for (int m0 = 0; m0 < M; m0 += MBLOCK) {
        int tokens = min(MBLOCK, M - m0);
        for (int p = 0; p < panels; p++)
            for (int m = 0; m < tokens; m++)
                UNROLL for (int v = 0; v < TV; v++)
                {
                    int column = (first + p) * TN + v * VW, n = N - column;
                    vec x = n > 0 ? load_n(d + (size_t)(m0 + m) * N + column, n) : (vec)(0.0f);
                    sum[p * TV + v] += x;
                    LSTORE(x, dp + (p * MBLOCK + m) * TN + v * VW);
                }

        for (int k0 = begin; k0 < end; k0 += TILES * TM) {
            int columns = min(TILES * TM, end - k0);
            /* What a row writes beyond its TM floats, the next one overwrites. */
            for (int m = 0; m < tokens; m++)
                for (int t = 0; t < columns; t += TM)
                    for (int i = t; i < t + TM; i += VW)
                        LSTORE(load_n(a + (size_t)(m0 + m) * K + k0 + i, K - k0 - i),
                               ap + t / TM * TILE_FLOATS + m * TM + i - t);

            /* What is packed next is on its way while this is multiplied. */
            __global const float *next =
                k0 + TILES * TM < end ? a + (size_t)m0 * K + k0 + TILES * TM : a + (size_t)(m0 + MBLOCK) * K + begin;
            for (int p = 0; p < panels; p++)
                for (int t = 0; t < columns; t += TM) {
                    int here = min(TM, columns - t);
                    __global float *gk = g + ((size_t)(first + p) * K + k0 + t) * TN;
                    __local const float *dm = dp + p * MBLOCK * TN, *am = ap + t / TM * TILE_FLOATS;
                    vec acc[TM][TV];
                    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++) acc[i][v] =
                        m0 && i < here ? LOAD(gk + i * TN + v * VW) : (vec)(0.0f);
                    for (int m = 0; m < tokens; m++) {
                        vec x[TV];
                        PREFETCH(next + (size_t)m * K + t, 0);
                        PREFETCH(d + (size_t)(m0 + MBLOCK + m) * N + (first + p) * TN + t / TM * 16, 0);
                        UNROLL for (int v = 0; v < TV; v++) x[v] = LLOAD(dm + m * TN + v * VW);
                        UNROLL for (int i = 0; i < TM; i++)
                        {
                            vec s = (vec)(am[m * TM + i]);
                            UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, x[v], acc[i][v]);
                        }
                    }
                    UNROLL for (int i = 0; i < TM; i++) if (i < here) UNROLL for (int v = 0; v < TV; v++)
                        STORE(acc[i][v], gk + i * TN + v * VW);
                }
        }
    }
    if (begin == 0)
        for (int i = 0; i < panels * TV; i++) {
            int column = first * TN + i * VW;
            if (column < N)
                store_n(sum[i], bias_gradient + column, N - column);
        }
}
