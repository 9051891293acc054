/* Terms of the loss that keep pooled context features from collapsing (docs/method.md "Regularisers"): variance and
 * covariance (VICReg, Bardes et al. 2022, arXiv:2105.04906) and SIGReg (LeJEPA, Balestriero & LeCun 2025,
 * arXiv:2511.08544). Few features and small matrices: the kernels are plain. Sums have a fixed order. */

/* z [sequences, D]: the mean of the tokens x [offset[s] .. offset[s+1], D] of each sequence. Global size: sequences. */
SINGLE_ITEM __kernel void pool_sequences(__global const float *restrict x, __global const int *restrict offset,
                                         __global float *restrict z, int D)
{
    int s = get_global_id(0), begin = offset[s], end = offset[s + 1];
    for (int j = 0; j < D; j += VW) {
        vec sum = (vec)(0.0f);
        for (int i = begin; i < end; i++)
            sum += load_n(x + (size_t)i * D + j, D - j);
        store_n(sum / (float)(end - begin), z + (size_t)s * D + j, D - j);
    }
}

/* The gradient of that, added: d [tokens, D] += dz [s] / (tokens of s). Global size: sequences. */
SINGLE_ITEM __kernel void spread_over_sequences(__global const float *restrict dz, __global const int *restrict offset,
                                                __global float *restrict d, int D)
{
    int s = get_global_id(0), begin = offset[s], end = offset[s + 1];
    for (int j = 0; j < D; j += VW) {
        vec each = load_n(dz + (size_t)s * D + j, D - j) / (float)(end - begin);
        for (int i = begin; i < end; i++)
            store_n(load_n(d + (size_t)i * D + j, D - j) + each, d + (size_t)i * D + j, D - j);
    }
}

/* centred [n, D] = z less its means over n. sigma = sqrt(var + 1e-4), var with n - 1; partial [items]: sums over
 * columns of max(0, 1 - sigma); dz [n, D] = scale times that sum's gradient, 0 where scale is. Global size: items =
 * ceil(ceil(D / VW) / vectors_per_item). */
SINGLE_ITEM __kernel void variance(__global const float *restrict z, __global float *restrict centred,
                                   __global float *restrict dz, __global float *restrict partial, int n, int D,
                                   float scale, int vectors_per_item)
{
    int begin = get_global_id(0) * vectors_per_item * VW, end = min(begin + vectors_per_item * VW, D);
    float total = 0.0f, rest = max(n - 1, 1);
    for (int j = begin; j < end; j += VW) {
        int left = D - j;
        vec mean = (vec)(0.0f), var = (vec)(0.0f);
        for (int b = 0; b < n; b++)
            mean += load_n(z + (size_t)b * D + j, left);
        mean /= (float)n;
        for (int b = 0; b < n; b++) {
            vec c = load_n(z + (size_t)b * D + j, left) - mean;
            store_n(c, centred + (size_t)b * D + j, left);
            var = fma(c, c, var);
        }
        vec sigma = sqrt(var / rest + 1e-4f), hinge = fmax(1.0f - sigma, (vec)(0.0f));
        vec slope = select(-scale / (rest * sigma), (vec)(0.0f), hinge <= 0.0f);
        for (int b = 0; b < n; b++)
            store_n(slope * load_n(centred + (size_t)b * D + j, left), dz + (size_t)b * D + j, left);
        if (left < VW) { /* lanes beyond the last column */
            float lanes[VW];
            IJ_CAT(vstore, VW)(hinge, 0, lanes);
            for (int i = 0; i < left; i++)
                total += lanes[i];
        } else {
            total += sum_lanes(hinge);
        }
    }
    partial[get_global_id(0)] = total;
}

/* off [D, D] = the covariance of centred [n, D], divided by n - 1, with zeros on its diagonal; partial [items]: sums of
 * its squares. Global size: items = ceil(D / rows_per_item). */
SINGLE_ITEM __kernel void covariance(__global const float *restrict centred, __global float *restrict off,
                                     __global float *restrict partial, int n, int D, int rows_per_item)
{
    int begin = get_global_id(0) * rows_per_item, end = min(begin + rows_per_item, D);
    float total = 0.0f;
    for (int i = begin; i < end; i++) {
        __global float *row = off + (size_t)i * D;
        for (int j = 0; j < D; j += VW) {
            vec s = (vec)(0.0f);
            for (int b = 0; b < n; b++)
                s = fma((vec)(centred[(size_t)b * D + i]), load_n(centred + (size_t)b * D + j, D - j), s);
            store_n(s / (n - 1.0f), row + j, D - j);
        }
        row[i] = 0.0f;
        vec squares = (vec)(0.0f);
        for (int j = 0; j < D; j += VW) {
            vec c = load_n(row + j, D - j);
            squares = fma(c, c, squares);
        }
        total += sum_lanes(squares);
    }
    partial[get_global_id(0)] = total;
}

/* out [n, N] = scale a [n, K] b [K, N], or += where `add`. Global size: n. */
SINGLE_ITEM __kernel void row_product(__global const float *restrict a, __global const float *restrict b,
                                      __global float *restrict out, int N, int K, float scale, int add)
{
    int r = get_global_id(0);
    __global const float *row = a + (size_t)r * K;
    for (int j = 0; j < N; j += VW) {
        vec s = (vec)(0.0f);
        for (int k = 0; k < K; k++)
            s = fma((vec)(row[k]), load_n(b + (size_t)k * N + j, N - j), s);
        s *= scale;
        __global float *to = out + (size_t)r * N + j;
        store_n(add ? s + load_n(to, N - j) : s, to, N - j);
    }
}

/* Philox4x32-10 (Salmon et al., SC 2011), as engine/base/random.c. */
uint4 philox(uint4 c, uint2 key)
{
    for (int round = 0; round < 10; round++) {
        uint2 hi = (uint2)(mul_hi(0xD2511F53u, c.x), mul_hi(0xCD9E8D57u, c.z));
        c = (uint4)(hi.y ^ c.y ^ key.x, 0xCD9E8D57u * c.z, hi.x ^ c.w ^ key.y, 0xD2511F53u * c.x);
        key += (uint2)(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

/* Four normals of them, as ij_random_normals has them. */
float4 normals(uint4 x)
{
    float2 radius = sqrt(-2.0f * log((convert_float2(x.xz >> 8) + 1.0f) * 0x1p-24f));
    float2 angle = convert_float2(x.yw >> 8) * (0x1p-24f * 6.2831853f);
    return (float4)(radius * cos(angle), radius * sin(angle)).xzyw;
}

/* Unit vectors, uniform on the sphere: row m of directions [M, D], column m of across [D, M]. Normals j .. j + 3 of
 * direction m are block j / 4 of the stream `key`, `counter` with b = m (engine/base/random.h). Global size: M. */
SINGLE_ITEM __kernel void draw_directions(__global float *restrict directions, __global float *restrict across, int M,
                                          int D, uint2 key, uint4 counter)
{
    int m = get_global_id(0);
    __global float *row = directions + (size_t)m * D;
    float squares = 0.0f;
    for (int j = 0; j < D; j += 4) {
        float4 x = normals(philox((uint4)(j / 4, counter.yz, m), key));
        vstore4(x, 0, row + j);
        squares += dot(x, x);
    }
    float shorter = 1.0f / sqrt(squares);
    for (int j = 0; j < D; j++) {
        row[j] *= shorter;
        across[(size_t)j * M + m] = row[j];
    }
}

/* Epps and Pulley's statistic of each column of p [n, M] against a standard normal, by the trapezoid rule on [-3, 3]
 * with KNOTS points t a side: n sum_t w_t ((mean cos(t p) - e^(-t t / 2))^2 + (mean sin(t p))^2). partial [items]: sums
 * over columns; slope [n, M] is scale times that sum's gradient. M a multiple of VW. Global size: items = ceil(M / VW /
 * vectors_per_item). */
#define KNOTS 17
SINGLE_ITEM __kernel void epps_pulley(__global const float *restrict p, __global float *restrict slope,
                                      __global float *restrict partial, int n, int M, float scale, int vectors_per_item)
{
    int begin = get_global_id(0) * vectors_per_item * VW, end = min(begin + vectors_per_item * VW, M);
    const float dt = 3.0f / (KNOTS - 1);
    float total = 0.0f;
    for (int j = begin; j < end; j += VW) {
        vec statistic = (vec)(0.0f);
        for (int k = 0; k < KNOTS; k++) {
            float t = k * dt, window = exp(-0.5f * t * t), weight = (k == 0 || k == KNOTS - 1 ? dt : 2 * dt) * window;
            vec c = (vec)(0.0f), s = (vec)(0.0f);
            for (int b = 0; b < n; b++) {
                vec x = t * LOAD(p + (size_t)b * M + j);
                c += cos(x);
                s += sin(x);
            }
            c = c / (float)n - window;
            s /= (float)n;
            statistic += weight * (c * c + s * s);
            c *= 2.0f * scale * weight * t;
            s *= 2.0f * scale * weight * t;
            for (int b = 0; b < n; b++) {
                vec x = t * LOAD(p + (size_t)b * M + j);
                __global float *to = slope + (size_t)b * M + j;
                vec before = k == 0 ? (vec)(0.0f) : LOAD(to);
                STORE(before + s * cos(x) - c * sin(x), to);
            }
        }
        total += sum_lanes(statistic) * n;
    }
    partial[get_global_id(0)] = total;
}
