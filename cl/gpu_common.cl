/* What kernels that work by groups have in common: vector loads with ragged ends, the elementary functions, sums in a
 * fixed order. It is put before each of their sources.
 *
 * A work-group tiles through local memory; its work-items lie along dimension 0. Rows are float4 wide: every row starts
 * at a multiple of 16 bytes where its width is a multiple of 4. All widths are, but for those of some matrix products
 * and of patches: they are built with ALIGNED = 0. */
#ifndef ALIGNED
#define ALIGNED 1
#endif

#define PRAGMA_OF(x) _Pragma(#x)
#define PRAGMA(x)    PRAGMA_OF(x)
#define UNROLL       PRAGMA(unroll)
#define UNROLL_BY(n) PRAGMA(unroll n)
#define INLINE       static inline __attribute__((always_inline))

/* A kernel's work-group; for kernels with tiles in registers also its sub-groups, where the device lets us choose: small
 * ones have more registers an item. */
#define GROUP(size) __attribute__((reqd_work_group_size(size, 1, 1)))
#if SG
#define TILE_GROUP(size) __attribute__((reqd_work_group_size(size, 1, 1), intel_reqd_sub_group_size(SG)))
#else
#define TILE_GROUP(size) GROUP(size)
#endif

/* This work-item's number in its group, in 32 bits: where it is divided while it is a size_t and the quotient goes to an
 * int, Intel's compiler for CPUs indexes memory as if by the number itself (docs/portability.md). */
#define ITEM ((uint)get_local_id(0))

/* The first n of four floats; the others are zero, and nothing is read where n <= 0. */
INLINE float4 load4(__global const float *p, int n)
{
#if ALIGNED
    return n > 0 ? *(__global const float4 *)p : (float4)(0.0f);
#else
    return (float4)(n > 0 ? p[0] : 0.0f, n > 1 ? p[1] : 0.0f, n > 2 ? p[2] : 0.0f, n > 3 ? p[3] : 0.0f);
#endif
}
INLINE void store4(float4 v, __global float *p, int n)
{
#if ALIGNED
    if (n > 0)
        *(__global float4 *)p = v;
#else
    if (n > 0)
        p[0] = v.x;
    if (n > 1)
        p[1] = v.y;
    if (n > 2)
        p[2] = v.z;
    if (n > 3)
        p[3] = v.w;
#endif
}

INLINE float sum_lanes(float4 v)
{
    return (v.x + v.y) + (v.z + v.w);
}

/* exp(x) for x <= 88, within 2 ulp; exp(-87), about 1e-38, for all below. 2^n by the exponent bits, e^r by a polynomial
 * on |r| <= ln2/2 (the classic Cephes split, Moshier). Without branches, where the built-in function has some on some
 * devices: they keep a compiler from holding tiles in registers. */
INLINE float exp1(float x)
{
    x = fmax(x, -87.0f);
    float shifted = fma(x, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
    float r = fma(n, -0.693359375f, x);
    r = fma(n, 2.12194440e-4f, r);
    float p = fma(1.9875691500e-4f, r, 1.3981999507e-3f);
    p = fma(p, r, 8.3334519073e-3f);
    p = fma(p, r, 4.1665795894e-2f);
    p = fma(p, r, 1.6666665459e-1f);
    p = fma(p, r, 5.0000001201e-1f);
    p = fma(p, r * r, r + 1.0f);
    return p * as_float((as_int(shifted) + 127) << 23);
}
INLINE float4 exp4(float4 x)
{
    return (float4)(exp1(x.x), exp1(x.y), exp1(x.z), exp1(x.w));
}

/* erf(x) within 4 ulp: the rational approximation x P(x^2)/Q(x^2) on |x| <= 4 that Eigen and XLA use; no branches
 * either. */
INLINE float4 erf4(float4 x)
{
    x = clamp(x, (float4)(-4.0f), (float4)(4.0f));
    float4 s = x * x;
    float4 p = fma((float4)(-2.72614225801306e-10f), s, (float4)(2.77068142495902e-08f));
    p = fma(p, s, (float4)(-2.10102402082508e-06f));
    p = fma(p, s, (float4)(-5.69250639462346e-05f));
    p = fma(p, s, (float4)(-7.34990630326855e-04f));
    p = fma(p, s, (float4)(-2.95459980854025e-03f));
    p = fma(p, s, (float4)(-1.60960333262415e-02f));
    float4 q = fma((float4)(-1.45660718464996e-05f), s, (float4)(-2.13374055278905e-04f));
    q = fma(q, s, (float4)(-1.68282697438203e-03f));
    q = fma(q, s, (float4)(-7.37332916720468e-03f));
    q = fma(q, s, (float4)(-1.42647390514189e-02f));
    return x * p / q;
}

/* GELU(x) = x Phi(x), exact, and its derivative Phi(x) + x phi(x). */
INLINE float4 normal_cdf(float4 x)
{
    return fma(erf4(x * 0.70710678f), (float4)(0.5f), (float4)(0.5f));
}
INLINE float4 gelu(float4 x)
{
    return x * normal_cdf(x);
}
INLINE float4 gelu_and_slope(float4 x, float4 *slope)
{
    float4 cdf = normal_cdf(x);
    *slope = fma(x, 0.39894228f * exp4(-0.5f * x * x), cdf);
    return x * cdf;
}

/* What follows a matrix product (tail.cl). */
TAIL_FUNCTION(finish, float4, load4, store4, gelu, gelu_and_slope)

#ifdef WGS
/* ---- Passes over rows: WGS work-items ---------------------------------------------------------------------------- */

/* Sums of `lanes` neighbouring work-items' x, which all of them get; lanes a power of two that divides WGS, every
 * work-item calls it. The tree fixes the order. room [WGS]. */
INLINE float sum_items(float x, const int lanes, __local float *room)
{
    int item = get_local_id(0);
    room[item] = x;
    for (int reach = lanes / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item % lanes < reach)
            room[item] += room[item + reach];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    x = room[item - item % lanes];
    barrier(CLK_LOCAL_MEM_FENCE); /* the room may be used again */
    return x;
}

/* Columns of a matrix are summed COLS x 4 floats at a time: work-item i adds every SHARES-th row of the i % COLS-th
 * four, this adds the SHARES sums in a fixed order and gives the total to all. room [WGS]. */
#define SHARES (WGS / COLS)
INLINE float4 sum_shares(float4 x, __local float4 *room)
{
    int item = get_local_id(0);
    room[item] = x;
    for (int reach = SHARES / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item / COLS < reach)
            room[item] += room[item + reach * COLS];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    x = room[item % COLS];
    barrier(CLK_LOCAL_MEM_FENCE);
    return x;
}
#endif

#ifdef WGM
/* ---- Matrix products: a work-group computes WGM x WGN of C = A B in steps of WGK --------------------------------- */

/* A work-item computes TM x TN of that, in pieces of 4 x 4 which lie 4 TY rows and 4 TX columns apart, so that
 * neighbours read neighbouring float4 of local memory. While it multiplies one step, the next is on its way to
 * registers; with two STAGES of local memory one barrier a step is enough. PAD floats end each row of a tile. */
#define TX      (WGN / TN)
#define TY      (WGM / TM)
#define THREADS (TX * TY)
#define LDM     (WGM + PAD)
#define LDN     (WGN + PAD)
#define STAGE   (WGK * (LDM + LDN))
#define FETCHES(width) (width * WGK / 4 / THREADS)

/* One operand: element (k, i), k along the sum, is p[i ld + k], or p[k ld + i] where it lies `across`; i < count. */
typedef struct operand {
    __global const float *p;
    int ld, count;
} operand;

/* Items i0 .. i0 + width of steps k0 .. k0 + WGK on their way; beyond the ends they are zero. */
INLINE void fetch(float4 *to, operand x, const int across, const int width, int i0, int k0, int end)
{
    UNROLL for (int c = 0; c < FETCHES(width); c++)
    {
        int at = get_local_id(0) + c * THREADS;
        if (across) {
            int k = k0 + at / (width / 4), i = i0 + at % (width / 4) * 4;
            to[c] = load4(x.p + (size_t)k * x.ld + i, k < end ? x.count - i : 0);
        } else {
            int k = k0 + at % (WGK / 4) * 4, i = i0 + at / (WGK / 4);
            to[c] = load4(x.p + (size_t)i * x.ld + k, i < x.count ? end - k : 0);
        }
    }
}

/* To the tile [WGK][width + PAD]. */
INLINE void stash(const float4 *from, const int across, const int width, __local float *tile)
{
    UNROLL for (int c = 0; c < FETCHES(width); c++)
    {
        int at = get_local_id(0) + c * THREADS;
        if (across) {
            *(__local float4 *)(tile + at / (width / 4) * (width + PAD) + at % (width / 4) * 4) = from[c];
        } else {
            __local float *to = tile + at % (WGK / 4) * 4 * (width + PAD) + at / (WGK / 4);
            to[0] = from[c].x;
            to[width + PAD] = from[c].y;
            to[2 * (width + PAD)] = from[c].z;
            to[3 * (width + PAD)] = from[c].w;
        }
    }
}

INLINE void multiply(float4 acc[TM][TN / 4], __local const float *as, __local const float *bs)
{
    int tx = ITEM % TX, ty = ITEM / TX;
    UNROLL_BY(KU) for (int k = 0; k < WGK; k++)
    {
        float a[TM];
        float4 b[TN / 4];
        UNROLL for (int i = 0; i < TM; i += 4)
        {
            float4 x = *(__local const float4 *)(as + k * LDM + i * TY + ty * 4);
            a[i] = x.x;
            a[i + 1] = x.y;
            a[i + 2] = x.z;
            a[i + 3] = x.w;
        }
        UNROLL for (int j = 0; j < TN / 4; j++) b[j] = *(__local const float4 *)(bs + k * LDN + (j * TX + tx) * 4);
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int j = 0; j < TN / 4; j++)
            acc[i][j] = fma((float4)(a[i]), b[j], acc[i][j]);
    }
}

/* Where piece i of a work-item's rows, piece j of its columns lies within the tile of C. */
INLINE int row_of(int i)
{
    return i / 4 * 4 * TY + ITEM / TX * 4 + i % 4;
}
INLINE int column_of(int j)
{
    return (j * TX + ITEM % TX) * 4;
}

/* acc = the tile at (m0, n0) of sum over k in begin .. end of A(k, m) B(k, n). `column`: work-item i also gets
 * *column = sum of A(k, m0 + i), i < WGM. tiles: local memory, STAGES x STAGE floats. */
INLINE void tile_product(float4 acc[TM][TN / 4], operand a, const int a_across, operand b, const int b_across, int m0,
                         int n0, int begin, int end, const int sums, float *column, __local float *tiles)
{
    float4 fa[FETCHES(WGM)], fb[FETCHES(WGN)];
    __local float *as = tiles, *bs = tiles + WGK * LDM;
    UNROLL for (int i = 0; i < TM; i++) UNROLL for (int j = 0; j < TN / 4; j++) acc[i][j] = (float4)(0.0f);
    fetch(fa, a, a_across, WGM, m0, begin, end);
    fetch(fb, b, b_across, WGN, n0, begin, end);
    stash(fa, a_across, WGM, as);
    stash(fb, b_across, WGN, bs);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int k0 = begin, stage = 0; k0 < end; k0 += WGK) {
        int more = k0 + WGK < end;
        if (more) {
            fetch(fa, a, a_across, WGM, m0, k0 + WGK, end);
            fetch(fb, b, b_across, WGN, n0, k0 + WGK, end);
        }
        multiply(acc, as + stage, bs + stage);
        if (sums && get_local_id(0) < WGM)
            for (int k = 0; k < WGK; k++)
                *column += as[stage + k * LDM + get_local_id(0)];
#if STAGES == 2
        stage ^= STAGE;
#else
        barrier(CLK_LOCAL_MEM_FENCE);
#endif
        if (more) {
            stash(fa, a_across, WGM, as + stage);
            stash(fb, b_across, WGN, bs + stage);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
}
#endif
