/* Attention within each sequence of a packed batch, for CPUs: softmax(q k^T / sqrt(DH)) v, one head of one sequence a
 * work-item. Nothing of size n x n is ever in memory: keys come in blocks of KB, the softmax is kept online (Milakov &
 * Gimelshein, arXiv:1805.02867), and the backward pass computes the scores again (Dao et al., arXiv:2205.14135).
 *
 * qkv [tokens, 3, H, DH]; offset [sequences + 1] in tokens; out [tokens, H, DH]; stat [2][tokens][H] holds the log of
 * the softmax's denominator, and room for one number more. Global size: H x sequences. DH is a build option, KB a
 * multiple of TN. Rows of dk and dv are padded to DP lanes. */

#define TV (TN / VW)
#define DP ((DH + TN - 1) / TN * TN)
#define TK (VW == 16 ? 8 : 4) /* keys of a register tile of dk and dv */
#define QB (4 * TM)           /* queries that dk and dv are added up over before they go back to memory */

#define ROWS ((TM + VW - 1) / VW * VW) /* numbers of TM rows, in whole vectors */

#define PLOAD(p)     (*(const vec_u *)(p))
#define PSTORE(v, p) (*(vec_u *)(p) = (v))

/* Lanes d .. d + VW of a head's row; those beyond DH are zero. */
#define HEAD(row, d) (DH % TN ? load_left((row) + (d), DH - (d)) : LOAD((row) + (d)))

/* Which lanes of a and b alternate in the first and the second half of a zip. */
#if VW == 16
#define LANE   ((ivec)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#define ZIP_LO 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HI 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif VW == 8
#define LANE   ((ivec)(0, 1, 2, 3, 4, 5, 6, 7))
#define ZIP_LO 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HI 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LANE   ((ivec)(0, 1, 2, 3))
#define ZIP_LO 0, 4, 1, 5
#define ZIP_HI 2, 6, 3, 7
#endif

#if __has_builtin(__builtin_shufflevector)
#define ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ZIP(a, b, ...) shuffle2(a, b, (uvec)(__VA_ARGS__))
#endif

/* x [VW][VW] becomes its transpose: zipping the halves of the list log2(VW) times. */
INLINE void transpose(vec *x)
{
    UNROLL for (int step = 1; step < VW; step *= 2)
    {
        vec y[VW];
        UNROLL for (int i = 0; i < VW / 2; i++)
        {
            y[2 * i] = ZIP(x[i], x[i + VW / 2], ZIP_LO);
            y[2 * i + 1] = ZIP(x[i], x[i + VW / 2], ZIP_HI);
        }
        UNROLL for (int i = 0; i < VW; i++) x[i] = y[i];
    }
}

/* rows [keys, stride] -> to, panels [ceil(keys/VW)][DH][VW]: transposed; keys beyond are zero. */
void load_panels(__global const float *from, size_t stride, int keys, __local float *to)
{
    for (int key = 0; key < keys; key += VW, to += DH * VW)
        for (int d = 0; d < DH; d += VW) {
            vec x[VW];
            UNROLL for (int i = 0; i < VW; i++) x[i] =
                key + i < keys ? HEAD(from + (key + i) * stride, d) : (vec)(0.0f);
            transpose(x);
            UNROLL for (int i = 0; i < VW; i++) if (d + i < DH) LSTORE(x[i], to + (d + i) * VW);
        }
}

/* The first `vectors` vectors of to [TM][KB] = rows row[TM][DH] times panels. */
INLINE void dot_tile(__global const float *const *row, __local const float *panels, __local float *to,
                     const int vectors)
{
    vec acc[TM][TV];
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < vectors; x++) acc[i][x] = (vec)(0.0f);
    for (int d = 0; d < DH; d++) {
        vec b[TV];
        UNROLL for (int x = 0; x < vectors; x++) b[x] = LLOAD(panels + (x * DH + d) * VW);
        UNROLL for (int i = 0; i < TM; i++)
        {
            vec s = (vec)(row[i][d]);
            UNROLL for (int x = 0; x < vectors; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
        }
    }
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < vectors; x++)
        LSTORE(acc[i][x], to + i * KB + x * VW);
}

/* to [TM][KB] = rows [count, stride] times the panels of `keys` columns; rows from `count` on repeat the last. */
void dot_products(__global const float *rows, size_t stride, int count, __local const float *panels, int keys,
                  __local float *to)
{
    __global const float *row[TM];
    UNROLL for (int i = 0; i < TM; i++) row[i] = rows + min(i, count - 1) * stride;
    int c = 0;
    for (; c + TN - VW < keys; c += TN)
        dot_tile(row, panels + c * DH, to + c, TV);
    for (; c < keys; c += VW)
        dot_tile(row, panels + c * DH, to + c, 1);
}

/* Scores j .. j + VW of a row of p; those beyond the keys are -infinity. */
vec scores(__local const float *row, int j, int keys)
{
    vec s = LLOAD(row + j);
    return j + VW <= keys ? s : LANE < keys - j ? s : (vec)(-INFINITY);
}

/* One block of the online softmax of TM rows. Their scores p [TM][KB] become exp(scale p - biggest); biggest and sum
 * [ROWS], of all keys so far, are brought up to date; what was added up before is to be multiplied by shrink [ROWS]. */
void softmax_block(__local float *p, int keys, float scale, float *biggest, float *sum, float *shrink)
{
    float here[ROWS] = {0};
    for (int i = 0; i < TM; i++) {
        vec top = scores(p + i * KB, 0, keys);
        for (int j = VW; j < keys; j += VW)
            top = fmax(top, scores(p + i * KB, j, keys));
        here[i] = max_lanes(top);
    }
    for (int i = 0; i < ROWS; i += VW) {
        vec before = PLOAD(biggest + i), now = fmax(before, PLOAD(here + i) * scale);
        PSTORE(exp_v(before - now), shrink + i);
        PSTORE(now, biggest + i);
    }
    for (int i = 0; i < TM; i++) {
        vec s = (vec)(0.0f);
        for (int j = 0; j < keys; j += VW) {
            vec e = exp_v(fma(scores(p + i * KB, j, keys), (vec)(scale), (vec)(-biggest[i])));
            s += e;
            LSTORE(e, p + i * KB + j);
        }
        here[i] = sum_lanes(s);
    }
    for (int i = 0; i < ROWS; i += VW)
        PSTORE(fma(PLOAD(sum + i), PLOAD(shrink + i), PLOAD(here + i)), sum + i);
}

SINGLE_ITEM __kernel void attention(__global const float *restrict qkv, __global const int *restrict offset,
                                    __global float *restrict out, __global float *restrict stat, int H, int tokens,
                                    float scale)
{
    __local float kt[DH * KB], p[TM * KB];
    int head = get_global_id(0), begin = offset[get_global_id(1)], n = offset[get_global_id(1) + 1] - begin;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global float *o = out + begin * width + head * DH;
    __global float *tops = stat + (size_t)begin * H + head, *sums = tops + (size_t)tokens * H;

    for (int k0 = 0; k0 < n; k0 += KB) {
        int keys = min(KB, n - k0), last = k0 + KB >= n;
        load_panels(k + k0 * stride, stride, keys, kt);
        for (int q0 = 0; q0 < n; q0 += TM) {
            int here = min(TM, n - q0);
            dot_products(q + q0 * stride, stride, here, kt, keys, p);

            float biggest[ROWS] = {0}, sum[ROWS] = {0}, shrink[ROWS], finish[ROWS];
            for (int i = 0; i < TM; i++) {
                int at = min(q0 + i, n - 1) * H;
                biggest[i] = k0 ? tops[at] : -INFINITY;
                sum[i] = k0 ? sums[at] : 0.0f;
            }
            softmax_block(p, keys, scale, biggest, sum, shrink);
            for (int i = 0; i < ROWS; i += VW) {
                PSTORE(last ? 1.0f / PLOAD(sum + i) : (vec)(1.0f), finish + i);
                if (last)
                    PSTORE(PLOAD(biggest + i) + log(PLOAD(sum + i)), biggest + i);
            }
            for (int i = 0; i < here; i++) {
                tops[(q0 + i) * H] = biggest[i];
                sums[(q0 + i) * H] = sum[i];
            }

            for (int d = 0; d < DP; d += TN) {
                vec acc[TM][TV];
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
                {
                    acc[i][x] = (vec)(0.0f);
                    if (k0 && d + x * VW < DH)
                        acc[i][x] = shrink[i] * HEAD(o + min(q0 + i, n - 1) * width, d + x * VW);
                }
                for (int j = 0; j < keys; j++) {
                    vec b[TV];
                    UNROLL for (int x = 0; x < TV; x++) b[x] = HEAD(v + (k0 + j) * stride, d + x * VW);
                    UNROLL for (int i = 0; i < TM; i++)
                    {
                        vec s = (vec)(p[i * KB + j]);
                        UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
                    }
                }
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) if (i < here && d + x * VW < DH)
                    store_n(acc[i][x] * finish[i], o + (q0 + i) * width + d + x * VW, DH - d - x * VW);
            }
        }
    }
}

/* sum [KB][DP] += weights^T rows, weights [count][KB], rows [count, stride]: for the first `keys` rows of the sum. */
void add_outer_products(__local const float *weights, __global const float *rows, size_t stride, int count,
                        __local float *sum, int keys)
{
    for (int j = 0; j < keys; j += TK)
        for (int d = 0; d < DP; d += TN) {
            vec acc[TK][TV];
            UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++) acc[i][x] =
                LLOAD(sum + (j + i) * DP + d + x * VW);
            for (int r = 0; r < count; r++) {
                vec y[TV];
                UNROLL for (int x = 0; x < TV; x++) y[x] = HEAD(rows + r * stride, d + x * VW);
                UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++) acc[i][x] =
                    fma((vec)(weights[r * KB + j + i]), y[x], acc[i][x]);
            }
            UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++)
                LSTORE(acc[i][x], sum + (j + i) * DP + d + x * VW);
        }
}

/* dqkv [tokens, 3, H, DH] from dout [tokens, H, DH]; out and stat are the forward pass's. */
SINGLE_ITEM __kernel void attention_backward(__global const float *restrict qkv, __global const int *restrict offset,
                                             __global const float *restrict out, __global float *restrict stat,
                                             __global const float *restrict dout, __global float *restrict dqkv, int H,
                                             int tokens, float scale)
{
    __local float kt[DH * KB], vt[DH * KB], dk[KB * DP], dv[KB * DP], p[QB * KB], ds[QB * KB];
    int head = get_global_id(0), begin = offset[get_global_id(1)], n = offset[get_global_id(1) + 1] - begin;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global const float *o = out + begin * width + head * DH, *go = dout + begin * width + head * DH;
    __global float *gq = dqkv + begin * stride + head * DH, *gk = gq + width, *gv = gk + width;
    __global const float *lse = stat + (size_t)begin * H + head;
    __global float *delta = stat + (size_t)tokens * H + (size_t)begin * H + head;

    for (int i = 0; i < n; i++) { /* delta = dout . out, the softmax's share of its own gradient */
        vec s = (vec)(0.0f);
        for (int d = 0; d < DH; d += VW)
            s = fma(HEAD(o + i * width, d), HEAD(go + i * width, d), s);
        delta[i * H] = sum_lanes(s);
    }

    for (int k0 = 0; k0 < n; k0 += KB) {
        int keys = min(KB, n - k0);
        load_panels(k + k0 * stride, stride, keys, kt);
        load_panels(v + k0 * stride, stride, keys, vt);
        for (int i = 0; i < (keys + TK - 1) / TK * TK * DP; i += VW) {
            LSTORE((vec)(0.0f), dk + i);
            LSTORE((vec)(0.0f), dv + i);
        }
        for (int q0 = 0; q0 < n; q0 += QB) {
            int rows = min(QB, n - q0);
            for (int r = 0; r < rows; r += TM) {
                int here = min(TM, rows - r);
                __local float *pr = p + r * KB, *dr = ds + r * KB;
                dot_products(q + (q0 + r) * stride, stride, here, kt, keys, pr);
                dot_products(go + (q0 + r) * width, width, here, vt, keys, dr);
                for (int i = 0; i < here; i++) { /* p = exp(s - lse), ds = p (dp - delta) scale; what lies beyond the
                                                  * keys is never stored */
                    float l = lse[(q0 + r + i) * H], e = delta[(q0 + r + i) * H];
                    for (int j = 0; j < keys; j += VW) {
                        vec pj = exp_v(LLOAD(pr + i * KB + j) * scale - l);
                        LSTORE(pj, pr + i * KB + j);
                        LSTORE(pj * (LLOAD(dr + i * KB + j) - e) * scale, dr + i * KB + j);
                    }
                }
                for (int d = 0; d < DP; d += TN) { /* dq += ds k */
                    vec acc[TM][TV];
                    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
                    {
                        acc[i][x] = (vec)(0.0f);
                        if (k0 && i < here && d + x * VW < DH)
                            acc[i][x] = HEAD(gq + (q0 + r + i) * stride, d + x * VW);
                    }
                    for (int j = 0; j < keys; j++) {
                        vec b[TV];
                        UNROLL for (int x = 0; x < TV; x++) b[x] = HEAD(k + (k0 + j) * stride, d + x * VW);
                        UNROLL for (int i = 0; i < TM; i++)
                        {
                            vec s = (vec)(dr[i * KB + j]);
                            UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
                        }
                    }
                    UNROLL for (int i = 0; i < TM; i++)
                        UNROLL for (int x = 0; x < TV; x++) if (i < here && d + x * VW < DH)
                            store_n(acc[i][x], gq + (q0 + r + i) * stride + d + x * VW, DH - d - x * VW);
                }
            }
            add_outer_products(ds, q + q0 * stride, stride, rows, dk, keys);
            add_outer_products(p, go + q0 * width, width, rows, dv, keys);
        }
        for (int j = 0; j < keys; j++)
            for (int d = 0; d < DH; d += VW) {
                store_n(LLOAD(dk + j * DP + d), gk + (k0 + j) * stride + d, DH - d);
                store_n(LLOAD(dv + j * DP + d), gv + (k0 + j) * stride + d, DH - d);
            }
    }
}
