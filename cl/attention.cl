/* Attention within each sequence of a packed batch, for CPUs: softmax(q k^T / sqrt(DH)) v, one head of one sequence a
 * work-item. Nothing of size n x n is ever in memory: keys come in blocks of KB, the softmax is kept online (Milakov &
 * Gimelshein, arXiv:1805.02867), and the backward pass computes the scores again (Dao et al., arXiv:2205.14135).
 *
 * A head's rows lie 3 H DH floats apart, a page of memory for each: what is read for every tile is copied once, and the
 * rows of the next head, which the same processor most likely takes next, are asked for while this one's products run.
 *
 * qkv [tokens, 3, H, DH]; offset [sequences + 1] in tokens; out [tokens, H, DH]; stat [2][tokens][H] holds the log of
 * the softmax's denominator, and room for one number more. Global size: H x sequences. DH is a build option, KB a
 * multiple of TN. Rows of local copies are padded to DP lanes. */

#define TV (TN / VW)
#define KV (3 * TM + 4 <= (VW == 16 ? 32 : 16) ? 3 : TV) /* vectors of keys of a tile of scores: 3 if registers do */
#define DP ((DH + TN - 1) / TN * TN)
#define TK (VW == 16 ? 8 : 4) /* keys of a register tile of dk and dv */
#define QB (6 * TM)           /* queries that dk and dv are added up over before they go back to memory */

#define ROWS ((TM + VW - 1) / VW * VW) /* numbers of TM rows, in whole vectors */

#define LOG2E        1.44269504f
#define PLOAD(p)     (*(const vec_u *)(p))
#define PSTORE(v, p) (*(vec_u *)(p) = (v))

/* Lanes d .. d + VW of a head's row; those beyond DH are zero, and are not written. */
#define HEAD(row, d) (DH % TN ? load_left((row) + (d), DH - (d)) : LOAD((row) + (d)))
INLINE void put_head(vec v, __global float *row, int d)
{
    if (DH % TN == 0 || d + VW <= DH)
        STORE(v, row + d);
    else if (d < DH)
        store_part(v, row + d, DH - d);
}

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

/* Vectors as arguments: without one, some compilers hold a function to half the registers' width. */
INLINE vec zip_low(vec a, vec b)
{
    return ZIP(a, b, ZIP_LO);
}
INLINE vec zip_high(vec a, vec b)
{
    return ZIP(a, b, ZIP_HI);
}

/* x [VW][VW] becomes its transpose: zipping the halves of the list log2(VW) times. */
INLINE void transpose(vec *x)
{
    UNROLL for (int step = 1; step < VW; step *= 2)
    {
        vec y[VW];
        UNROLL for (int i = 0; i < VW / 2; i++)
        {
            y[2 * i] = zip_low(x[i], x[i + VW / 2]);
            y[2 * i + 1] = zip_high(x[i], x[i + VW / 2]);
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

/* rows [count, stride] -> to [count][DP]. */
void load_rows(__global const float *from, size_t stride, int count, __local float *to)
{
    for (int i = 0; i < count; i++)
        UNROLL for (int d = 0; d < DP; d += VW) LSTORE(HEAD(from + i * stride, d), to + i * DP + d);
}

/* PREFETCH for a `write` that is known only after inlining. */
#define PREFETCH_TO(p, write)                                                                                          \
    {                                                                                                                  \
        if (write) {                                                                                                   \
            PREFETCH(p, 1);                                                                                            \
        } else {                                                                                                       \
            PREFETCH(p, 0);                                                                                            \
        }                                                                                                              \
    }

/* TM rows each of the next head's q, k and v, or of their gradients, to be asked for while a tile is computed: a little
 * in each step, for all at once would be waited for. q: the first row, stride floats before its second; k and v follow
 * `apart` floats behind; write: they will be written. */
typedef struct {
    __global const float *q;
    size_t stride, apart;
    int write;
} next_rows;

/* The d-th of DH parts of them. */
INLINE void ask(const next_rows next, int d)
{
    size_t at = d * TM / DH * next.stride + d * TM % DH;
    UNROLL for (int i = 0; i < 3; i++) PREFETCH_TO(next.q + at + i * next.apart, next.write);
}

/* A row of the next head that will be read, or written, soon. */
INLINE void ask_row(__global const float *row, const int write)
{
    UNROLL for (int d = 0; d < DH; d += 16) PREFETCH_TO(row + d, write);
}

/* The first `vectors` vectors of to [TM][KB] = rows row[TM][DH] times panels. asks: meanwhile for `next`. */
INLINE void dot_tile(__global const float *const *row, __local const float *panels, __local float *to,
                     const int vectors, int asks, const next_rows next)
{
    vec acc[TM][KV];
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < KV; x++) acc[i][x] = (vec)(0.0f);
    for (int d = 0; d < DH; d++) {
        if (asks)
            ask(next, d);
        vec b[KV]; /* loops of constant length: with `vectors` for their end b would be in memory */
        UNROLL for (int x = 0; x < KV; x++) if (x < vectors) b[x] = LLOAD(panels + (x * DH + d) * VW);
        UNROLL for (int i = 0; i < TM; i++)
        {
            vec s = (vec)(row[i][d]);
            UNROLL for (int x = 0; x < KV; x++) if (x < vectors) acc[i][x] = fma(s, b[x], acc[i][x]);
        }
    }
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < KV; x++) if (x < vectors)
        LSTORE(acc[i][x], to + i * KB + x * VW);
}

/* to [TM][KB] = rows [count, stride] times the panels of `keys` columns; rows from `count` on repeat the last. */
INLINE void dot_products(__global const float *rows, size_t stride, int count, __local const float *panels, int keys,
                         __local float *to, int asks, const next_rows next)
{
    __global const float *row[TM];
    UNROLL for (int i = 0; i < TM; i++) row[i] = rows + min(i, count - 1) * stride;
    int c = 0;
    for (; c + (KV - 1) * VW < keys; c += KV * VW)
        dot_tile(row, panels + c * DH, to + c, KV, asks && c == 0, next);
    for (; KV > 2 && c + VW < keys; c += 2 * VW)
        dot_tile(row, panels + c * DH, to + c, 2, asks && c == 0, next);
    for (; c < keys; c += VW)
        dot_tile(row, panels + c * DH, to + c, 1, asks && c == 0, next);
}

/* acc [TM][TN lanes] += weights [TM][KB], `count` of a row, times as many rows [count][DP]. */
INLINE void add_rows(__local const float *weights, __local const float *rows, int count, vec (*acc)[TV])
{
    for (int j = 0; j < count; j++) {
        vec b[TV];
        UNROLL for (int x = 0; x < TV; x++) b[x] = LLOAD(rows + j * DP + x * VW);
        UNROLL for (int i = 0; i < TM; i++)
        {
            vec s = (vec)(weights[i * KB + j]);
            UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
        }
    }
}

/* Scores j .. j + VW of a row of p; those beyond the keys are -infinity. */
INLINE vec scores(__local const float *row, int j, int keys)
{
    vec s = LLOAD(row + j);
    return j + VW <= keys ? s : LANE < keys - j ? s : (vec)(-INFINITY);
}

/* One block of the online softmax of TM rows. Their scores p [TM][KB] become 2^(scale p - biggest); biggest and sum
 * [ROWS], of all keys so far, are brought up to date; what was added up before is to be multiplied by shrink [ROWS]. */
INLINE void softmax_block(__local float *p, int keys, float scale, float *biggest, float *sum, float *shrink)
{
    float here[ROWS] = {0};
    for (int i = 0; i < TM; i++) {
        vec top = scores(p + i * KB, 0, keys);
        for (int j = VW; j < keys; j += VW)
            top = larger(top, scores(p + i * KB, j, keys));
        here[i] = max_lanes(top);
    }
    for (int i = 0; i < ROWS; i += VW) {
        vec before = PLOAD(biggest + i), now = larger(before, PLOAD(here + i) * scale);
        PSTORE(exp2_v(before - now), shrink + i);
        PSTORE(now, biggest + i);
    }
    for (int i = 0; i < TM; i++) {
        vec s = (vec)(0.0f);
        for (int j = 0; j < keys; j += VW) {
            vec e = exp2_v(fma(scores(p + i * KB, j, keys), (vec)(scale), (vec)(-biggest[i])));
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
    __local float kt[DH * KB], vb[KB * DP], p[TM * KB];
    int head = get_global_id(0), begin = offset[get_global_id(1)], n = offset[get_global_id(1) + 1] - begin;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global const float *next = head + 1 < H ? q + DH : qkv + (begin + n) * stride;
    __global float *o = out + begin * width + head * DH;
    __global float *next_out = head + 1 < H ? o + DH : out + (begin + n) * width;
    __global float *tops = stat + (size_t)begin * H + head, *sums = tops + (size_t)tokens * H;

    for (int k0 = 0; k0 < n; k0 += KB) {
        int keys = min(KB, n - k0), last = k0 + KB >= n;
        load_panels(k + k0 * stride, stride, keys, kt);
        load_rows(v + k0 * stride, stride, keys, vb);
        for (int q0 = 0; q0 < n; q0 += TM) {
            int here = min(TM, n - q0);
            dot_products(q + q0 * stride, stride, here, kt, keys, p, k0 == 0,
                         (next_rows){next + q0 * stride, stride, width, 0});

            float biggest[ROWS] = {0}, sum[ROWS] = {0}, shrink[ROWS], finish[ROWS];
            for (int i = 0; i < TM; i++) {
                int at = min(q0 + i, n - 1) * H;
                biggest[i] = k0 ? tops[at] : -INFINITY;
                sum[i] = k0 ? sums[at] : 0.0f;
            }
            softmax_block(p, keys, scale * LOG2E, biggest, sum, shrink);
            for (int i = 0; i < ROWS; i += VW) {
                PSTORE(last ? 1.0f / PLOAD(sum + i) : (vec)(1.0f), finish + i);
                if (last)
                    PSTORE(PLOAD(biggest + i) / LOG2E + log(PLOAD(sum + i)), biggest + i);
            }
            for (int i = 0; i < here; i++) {
                tops[(q0 + i) * H] = biggest[i];
                if (last)
                    ask_row(next_out + (q0 + i) * width, 1);
                else
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
                add_rows(p, vb + d, keys, acc);
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) if (i < here)
                    put_head(acc[i][x] * finish[i], o + (q0 + i) * width, d + x * VW);
            }
        }
    }
}

/* sum [KB][DP] += weights^T rows, weights [count][KB], rows [count][DP]: for the first `keys` rows of the sum. */
INLINE void add_outer_products(__local const float *weights, __local const float *rows, int count, __local float *sum,
                               int keys)
{
    for (int j = 0; j < keys; j += TK)
        for (int d = 0; d < DP; d += TN) {
            vec acc[TK][TV];
            UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++) acc[i][x] =
                LLOAD(sum + (j + i) * DP + d + x * VW);
            for (int r = 0; r < count; r++) {
                vec y[TV];
                UNROLL for (int x = 0; x < TV; x++) y[x] = LLOAD(rows + r * DP + d + x * VW);
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
    __local float kt[DH * KB], vt[DH * KB], kb[KB * DP], qb[QB * DP], gb[QB * DP];
    __local float dk[KB * DP], dv[KB * DP], p[QB * KB], ds[QB * KB];
    int head = get_global_id(0), begin = offset[get_global_id(1)], n = offset[get_global_id(1) + 1] - begin;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global const float *o = out + begin * width + head * DH, *go = dout + begin * width + head * DH;
    __global float *gq = dqkv + begin * stride + head * DH, *gk = gq + width, *gv = gk + width;
    __global const float *lse = stat + (size_t)begin * H + head;
    __global float *delta = stat + (size_t)tokens * H + (size_t)begin * H + head;
    size_t next = head + 1 < H ? DH : n * stride - head * DH, next_out = head + 1 < H ? DH : n * width - head * DH;

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
        load_rows(k + k0 * stride, stride, keys, kb);
        for (int i = 0; i < (keys + TK - 1) / TK * TK * DP; i += VW) {
            LSTORE((vec)(0.0f), dk + i);
            LSTORE((vec)(0.0f), dv + i);
        }
        for (int q0 = 0; q0 < n; q0 += QB) {
            int rows = min(QB, n - q0);
            load_rows(q + q0 * stride, stride, rows, qb);
            load_rows(go + q0 * width, width, rows, gb);
            for (int r = 0; r < rows; r += TM) {
                int here = min(TM, rows - r);
                __local float *pr = p + r * KB, *dr = ds + r * KB;
                dot_products(q + (q0 + r) * stride, stride, here, kt, keys, pr, k0 == 0,
                             (next_rows){q + next + (q0 + r) * stride, stride, width, 0});
                dot_products(go + (q0 + r) * width, width, here, vt, keys, dr, k0 == 0,
                             (next_rows){gq + next + (q0 + r) * stride, stride, width, 1});
                for (int i = 0; i < here; i++) { /* p = exp(s - lse), ds = p (dp - delta) scale; what lies beyond the
                                                  * keys is never stored */
                    float l = lse[(q0 + r + i) * H], e = delta[(q0 + r + i) * H];
                    ask_row(o + next_out + (q0 + r + i) * width, 0);
                    ask_row(go + next_out + (q0 + r + i) * width, 0);
                    for (int j = 0; j < keys; j += VW) {
                        vec pj = exp2_v(fma(LLOAD(pr + i * KB + j), (vec)(scale * LOG2E), (vec)(-l * LOG2E)));
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
                    add_rows(dr, kb + d, keys, acc);
                    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) if (i < here)
                        put_head(acc[i][x], gq + (q0 + r + i) * stride, d + x * VW);
                }
            }
            add_outer_products(ds, qb, rows, dk, keys);
            add_outer_products(p, gb, rows, dv, keys);
        }
        for (int j = 0; j < keys; j++)
            UNROLL for (int d = 0; d < DP; d += VW)
            {
                put_head(LLOAD(dk + j * DP + d), gk + (k0 + j) * stride, d);
                put_head(LLOAD(dv + j * DP + d), gv + (k0 + j) * stride, d);
            }
    }
}
