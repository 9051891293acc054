/* What kernels that work by items have in common: the vector type and the elementary functions. It is put before each
 * of their sources.
 *
 * VW, the width of a vector register in floats (4, 8 or 16), comes from the build options. A work-group is one
 * work-item; it owns a tile of the result, keeps it in registers and never meets a barrier. */
#define IJ_CAT2(a, b) a##b
#define IJ_CAT(a, b)  IJ_CAT2(a, b)

typedef IJ_CAT(float, VW) vec;
typedef IJ_CAT(int, VW) ivec;
typedef IJ_CAT(uint, VW) uvec;
#define as_vec  IJ_CAT(as_float, VW)
#define as_ivec IJ_CAT(as_int, VW)

/* A vector that starts at any float: one unaligned load or store. */
typedef vec __attribute__((aligned(4))) vec_u;
#define LOAD(p)      (*(__global const vec_u *)(p))
#define STORE(v, p)  (*(__global vec_u *)(p) = (v))
#define LLOAD(p)     (*(__local const vec_u *)(p))
#define LSTORE(v, p) (*(__local vec_u *)(p) = (v))

/* Asks for a cache line, to be written (1) or only read (0), where the device is a CPU (the host says so) and the
 * compiler has a way to. PREFETCH_L2: to be read later, into the second-level cache. */
#ifndef __has_builtin
#define __has_builtin(x) 0
#endif
#if defined(CPU_DEVICE) && __has_builtin(__builtin_prefetch)
#define PREFETCH(p, write) __builtin_prefetch((const void *)(size_t)(p), write, 3)
#define PREFETCH_L2(p)     __builtin_prefetch((const void *)(size_t)(p), 0, 2)
#else
#define PREFETCH(p, write)
#define PREFETCH_L2(p)
#endif

/* No restrict on arguments of these: inlined, it is a scope that some simulators do not know. */
#define INLINE static inline __attribute__((always_inline))

#define UNROLL __attribute__((opencl_unroll_hint))

/* A work-group of one item is not to be made a vector of items: Intel's compiler for CPUs ends in a crash where it tries
 * that with cl/attention.cl (2026.2). */
#ifndef __has_attribute
#define __has_attribute(x) 0
#endif
#if __has_attribute(intel_vec_len_hint)
#define SINGLE_ITEM __attribute__((reqd_work_group_size(1, 1, 1), intel_vec_len_hint(1)))
#else
#define SINGLE_ITEM __attribute__((reqd_work_group_size(1, 1, 1)))
#endif

float sum_lanes(vec v)
{
#if VW == 16
    float8 a = v.lo + v.hi;
    float4 b = a.lo + a.hi;
#elif VW == 8
    float4 b = v.lo + v.hi;
#else
    float4 b = v;
#endif
    float2 c = b.lo + b.hi;
    return c.x + c.y;
}

/* fmax, but for NaN, whose rule costs more than the comparison. */
INLINE vec larger(vec a, vec b)
{
    return a > b ? a : b;
}

float max_lanes(vec v)
{
#if VW == 16
    float8 a = v.lo > v.hi ? v.lo : v.hi;
    float4 b = a.lo > a.hi ? a.lo : a.hi;
#elif VW == 8
    float4 b = v.lo > v.hi ? v.lo : v.hi;
#else
    float4 b = v;
#endif
    float2 c = b.lo > b.hi ? b.lo : b.hi;
    return c.x > c.y ? c.x : c.y;
}

/* exp(x) for x <= 88, within 2 ulp; exp(-87), about 1e-38, for all below. 2^n by the exponent bits, e^r by a polynomial
 * on |r| <= ln2/2 (the classic Cephes split, Moshier). Adding 1.5 2^23 rounds to an integer and leaves it in the low
 * bits: a few instructions where rint and convert_int are dozens on some CPUs. */
vec exp_v(vec x)
{
    x = fmax(x, (vec)(-87.0f));
    vec shifted = fma(x, (vec)(1.44269504f), (vec)(12582912.0f)), n = shifted - 12582912.0f;
    vec r = fma(n, (vec)(-0.693359375f), x);
    r = fma(n, (vec)(2.12194440e-4f), r);
    vec p = fma((vec)(1.9875691500e-4f), r, (vec)(1.3981999507e-3f));
    p = fma(p, r, (vec)(8.3334519073e-3f));
    p = fma(p, r, (vec)(4.1665795894e-2f));
    p = fma(p, r, (vec)(1.6666665459e-1f));
    p = fma(p, r, (vec)(5.0000001201e-1f));
    p = fma(p, r * r, r + 1.0f);
    return p * as_vec((as_ivec(shifted) + 127) << 23);
}

/* 2^x for x < 127, within 1 ulp; 2^-125 for x below -125. In the same way, with a polynomial through Chebyshev's
 * points. */
vec exp2_v(vec x)
{
    x = larger(x, (vec)(-125.0f));
    vec shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);
    vec p = (vec)(1.5461444725e-04f);
    p = fma(p, r, (vec)(1.3400428178e-03f));
    p = fma(p, r, (vec)(9.6180566784e-03f));
    p = fma(p, r, (vec)(5.5503272267e-02f));
    p = fma(p, r, (vec)(2.4022650922e-01f));
    p = fma(p, r, (vec)(6.9314720670e-01f));
    p = fma(p, r, (vec)(1.0f));
    return as_vec(as_ivec(p) + (as_ivec(shifted) << 23));
}

/* GELU(x) = x Phi(x), exact, and its derivative Phi(x) + x phi(x). Phi(x) = 1/2 + erf(y)/2, y = x/sqrt(2), with erf as
 * y p(t), t = 2 (y/3.8)^2 - 1, |y| <= 3.8: a minimax polynomial (Remez by reweighted least squares) within 5e-8, within
 * 1.2e-7 in floats. No division, which costs more than all the rest. */
vec normal_cdf(vec x)
{
    vec y = clamp(x * 0.70710678f, (vec)(-3.8f), (vec)(3.8f)), t = fma(y * y, (vec)(2.0f / 14.44f), (vec)(-1.0f));
    vec p = (vec)(1.022165176e-03f);
    p = fma(p, t, (vec)(-2.695825882e-03f));
    p = fma(p, t, (vec)(2.367045032e-03f));
    p = fma(p, t, (vec)(-3.299278440e-03f));
    p = fma(p, t, (vec)(9.949783795e-03f));
    p = fma(p, t, (vec)(-1.833348162e-02f));
    p = fma(p, t, (vec)(2.669288218e-02f));
    p = fma(p, t, (vec)(-3.893954307e-02f));
    p = fma(p, t, (vec)(5.505660176e-02f));
    p = fma(p, t, (vec)(-7.251552492e-02f));
    p = fma(p, t, (vec)(9.083270282e-02f));
    p = fma(p, t, (vec)(-1.111855730e-01f));
    p = fma(p, t, (vec)(1.377395242e-01f));
    p = fma(p, t, (vec)(-1.856411994e-01f));
    p = fma(p, t, (vec)(3.721076250e-01f));
    return fma(y * p, (vec)(0.5f), (vec)(0.5f));
}
vec gelu(vec x)
{
    return x * normal_cdf(x);
}
vec gelu_and_slope(vec x, vec *slope)
{
    vec cdf = normal_cdf(x);
    *slope = fma(x, 0.39894228f * exp2_v(-0.72134752f * x * x), cdf);
    return x * cdf;
}

/* A row's last, partial vector: `n` < VW floats. Other lanes read as `fill` and are not written. */
vec load_part(__global const float *p, int n, float fill)
{
    float lanes[VW];
    for (int i = 0; i < VW; i++)
        lanes[i] = i < n ? p[i] : fill;
    return IJ_CAT(vload, VW)(0, lanes);
}
void store_part(vec v, __global float *p, int n)
{
    float lanes[VW];
    IJ_CAT(vstore, VW)(v, 0, lanes);
    for (int i = 0; i < n; i++)
        p[i] = lanes[i];
}
vec load_n(__global const float *p, int n)
{
    return n >= VW ? LOAD(p) : load_part(p, n, 0.0f);
}
/* The same where n may be 0 or less: zeros then. */
vec load_left(__global const float *p, int n)
{
    return n > 0 ? load_n(p, n) : (vec)(0.0f);
}
void store_n(vec v, __global float *p, int n)
{
    if (n >= VW)
        STORE(v, p);
    else
        store_part(v, p, n);
}

/* What follows a matrix product (tail.cl). */
TAIL_FUNCTION(finish, vec, load_n, store_n, gelu, gelu_and_slope)
