/* Attention within each sequence of a packed batch, for CPUs: softmax(q k^T / sqrt(DH)) v, one head of one sequence a
 * work-item. Nothing of size n x n is ever in memory: keys come in blocks of KB, the softmax is kept online (Milakov &
 * Gimelshein, arXiv:1805.02867), and the backward pass computes the scores again (Dao et al., arXiv:2205.14135).
 *
 * qkv [tokens, 3, H, DH]; offset [sequences + 1] in tokens; out [tokens, H, DH]; stat [2][tokens][H] holds the log of
 * the softmax's denominator, and room for one number more. Global size: H x sequences. DH is a build option, KB a
 * multiple of TN and of TK. Local arrays pad DH to DP lanes with zeros. */

#define TV (TN / VW)
#define DP ((DH + TN - 1) / TN * TN)
#define TK 8

#define LLOAD(p)     (*(__local const vec_u *)(p))
#define LSTORE(v, p) (*(__local vec_u *)(p) = (v))

/* rows [keys, stride] -> to [DH][KB], transposed; keys beyond are zero. */
void load_transposed(__global const float *from, size_t stride, int keys, __local float *to)
{
    for (int key = 0; key < KB; key += VW)
        for (int d = 0; d < DH; d++) {
            float lanes[VW];
            for (int i = 0; i < VW; i++)
                lanes[i] = key + i < keys ? from[(size_t)(key + i) * stride + d] : 0.0f;
            LSTORE(IJ_CAT(vload, VW)(0, lanes), to + d * KB + key);
        }
}

/* rows [keys, stride] -> to [count][DP]; rows and lanes beyond are zero. */
void load_rows(__global const float *from, size_t stride, int keys, int count, __local float *to)
{
    for (int key = 0; key < count; key++)
        for (int d = 0; d < DP; d += VW) {
            vec x = (vec)(0.0f);
            if (key < keys && d < DH)
                x = load_n(from + (size_t)key * stride + d, DH - d);
            LSTORE(x, to + key * DP + d);
        }
}

SINGLE_ITEM __kernel void attention(__global const float *restrict qkv, __global const int *restrict offset,
                                    __global float *restrict out, __global float *restrict stat, int H, int tokens,
                                    float scale)
{
    __local float kt[DH * KB], vp[KB * DP], p[TM * KB];
    int head = get_global_id(0), begin = offset[get_global_id(1)], n = offset[get_global_id(1) + 1] - begin;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global float *o = out + begin * width + head * DH;
    __global float *biggest = stat + (size_t)begin * H + head, *sums = biggest + (size_t)tokens * H;

    for (int k0 = 0; k0 < n; k0 += KB) {
        int keys = min(KB, n - k0), last = k0 + KB >= n;
        load_transposed(k + k0 * stride, stride, keys, kt);
        load_rows(v + k0 * stride, stride, keys, KB, vp);
        for (int q0 = 0; q0 < n; q0 += TM) {
            int here = min(TM, n - q0);
            __global const float *row[TM];
            UNROLL for (int i = 0; i < TM; i++) row[i] = q + min(q0 + i, n - 1) * stride;
            for (int c = 0; c < keys; c += TN) {
                vec acc[TM][TV];
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) acc[i][x] = (vec)(0.0f);
                for (int d = 0; d < DH; d++) {
                    vec b[TV];
                    UNROLL for (int x = 0; x < TV; x++) b[x] = LLOAD(kt + d * KB + c + x * VW);
                    UNROLL for (int i = 0; i < TM; i++)
                    {
                        vec s = (vec)(row[i][d]);
                        UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
                    }
                }
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
                    LSTORE(acc[i][x] * scale, p + i * KB + c + x * VW);
            }

            float shrink[TM], finish[TM];
            for (int i = 0; i < TM; i++) {
                __local float *pi = p + i * KB;
                int at = min(q0 + i, n - 1) * H;
                for (int j = keys; j % VW; j++)
                    pi[j] = -INFINITY;
                vec top = LLOAD(pi);
                for (int j = VW; j < keys; j += VW)
                    top = fmax(top, LLOAD(pi + j));
                float m = max_lanes(top), old = k0 ? biggest[at] : -INFINITY;
                m = fmax(m, old);
                vec sum = (vec)(0.0f);
                for (int j = 0; j < keys; j += VW) {
                    vec e = exp_v(LLOAD(pi + j) - m);
                    sum += e;
                    LSTORE(e, pi + j);
                }
                shrink[i] = k0 ? exp(old - m) : 0.0f;
                float l = sum_lanes(sum) + (k0 ? sums[at] * shrink[i] : 0.0f);
                finish[i] = last ? 1.0f / l : 1.0f;
                if (i < here) {
                    biggest[at] = last ? m + log(l) : m;
                    sums[at] = l;
                }
            }

            for (int d = 0; d < DP; d += TN) {
                vec acc[TM][TV];
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
                {
                    acc[i][x] = (vec)(0.0f);
                    if (k0 && d + x * VW < DH)
                        acc[i][x] = shrink[i] * load_n(o + min(q0 + i, n - 1) * width + d + x * VW, DH - d - x * VW);
                }
                for (int j = 0; j < keys; j++) {
                    vec b[TV];
                    UNROLL for (int x = 0; x < TV; x++) b[x] = LLOAD(vp + j * DP + d + x * VW);
                    UNROLL for (int i = 0; i < TM; i++)
                    {
                        vec s = (vec)(p[i * KB + j]);
                        UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
                    }
                }
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) if (i < here &&
                                                                                          d + x * VW < DH)
                    store_n(acc[i][x] * finish[i], o + (q0 + i) * width + d + x * VW, DH - d - x * VW);
            }
        }
    }
}

/* to [TM][KB] = rows [TM][DP] columns [DH][KB], for the first `keys` columns. */
void dot_products(__local const float *rows, __local const float *columns, __local float *to, int keys)
{
    for (int c = 0; c < keys; c += TN) {
        vec acc[TM][TV];
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) acc[i][x] = (vec)(0.0f);
        for (int d = 0; d < DH; d++) {
            vec b[TV];
            UNROLL for (int x = 0; x < TV; x++) b[x] = LLOAD(columns + d * KB + c + x * VW);
            UNROLL for (int i = 0; i < TM; i++)
            {
                vec s = (vec)(rows[i * DP + d]);
                UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
            }
        }
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
            LSTORE(acc[i][x], to + i * KB + c + x * VW);
    }
}

/* sum [KB][DP] += weights^T rows, weights [TM][KB], rows [TM][DP], for the first `keys` rows of the sum. */
void add_outer_products(__local const float *weights, __local const float *rows, __local float *sum, int keys)
{
    for (int j = 0; j < keys; j += TK)
        for (int d = 0; d < DP; d += TN) {
            vec acc[TK][TV];
            UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++)
                acc[i][x] = LLOAD(sum + (j + i) * DP + d + x * VW);
            for (int r = 0; r < TM; r++) {
                vec y[TV];
                UNROLL for (int x = 0; x < TV; x++) y[x] = LLOAD(rows + r * DP + d + x * VW);
                UNROLL for (int i = 0; i < TK; i++) UNROLL for (int x = 0; x < TV; x++)
                    acc[i][x] = fma((vec)(weights[r * KB + j + i]), y[x], acc[i][x]);
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
    __local float kt[DH * KB], vt[DH * KB], kp[KB * DP], dk[KB * DP], dv[KB * DP];
    __local float p[TM * KB], ds[TM * KB], qp[TM * DP], op[TM * DP];
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
            s = fma(load_n(o + i * width + d, DH - d), load_n(go + i * width + d, DH - d), s);
        delta[i * H] = sum_lanes(s);
    }

    for (int k0 = 0; k0 < n; k0 += KB) {
        int keys = min(KB, n - k0);
        load_transposed(k + k0 * stride, stride, keys, kt);
        load_transposed(v + k0 * stride, stride, keys, vt);
        load_rows(k + k0 * stride, stride, keys, KB, kp);
        for (int i = 0; i < KB * DP; i += VW) {
            LSTORE((vec)(0.0f), dk + i);
            LSTORE((vec)(0.0f), dv + i);
        }
        for (int q0 = 0; q0 < n; q0 += TM) {
            int here = min(TM, n - q0);
            load_rows(q + q0 * stride, stride, here, TM, qp);
            load_rows(go + q0 * width, width, here, TM, op);
            dot_products(qp, kt, p, keys);
            dot_products(op, vt, ds, keys);
            for (int i = 0; i < TM; i++) { /* p = exp(s - lse), ds = p (dp - delta) scale; rows beyond are zero, keys
                                              * beyond are never stored */
                int at = min(q0 + i, n - 1) * H;
                float l = lse[at], e = delta[at];
                for (int j = 0; j < keys; j += VW) {
                    vec pj = exp_v(LLOAD(p + i * KB + j) * scale - l);
                    if (i >= here)
                        pj = (vec)(0.0f);
                    LSTORE(pj, p + i * KB + j);
                    LSTORE(pj * (LLOAD(ds + i * KB + j) - e) * scale, ds + i * KB + j);
                }
            }
            for (int d = 0; d < DP; d += TN) { /* dq += ds k */
                vec acc[TM][TV];
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++)
                {
                    acc[i][x] = (vec)(0.0f);
                    if (k0 && d + x * VW < DH)
                        acc[i][x] = load_n(gq + min(q0 + i, n - 1) * stride + d + x * VW, DH - d - x * VW);
                }
                for (int j = 0; j < keys; j++) {
                    vec b[TV];
                    UNROLL for (int x = 0; x < TV; x++) b[x] = LLOAD(kp + j * DP + d + x * VW);
                    UNROLL for (int i = 0; i < TM; i++)
                    {
                        vec s = (vec)(ds[i * KB + j]);
                        UNROLL for (int x = 0; x < TV; x++) acc[i][x] = fma(s, b[x], acc[i][x]);
                    }
                }
                UNROLL for (int i = 0; i < TM; i++) UNROLL for (int x = 0; x < TV; x++) if (i < here &&
                                                                                          d + x * VW < DH)
                    store_n(acc[i][x], gq + (q0 + i) * stride + d + x * VW, DH - d - x * VW);
            }
            add_outer_products(ds, qp, dk, keys);
            add_outer_products(p, op, dv, keys);
        }
        for (int j = 0; j < keys; j++)
            for (int d = 0; d < DH; d += VW) {
                store_n(LLOAD(dk + j * DP + d), gk + (k0 + j) * stride + d, DH - d);
                store_n(LLOAD(dv + j * DP + d), gv + (k0 + j) * stride + d, DH - d);
            }
    }
}
