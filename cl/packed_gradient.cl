/* The gradient of a linear layer's weight, as in gradient.cl, for CPUs with 16 registers of 8 or 4 floats: their tiles
 * are so small that what a tile reads has to lie in the first-level cache, where rows of D and A, a multiple of a large
 * power of two apart, push each other out. So they are copied together first: MBLOCK tokens of PANELS panels of D once,
 * and of the columns of A as many as TILES tiles want at a time. */

#define TV    (TN / VW)
#define CHUNK ((TILES * TM + VW - 1) / VW * VW) /* columns of A that are copied at a time, in whole vectors */

/* The first `lanes` columns of from [tokens, stride] to [tokens][width], and zeros. */
INLINE void pack(__global const float *from, size_t stride, int tokens, int lanes, __local float *to, const int width)
{
    if (lanes >= width)
        for (int m = 0; m < tokens; m++)
            UNROLL for (int v = 0; v < width; v += VW) LSTORE(LOAD(from + m * stride + v), to + m * width + v);
    else
        for (int m = 0; m < tokens; m++)
            for (int v = 0; v < width; v += VW)
                LSTORE(load_left(from + m * stride + v, lanes - v), to + m * width + v);
}

/* g [TM][TN], or its first `here` rows, = or += (`add`) d [tokens][TN]^T a [tokens][CHUNK]. `whole`: here is TM at
 * least. ahead [tokens, stride]: will be wanted next. */
INLINE void tile(__local const float *d, __local const float *a, __global float *g, int tokens, int here, int add,
                 const int whole, __global const float *ahead, size_t stride)
{
    vec acc[TM][TV];
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++) acc[i][v] =
        add && (whole || i < here) ? LOAD(g + i * TN + v * VW) : (vec)(0.0f);
    for (int m = 0; m < tokens; m++) {
        PREFETCH(ahead + m * stride, 0);
        vec x[TV];
        UNROLL for (int v = 0; v < TV; v++) x[v] = LLOAD(d + m * TN + v * VW);
        UNROLL for (int i = 0; i < TM; i++)
        {
            vec s = (vec)(a[m * CHUNK + i]);
            UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, x[v], acc[i][v]);
        }
    }
    UNROLL for (int i = 0; i < TM; i++) if (whole || i < here) UNROLL for (int v = 0; v < TV; v++)
        STORE(acc[i][v], g + i * TN + v * VW);
}

/* As gemm_gradient of gradient.cl, and the same sums in the same order. */
SINGLE_ITEM __kernel void gemm_gradient(__global const float *restrict d, __global const float *restrict a,
                                        __global float *restrict g, int M, int N, int K, int columns_per_group,
                                        __global float *restrict bias_gradient, int add)
{
    __local float dp[PANELS * MBLOCK * TN], ap[MBLOCK * CHUNK];
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
        for (int p = 0; p < panels; p++) {
            __local float *to = dp + p * MBLOCK * TN;
            pack(dm + p * TN, N, tokens, N - (first + p) * TN, to, TN);
            for (int v = 0; begin == 0 && v < TV; v++)
                for (int m = 0; m < tokens; m++)
                    sum[p * TV + v] += LLOAD(to + m * TN + v * VW);
        }

        for (int k = begin; k < end; k += TM) {
            int t = (k - begin) / TM % TILES;
            if (t == 0)
                pack(am + k, K, tokens, K - k, ap, CHUNK);
            for (int p = 0; p < panels; p++) {
                __local const float *dt = dp + p * MBLOCK * TN, *at = ap + t * TM;
                __global float *gt = g + ((size_t)(first + p) * K + k) * TN;
                /* The next tokens of A with the first panel, of D with the others, by turns. */
                __global const float *ahead =
                    p ? dm + (size_t)MBLOCK * N + (p + t) % panels * TN : am + (size_t)MBLOCK * K + k;
                if (end - k >= TM)
                    tile(dt, at, gt, tokens, TM, m0 | add, 1, ahead, p ? N : K);
                else
                    tile(dt, at, gt, tokens, end - k, m0 | add, 0, ahead, p ? N : K);
            }
        }
    }
    for (int i = 0; begin == 0 && i < panels * TV; i++) {
        int column = first * TN + i * VW;
        if (column < N)
            store_n(sum[i], bias_gradient + column, N - column);
    }
}
