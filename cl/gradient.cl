/* The gradient of a linear layer's weight W [N, K], for CPUs: G = D [M, N]^T A [M, K], written in the panels that W
 * itself lies in, [ceil(N/TN)][K][TN]; and of its bias, the column sums of D.
 *
 * A work-item owns PANELS panels of D's columns and a range of A's. It goes through MBLOCK tokens at a time, whose rows
 * of D and A the second-level cache holds until all tiles have read them; G is where sums wait for the next tokens. A
 * tile is TM columns of A, broadcast, times TN lanes of D. */

#define TV (TN / VW)

/* g [TM][TN], or its first `here` rows, = or += (`add`) d [tokens, N]^T a [tokens, K]: from the left `lanes` of d and
 * `here` columns of a. `whole`: they are TN and TM at least. Wanted next: next_a [tokens, K] and next_g [TM][TN] by the
 * next tile, ahead [tokens, stride] by the next tokens. */
INLINE void tile(__global const float *d, __global const float *a, __global float *g, int tokens, int N, int K,
                 int lanes, int here, int add, const int whole, __global const float *next_a,
                 __global const float *next_g, __global const float *ahead, size_t stride)
{
    vec acc[TM][TV];
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++) acc[i][v] =
        add && (whole || i < here) ? LOAD(g + i * TN + v * VW) : (vec)(0.0f);
    for (int m = 0; m < tokens; m++) {
        __global const float *dm = d + (size_t)m * N, *am = a + (size_t)m * K;
        PREFETCH(next_a + (size_t)m * K, 0);
        PREFETCH(next_g + min(m, TM * TV - 1) * VW, 1);
        PREFETCH_L2(ahead + m * stride);
        vec x[TV];
        UNROLL for (int v = 0; v < TV; v++) x[v] = whole ? LOAD(dm + v * VW) : load_left(dm + v * VW, lanes - v * VW);
        UNROLL for (int i = 0; i < TM; i++)
        {
            vec s = (vec)(am[whole ? i : min(i, here - 1)]);
            UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, x[v], acc[i][v]);
        }
    }
    UNROLL for (int i = 0; i < TM; i++) if (whole || i < here) UNROLL for (int v = 0; v < TV; v++)
        STORE(acc[i][v], g + i * TN + v * VW);
}

/* g and bias_gradient are set, or added to where `add`. Global size: ceil(panels / PANELS) x ceil(K / columns_per_group).
 * The reduction over M runs in ascending order whatever the grid. Lanes beyond N receive zeros. */
SINGLE_ITEM __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                        __global float *restrict g, int M, int N, int K, int columns_per_group,
                                        __global float *restrict bias_gradient, int add)
{
    int first = get_global_id(0) * PANELS, panels = min(PANELS, (N + TN - 1) / TN - first);
    int begin = get_global_id(1) * columns_per_group, end = min(begin + columns_per_group, K);
    vec sum[PANELS * TV];
    for (int i = 0; i < PANELS * TV; i++) {
        int column = first * TN + i * VW;
        sum[i] = add && begin == 0 && i < panels * TV ? load_left(bias_gradient + column, N - column) : (vec)(0.0f);
    }

    for (int m0 = 0; m0 < M; m0 += MBLOCK) {
        int tokens = min(MBLOCK, M - m0);
        __global const float *dm = d + (size_t)m0 * N + first * TN, *am = a + (size_t)m0 * K;
        for (int i = 0; begin == 0 && i < panels * TV; i++)
            for (int m = 0; m < tokens; m++)
                sum[i] += load_left(dm + (size_t)m * N + i * VW, N - first * TN - i * VW);

        for (int k = begin; k < end; k += TM)
            for (int p = 0; p < panels; p++) {
                int lanes = N - (first + p) * TN, here = min(TM, end - k);
                __global const float *dp = dm + p * TN, *ak = am + k;
                __global float *gk = g + ((size_t)(first + p) * K + k) * TN;
                __global const float *next_a = ak + (k + TM < end ? TM : 0);
                __global const float *next_g = p + 1 < panels ? gk + (size_t)K * TN : g + ((size_t)first * K + k + TM) * TN;
                /* The next tokens of A with the first panel, of D with the others, by turns. */
                int turn = ((k - begin) / TM * (PANELS - 1) + p - 1) % (panels * TV);
                __global const float *ahead = p ? dm + (size_t)MBLOCK * N + turn * VW : ak + (size_t)MBLOCK * K;
                if (lanes >= TN && here == TM)
                    tile(dp, ak, gk, tokens, N, K, TN, TM, m0 | add, 1, next_a, next_g, ahead, p ? N : K);
                else
                    tile(dp, ak, gk, tokens, N, K, lanes, here, m0 | add, 0, next_a, next_g, ahead, p ? N : K);
            }
    }
    for (int i = 0; begin == 0 && i < panels * TV; i++) {
        int column = first * TN + i * VW;
        if (column < N)
            store_n(sum[i], bias_gradient + column, N - column);
    }
}
