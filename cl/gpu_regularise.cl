/* Terms of the loss that keep pooled context features from collapsing, for GPUs (docs/method.md "Regularisers"): variance and
 * covariance (VICReg, Bardes et al. 2022, arXiv:2105.04906) and SIGReg (LeJEPA, Balestriero & LeCun 2025,
 * arXiv:2511.08544). Few features and small matrices: the kernels are plain. Sums have a fixed order. */

/* z [sequences, D]: the mean of the tokens x [offset[s] .. offset[s+1], D] of each sequence. Work-groups: sequences. */
GROUP(WGS) __kernel void pool_sequences(__global const float *restrict x, __global const int *restrict offset,
                                        __global float *restrict z, int D)
{
    int s = get_group_id(0), begin = offset[s], end = offset[s + 1];
    for (int j = ITEM * 4; j < D; j += 4 * WGS) {
        float4 sum = (float4)(0.0f);
        for (int i = begin; i < end; i++)
            sum += load4(x + (size_t)i * D + j, 4);
        store4(sum / (float)(end - begin), z + (size_t)s * D + j, 4);
    }
}

/* The gradient of that, added: d [tokens, D] += dz [s] / (tokens of s). Work-groups: sequences. */
GROUP(WGS) __kernel void spread_over_sequences(__global const float *restrict dz, __global const int *restrict offset,
                                               __global float *restrict d, int D)
{
    int s = get_group_id(0), begin = offset[s], end = offset[s + 1];
    for (int j = ITEM * 4; j < D; j += 4 * WGS) {
        float4 each = load4(dz + (size_t)s * D + j, 4) / (float)(end - begin);
        for (int i = begin; i < end; i++)
            store4(load4(d + (size_t)i * D + j, 4) + each, d + (size_t)i * D + j, 4);
    }
}

/* centred [n, D] = z less its means over n. sigma = sqrt(var + 1e-4), var with n - 1; partial [groups]: sums over columns
 * of max(0, 1 - sigma); dz [n, D] = scale times that sum's gradient, 0 where scale is.
 * Work-groups: ceil(ceil(D / (4 COLS)) / columns_per_group). */
GROUP(WGS) __kernel void variance(__global const float *restrict z, __global float *restrict centred,
                                  __global float *restrict dz, __global float *restrict partial, int n, int D,
                                  float scale, int columns_per_group)
{
    __local float4 room[WGS];
    __local float sums[WGS];
    int share = ITEM / COLS, first = get_group_id(0) * columns_per_group * 4 * COLS;
    float total = 0.0f, rest = max(n - 1, 1);
    for (int c = 0; c < columns_per_group; c++) {
        int j = first + (c * COLS + ITEM % COLS) * 4, left = D - j;
        float4 mean = (float4)(0.0f), var = (float4)(0.0f);
        for (int b = share; b < n; b += SHARES)
            mean += load4(z + (size_t)b * D + j, left);
        mean = sum_shares(mean, room) / (float)n;
        for (int b = share; b < n; b += SHARES) {
            float4 x = load4(z + (size_t)b * D + j, left) - mean;
            store4(x, centred + (size_t)b * D + j, left);
            var = fma(x, x, var);
        }
        var = sum_shares(var, room);
        float4 sigma = sqrt(var / rest + 1e-4f), hinge = fmax(1.0f - sigma, (float4)(0.0f));
        float4 slope = select(-scale / (rest * sigma), (float4)(0.0f), hinge <= 0.0f);
        for (int b = share; b < n; b += SHARES) /* what this work-item wrote */
            store4(slope * load4(centred + (size_t)b * D + j, left), dz + (size_t)b * D + j, left);
        total += share == 0 && left > 0 ? sum_lanes(hinge) : 0.0f;
    }
    total = sum_items(total, WGS, sums);
    if (ITEM == 0)
        partial[get_group_id(0)] = total;
}

/* off [D, D] = the covariance of centred [n, D], divided by n - 1, with zeros on its diagonal; partial [groups]: sums of
 * its squares. Work-groups: ceil(D / rows_per_group). */
GROUP(WGS) __kernel void covariance(__global const float *restrict centred, __global float *restrict off,
                                    __global float *restrict partial, int n, int D, int rows_per_group)
{
    __local float room[WGS];
    int begin = get_group_id(0) * rows_per_group, end = min(begin + rows_per_group, D);
    float4 squares = (float4)(0.0f);
    for (int i = begin; i < end; i++)
        for (int j = ITEM * 4; j < D; j += 4 * WGS) {
            float4 s = (float4)(0.0f);
            for (int b = 0; b < n; b++)
                s = fma((float4)(centred[(size_t)b * D + i]), load4(centred + (size_t)b * D + j, 4), s);
            s = select(s / (n - 1.0f), (float4)(0.0f), (int4)(j, j + 1, j + 2, j + 3) == i);
            store4(s, off + (size_t)i * D + j, 4);
            squares = fma(s, s, squares);
        }
    float total = sum_items(sum_lanes(squares), WGS, room);
    if (ITEM == 0)
        partial[get_group_id(0)] = total;
}

/* out [n, N] = scale a [n, K] b [K, N], or += where `add`. Work-groups: n. */
GROUP(WGS) __kernel void row_product(__global const float *restrict a, __global const float *restrict b,
                                     __global float *restrict out, int N, int K, float scale, int add)
{
    int r = get_group_id(0);
    for (int j = ITEM * 4; j < N; j += 4 * WGS) {
        float4 s = (float4)(0.0f);
        for (int k = 0; k < K; k++)
            s = fma((float4)(a[(size_t)r * K + k]), load4(b + (size_t)k * N + j, 4), s);
        __global float *to = out + (size_t)r * N + j;
        store4(add ? fma((float4)(scale), s, load4(to, 4)) : scale * s, to, 4);
    }
}

/* Philox4x32-10 (Salmon et al., SC 2011), as engine/base/random.c. */
INLINE uint4 philox(uint4 c, uint2 key)
{
    for (int round = 0; round < 10; round++) {
        uint2 hi = (uint2)(mul_hi(0xD2511F53u, c.x), mul_hi(0xCD9E8D57u, c.z));
        c = (uint4)(hi.y ^ c.y ^ key.x, 0xCD9E8D57u * c.z, hi.x ^ c.w ^ key.y, 0xD2511F53u * c.x);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

/* Four normals of them, as ij_random_normals has them. */
INLINE float4 normals(uint4 x)
{
    float2 radius = sqrt(-2.0f * log((convert_float2(x.xz >> 8) + 1.0f) * 0x1p-24f));
    float2 angle = convert_float2(x.yw >> 8) * (0x1p-24f * 6.2831853f);
    return (float4)(radius * cos(angle), radius * sin(angle)).xzyw;
}

/* Unit vectors, uniform on the sphere: row m of directions [M, D], column m of across [D, M]. Normals j .. j + 3 of
 * direction m are block j / 4 of the stream `key`, `counter` with b = m (engine/base/random.h). Work-groups: M. */
GROUP(WGS) __kernel void draw_directions(__global float *restrict directions, __global float *restrict across, int M,
                                         int D, uint2 key, uint4 counter)
{
    __local float room[WGS];
    int m = get_group_id(0);
    __global float *row = directions + (size_t)m * D;
    float squares = 0.0f;
    for (int j = ITEM * 4; j < D; j += 4 * WGS) {
        float4 x = normals(philox((uint4)(j / 4, counter.yz, m), key));
        store4(x, row + j, 4);
        squares += dot(x, x);
    }
    float shorter = 1.0f / sqrt(sum_items(squares, WGS, room));
    for (int j = ITEM * 4; j < D; j += 4 * WGS) { /* what this work-item wrote */
        float4 x = load4(row + j, 4) * shorter;
        store4(x, row + j, 4);
        across[(size_t)j * M + m] = x.x;
        across[(size_t)(j + 1) * M + m] = x.y;
        across[(size_t)(j + 2) * M + m] = x.z;
        across[(size_t)(j + 3) * M + m] = x.w;
    }
}

/* Epps and Pulley's statistic of each column of p [n, M] against a standard normal, by the trapezoid rule on [-3, 3] with
 * KNOTS points t a side: n sum_t w_t ((mean cos(t p) - e^(-t t / 2))^2 + (mean sin(t p))^2). partial [groups]: sums over
 * columns; slope [n, M] is scale times that sum's gradient. Work-groups: ceil(ceil(M / (4 COLS)) / columns_per_group). */
#define KNOTS 17
GROUP(WGS) __kernel void epps_pulley(__global const float *restrict p, __global float *restrict slope,
                                     __global float *restrict partial, int n, int M, float scale,
                                     int columns_per_group)
{
    __local float4 room[WGS];
    __local float sums[WGS];
    int share = ITEM / COLS, first = get_group_id(0) * columns_per_group * 4 * COLS;
    const float dt = 3.0f / (KNOTS - 1);
    float total = 0.0f;
    for (int g = 0; g < columns_per_group; g++) {
        int j = first + (g * COLS + ITEM % COLS) * 4, left = M - j;
        float4 statistic = (float4)(0.0f);
        for (int k = 0; k < KNOTS; k++) {
            float t = k * dt, window = exp(-0.5f * t * t), weight = (k == 0 || k == KNOTS - 1 ? dt : 2 * dt) * window;
            float4 c = (float4)(0.0f), s = (float4)(0.0f);
            for (int b = share; b < n; b += SHARES) {
                float4 x = t * load4(p + (size_t)b * M + j, left);
                c += cos(x);
                s += sin(x);
            }
            c = sum_shares(c, room) / (float)n - window;
            s = sum_shares(s, room) / (float)n;
            statistic += weight * (c * c + s * s);
            c *= 2.0f * scale * weight * t;
            s *= 2.0f * scale * weight * t;
            for (int b = share; b < n; b += SHARES) { /* rows that this work-item alone writes */
                float4 x = t * load4(p + (size_t)b * M + j, left);
                __global float *to = slope + (size_t)b * M + j;
                float4 before = k == 0 ? (float4)(0.0f) : load4(to, left);
                store4(before + s * cos(x) - c * sin(x), to, left);
            }
        }
        total += share == 0 && left > 0 ? sum_lanes(statistic) * n : 0.0f;
    }
    total = sum_items(total, WGS, sums);
    if (ITEM == 0)
        partial[get_group_id(0)] = total;
}
