/* Attention within each sequence of a packed batch, for GPUs: softmax(q k^T / sqrt(DH)) v. Nothing of size n x n is ever
 * in memory: a work-group owns BR rows of one head of one sequence and walks along BC columns at a time. The softmax is
 * kept online (Milakov & Gimelshein, arXiv:1805.02867); the backward pass computes the scores again (Dao et al.,
 * arXiv:2205.14135), once with queries as rows, for dq, and once with keys as rows, for dk and dv: so no two
 * work-groups add to one number.
 *
 * qkv [tokens, 3, H, DH]; offset [sequences + 1] in tokens; out [tokens, H, DH]; stat [2][tokens][H]: the log of the
 * softmax's denominator, then dout . out. Work-groups: H x (tokens / BR + sequences), see find_rows.
 *
 * 8 x 8 work-items: item (x, y) has rows y TR .. y TR + TR - 1 of the block, and of columns and of features every 8th
 * from x on. Row tiles lie transposed [DH][LR], column tiles [BC][LC]; LC is odd so that eight neighbours' columns lie
 * in different banks. */

#define ITEMS 64
#define TR    (BR / 8)
#define TC    (BC / 8)
#define TD    (DH / 8)
#define LR    (BR + 4)
#define LC    (DH + 1)

/* The rows of this work-group: returns the first one's number within *sequence; past its end there is nothing to do.
 * Sequence s has groups from offset[s] / BR + s on, which is one too many at times but needs no list of lengths. */
INLINE int find_rows(__global const int *offset, int tokens, int *sequence)
{
    int slot = get_group_id(1), low = 0, high = get_num_groups(1) - tokens / BR - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (offset[middle] / BR + middle <= slot)
            low = middle;
        else
            high = middle - 1;
    }
    *sequence = low;
    return (slot - low - offset[low] / BR) * BR;
}

/* `count` rows of DH floats, `stride` apart, to a row tile; rows beyond are zero. Few loads at a time: more on their way
 * than the registers hold cost some compilers the accumulators' place there. */
INLINE void load_rows(__global const float *from, size_t stride, int count, __local float *to)
{
    UNROLL_BY(2) for (int at = get_local_id(0); at < BR * DH / 4; at += ITEMS) {
        int r = at / (DH / 4), d = at % (DH / 4) * 4;
        float4 x = load4(from + r * stride + d, r < count);
        to[d * LR + r] = x.x;
        to[(d + 1) * LR + r] = x.y;
        to[(d + 2) * LR + r] = x.z;
        to[(d + 3) * LR + r] = x.w;
    }
}

/* The same to a column tile. */
INLINE void load_columns(__global const float *from, size_t stride, int count, __local float *to)
{
    UNROLL_BY(2) for (int at = get_local_id(0); at < BC * DH / 4; at += ITEMS) {
        int c = at / (DH / 4), d = at % (DH / 4) * 4;
        float4 x = load4(from + c * stride + d, c < count);
        to[c * LC + d] = x.x;
        to[c * LC + d + 1] = x.y;
        to[c * LC + d + 2] = x.z;
        to[c * LC + d + 3] = x.w;
    }
}

/* s [row][column] = row . column. */
INLINE void dot_products(float s[TR][TC], __local const float *rows, __local const float *columns)
{
    int x = ITEM % 8, y = ITEM / 8;
    UNROLL for (int i = 0; i < TR; i++) UNROLL for (int j = 0; j < TC; j++) s[i][j] = 0.0f;
    UNROLL_BY(2) for (int d = 0; d < DH; d++)
    {
        float a[TR];
        UNROLL for (int i = 0; i < TR; i++) a[i] = rows[d * LR + y * TR + i];
        UNROLL for (int j = 0; j < TC; j++)
        {
            float b = columns[(x + 8 * j) * LC + d];
            UNROLL for (int i = 0; i < TR; i++) s[i][j] = fma(a[i], b, s[i][j]);
        }
    }
}

/* acc [row][feature] += sum over the columns of weight [column][row] column [feature]. */
INLINE void add_columns(float acc[TR][TD], __local const float *weights, __local const float *columns)
{
    int x = ITEM % 8, y = ITEM / 8;
    UNROLL_BY(2) for (int c = 0; c < BC; c++)
    {
        float a[TR];
        UNROLL for (int i = 0; i < TR; i++) a[i] = weights[c * LR + y * TR + i];
        UNROLL for (int j = 0; j < TD; j++)
        {
            float b = columns[c * LC + x + 8 * j];
            UNROLL for (int i = 0; i < TR; i++) acc[i][j] = fma(a[i], b, acc[i][j]);
        }
    }
}

/* This item's weights to [BC][LR]. */
INLINE void store_weights(float w[TR][TC], __local float *to)
{
    int x = ITEM % 8, y = ITEM / 8;
    UNROLL for (int i = 0; i < TR; i++) UNROLL for (int j = 0; j < TC; j++) to[(x + 8 * j) * LR + y * TR + i] = w[i][j];
}

INLINE void clear(float acc[TR][TD])
{
    UNROLL for (int i = 0; i < TR; i++) UNROLL for (int j = 0; j < TD; j++) acc[i][j] = 0.0f;
}

/* The first `count` rows of acc to rows `stride` apart. */
INLINE void store_rows(float acc[TR][TD], __global float *to, size_t stride, int count)
{
    int x = ITEM % 8, y = ITEM / 8;
    UNROLL for (int i = 0; i < TR; i++) if (y * TR + i < count) UNROLL for (int j = 0; j < TD; j++)
        to[(y * TR + i) * stride + x + 8 * j] = acc[i][j];
}

/* Each row's sum, or largest, of the eight items' values v [row]: all eight get it. room [8 BR]; no two calls without
 * a barrier between them. */
INLINE void combine(float v[TR], const int largest, __local float *room)
{
    int x = ITEM % 8, y = ITEM / 8;
    UNROLL for (int i = 0; i < TR; i++) room[(y * TR + i) * 8 + x] = v[i];
    barrier(CLK_LOCAL_MEM_FENCE);
    UNROLL for (int i = 0; i < TR; i++)
    {
        __local const float *r = room + (y * TR + i) * 8;
        v[i] = r[0];
        UNROLL for (int k = 1; k < 8; k++) v[i] = largest ? fmax(v[i], r[k]) : v[i] + r[k];
    }
}

TILE_GROUP(ITEMS) __kernel void attention(__global const float *restrict qkv, __global const int *restrict offset,
                                     __global float *restrict out, __global float *restrict stat, int H, int tokens,
                                     float scale)
{
    __local float qs[DH * LR], ks[BC * LC], vs[BC * LC], weights[BC * LR], room[8 * BR];
    int sequence, r0 = find_rows(offset, tokens, &sequence);
    int head = get_group_id(0), begin = offset[sequence], n = offset[sequence + 1] - begin;
    if (r0 >= n)
        return;
    int x = ITEM % 8, y = ITEM / 8;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;

    float acc[TR][TD], biggest[TR], sum[TR];
    clear(acc);
    UNROLL for (int i = 0; i < TR; i++)
    {
        biggest[i] = -INFINITY;
        sum[i] = 0.0f;
    }
    load_rows(q + r0 * stride, stride, n - r0, qs);
    for (int c0 = 0; c0 < n; c0 += BC) {
        load_columns(k + c0 * stride, stride, n - c0, ks);
        load_columns(v + c0 * stride, stride, n - c0, vs);
        barrier(CLK_LOCAL_MEM_FENCE);

        float s[TR][TC], top[TR];
        dot_products(s, qs, ks);
        UNROLL for (int i = 0; i < TR; i++)
        {
            top[i] = biggest[i];
            UNROLL for (int j = 0; j < TC; j++)
            {
                s[i][j] = c0 + x + 8 * j < n ? s[i][j] * scale : -INFINITY;
                top[i] = fmax(top[i], s[i][j]);
            }
        }
        combine(top, 1, room);
        UNROLL for (int i = 0; i < TR; i++)
        {
            float shrink = exp1(biggest[i] - top[i]);
            biggest[i] = top[i];
            sum[i] *= shrink;
            UNROLL for (int j = 0; j < TC; j++)
            {
                s[i][j] = exp1(s[i][j] - top[i]);
                sum[i] += s[i][j]; /* of this item's columns */
            }
            UNROLL for (int j = 0; j < TD; j++) acc[i][j] *= shrink;
        }
        store_weights(s, weights);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_columns(acc, weights, vs);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    combine(sum, 0, room);
    UNROLL for (int i = 0; i < TR; i++)
    {
        UNROLL for (int j = 0; j < TD; j++) acc[i][j] /= sum[i];
        int row = r0 + y * TR + i;
        if (x == 0 && row < n)
            stat[(size_t)(begin + row) * H + head] = biggest[i] + log(sum[i]);
    }
    store_rows(acc, out + (begin + r0) * width + head * DH, width, n - r0);
}

/* dq of dqkv [tokens, 3, H, DH], and dout . out, which the other half needs. Rows are queries, columns keys. */
TILE_GROUP(ITEMS) __kernel void attention_backward_q(__global const float *restrict qkv, __global const int *restrict offset,
                                                __global const float *restrict out, __global float *stat,
                                                __global const float *restrict dout, __global float *restrict dqkv,
                                                int H, int tokens, float scale)
{
    __local float qs[DH * LR], gs[DH * LR], ks[BC * LC], vs[BC * LC], weights[BC * LR], room[8 * BR];
    int sequence, r0 = find_rows(offset, tokens, &sequence);
    int head = get_group_id(0), begin = offset[sequence], n = offset[sequence + 1] - begin;
    if (r0 >= n)
        return;
    int x = ITEM % 8, y = ITEM / 8;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global const float *o = out + begin * width + head * DH, *go = dout + begin * width + head * DH;
    __global float *lse = stat + (size_t)begin * H + head, *dots = lse + (size_t)tokens * H;

    float acc[TR][TD], log_sum[TR], delta[TR];
    clear(acc);
    UNROLL for (int i = 0; i < TR; i++)
    {
        int row = min(r0 + y * TR + i, n - 1);
        log_sum[i] = lse[(size_t)row * H];
        delta[i] = 0.0f;
        UNROLL for (int j = 0; j < TD; j++) delta[i] += o[row * width + x + 8 * j] * go[row * width + x + 8 * j];
    }
    combine(delta, 0, room);
    UNROLL for (int i = 0; i < TR; i++) if (x == 0 && r0 + y * TR + i < n) dots[(size_t)(r0 + y * TR + i) * H] =
        delta[i];

    load_rows(q + r0 * stride, stride, n - r0, qs);
    load_rows(go + r0 * width, width, n - r0, gs);
    for (int c0 = 0; c0 < n; c0 += BC) {
        load_columns(k + c0 * stride, stride, n - c0, ks);
        load_columns(v + c0 * stride, stride, n - c0, vs);
        barrier(CLK_LOCAL_MEM_FENCE);
        float s[TR][TC], dp[TR][TC];
        dot_products(s, qs, ks);
        dot_products(dp, gs, vs);
        UNROLL for (int i = 0; i < TR; i++) UNROLL for (int j = 0; j < TC; j++)
        {
            /* Not one expression: contracted it is fma(s, scale, -log_sum), and a negation that is moved out of a loop
             * with barriers becomes another item's with Intel's compiler for CPUs (docs/portability.md). */
            float score = s[i][j] * scale;
            float p = c0 + x + 8 * j < n ? exp1(score - log_sum[i]) : 0.0f;
            s[i][j] = p * (dp[i][j] - delta[i]) * scale;
        }
        store_weights(s, weights);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_columns(acc, weights, ks);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    store_rows(acc, dqkv + (begin + r0) * stride + head * DH, stride, n - r0);
}

/* dk and dv, after attention_backward_q. Rows are keys, columns queries. */
TILE_GROUP(ITEMS) __kernel void attention_backward_kv(__global const float *restrict qkv,
                                                 __global const int *restrict offset, __global const float *stat,
                                                 __global const float *restrict dout, __global float *restrict dqkv,
                                                 int H, int tokens, float scale)
{
    __local float ks[DH * LR], vs[DH * LR], qs[BC * LC], gs[BC * LC], weights[BC * LR], gradients[BC * LR];
    int sequence, r0 = find_rows(offset, tokens, &sequence);
    int head = get_group_id(0), begin = offset[sequence], n = offset[sequence + 1] - begin;
    if (r0 >= n)
        return;
    int x = ITEM % 8;
    size_t stride = (size_t)3 * H * DH, width = (size_t)H * DH;
    __global const float *q = qkv + begin * stride + head * DH, *k = q + width, *v = k + width;
    __global const float *go = dout + begin * width + head * DH;
    __global const float *lse = stat + (size_t)begin * H + head, *dots = lse + (size_t)tokens * H;

    float dk[TR][TD], dv[TR][TD];
    clear(dk);
    clear(dv);
    load_rows(k + r0 * stride, stride, n - r0, ks);
    load_rows(v + r0 * stride, stride, n - r0, vs);
    for (int c0 = 0; c0 < n; c0 += BC) {
        load_columns(q + c0 * stride, stride, n - c0, qs);
        load_columns(go + c0 * width, width, n - c0, gs);
        barrier(CLK_LOCAL_MEM_FENCE);
        float s[TR][TC], dp[TR][TC];
        dot_products(s, ks, qs);
        dot_products(dp, vs, gs);
        UNROLL for (int j = 0; j < TC; j++)
        {
            int query = c0 + x + 8 * j;
            size_t at = (size_t)min(query, n - 1) * H;
            float log_sum = lse[at], delta = dots[at];
            UNROLL for (int i = 0; i < TR; i++)
            {
                s[i][j] = query < n ? exp1(s[i][j] * scale - log_sum) : 0.0f;
                dp[i][j] = s[i][j] * (dp[i][j] - delta) * scale;
            }
        }
        store_weights(s, weights);
        store_weights(dp, gradients);
        barrier(CLK_LOCAL_MEM_FENCE);
        add_columns(dv, weights, gs);
        add_columns(dk, gradients, qs);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    __global float *to = dqkv + (begin + r0) * stride + head * DH;
    store_rows(dk, to + width, stride, n - r0);
    store_rows(dv, to + 2 * width, stride, n - r0);
}
