/* Written for the compilers' vectorisers: pixels are taken apart into short planes on the stack, loops have fixed trip
 * counts and no branches. Compiled once as it is and once for AVX2, without fused multiply-add, which would round
 * differently. The formulas, single and double precision included, are those of Pillow's src/libImaging/Convert.c,
 * Blend.c and BoxBlur.c. */
#include "data/pixel_rows.h"

enum { BLOCK = 64 }; /* pixels taken apart at a time */

typedef struct planes {
    _Alignas(32) int32_t r[BLOCK];
    _Alignas(32) int32_t g[BLOCK];
    _Alignas(32) int32_t b[BLOCK];
} planes;

/* Pixels beyond `count` are set to 0: whole blocks are computed. */
static void take(const uint8_t *rgb, size_t count, planes *p)
{
    size_t n = count < BLOCK ? count : BLOCK;
    for (size_t i = 0; i < n; i++) {
        p->r[i] = rgb[3 * i];
        p->g[i] = rgb[3 * i + 1];
        p->b[i] = rgb[3 * i + 2];
    }
    for (size_t i = n; i < BLOCK; i++)
        p->r[i] = p->g[i] = p->b[i] = 0;
}

static void give(const planes *p, size_t count, uint8_t *rgb)
{
    size_t n = count < BLOCK ? count : BLOCK;
    for (size_t i = 0; i < n; i++) {
        rgb[3 * i] = (uint8_t)p->r[i];
        rgb[3 * i + 1] = (uint8_t)p->g[i];
        rgb[3 * i + 2] = (uint8_t)p->b[i];
    }
}

/* ITU-R 601-2 in 16-bit fixed point. */
static inline int32_t luma(int32_t r, int32_t g, int32_t b)
{
    return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;
}

/* ---- Saturation and grey ---------------------------------------------------------------------------------------- */

static inline int32_t blend(int32_t from, int32_t to, float factor)
{
    float v = (float)from + factor * (float)(to - from);
    v = v < 0 ? 0 : v;
    v = v > 255 ? 255 : v;
    return (int32_t)v;
}

static void saturate(uint8_t *rgb, size_t count, float factor)
{
    planes p;
    for (size_t at = 0; at < count; at += BLOCK) {
        take(rgb + 3 * at, count - at, &p);
        for (int i = 0; i < BLOCK; i++) {
            int32_t r = p.r[i], g = p.g[i], b = p.b[i], l = luma(r, g, b);
            p.r[i] = blend(l, r, factor);
            p.g[i] = blend(l, g, factor);
            p.b[i] = blend(l, b, factor);
        }
        give(&p, count - at, rgb + 3 * at);
    }
}

static uint64_t sum_luma(const uint8_t *rgb, size_t count)
{
    planes p;
    uint64_t sum = 0;
    for (size_t at = 0; at < count; at += BLOCK) {
        take(rgb + 3 * at, count - at, &p); /* pixels beyond the end are black: their luma is 0 */
        int32_t part = 0;
        for (int i = 0; i < BLOCK; i++)
            part += luma(p.r[i], p.g[i], p.b[i]);
        sum += (uint64_t)part;
    }
    return sum;
}

static void grey(uint8_t *rgb, size_t count)
{
    planes p;
    for (size_t at = 0; at < count; at += BLOCK) {
        take(rgb + 3 * at, count - at, &p);
        for (int i = 0; i < BLOCK; i++)
            p.r[i] = p.g[i] = p.b[i] = luma(p.r[i], p.g[i], p.b[i]);
        give(&p, count - at, rgb + 3 * at);
    }
}

/* ---- Hue -------------------------------------------------------------------------------------------------------- */

static inline int32_t max3(int32_t a, int32_t b, int32_t c)
{
    int32_t m = a > b ? a : b;
    return m > c ? m : c;
}

static inline int32_t min3(int32_t a, int32_t b, int32_t c)
{
    int32_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* rgb2hsv_row: `p` becomes hue, saturation and value. A grey pixel gets 0, 0 and itself without a branch. Pillow takes
 * the difference of two fractions in single precision where red is the largest, in double precision elsewhere; in
 * double precision it is exact, so that rounding it once comes to the same. */
static void to_hsv(planes *p)
{
    _Alignas(32) int32_t bases[BLOCK], plus[BLOCK], minus[BLOCK], ranges[BLOCK], values[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        int32_t r = p->r[i], g = p->g[i], b = p->b[i], most = max3(r, g, b);
        int32_t is_red = -(r == most), is_green = -(g == most) & ~is_red, is_blue = ~(is_red | is_green);
        bases[i] = (2 & is_green) | (4 & is_blue);
        plus[i] = most - ((b & is_red) | (r & is_green) | (g & is_blue));
        minus[i] = most - ((g & is_red) | (b & is_green) | (r & is_blue));
        ranges[i] = most - min3(r, g, b);
        values[i] = most;
    }
    for (int i = 0; i < BLOCK; i++) {
        int32_t range = ranges[i], most = values[i];
        float over = (float)(range + (range == 0));
        float first = (float)plus[i] / over, second = (float)minus[i] / over;
        float sector = (float)((double)bases[i] + (double)first - (double)second);
        double turn = (double)sector / 6.0 + 1.0;        /* 5/6 .. 11/6 */
        float h = (float)(turn - (double)(int32_t)turn); /* fmod(turn, 1) */
        float s = (float)range / (float)(most + (most == 0));
        p->r[i] = (int32_t)((double)h * 255.0);
        p->g[i] = (int32_t)((double)s * 255.0);
        p->b[i] = most;
    }
}

/* round() of what is not negative */
static inline int32_t nearest(double x)
{
    return (int32_t)(x + 0.5);
}

/* hsv2rgb, the hue turned by `shift` before. Without saturation the formulas give the value in all channels. The
 * arithmetic and the choice are loops of their own here and above: compilers move what may trap behind branches. */
static void to_rgb(planes *p, int32_t shift)
{
    _Alignas(32) int32_t sectors[BLOCK], low[BLOCK], falling[BLOCK], rising[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        double sixths = (double)((p->r[i] + shift) & 255) * 6.0 / 255.0, value = (double)p->b[i];
        int32_t sector = (int32_t)sixths;
        float f = (float)(sixths - (double)sector), s = (float)((double)p->g[i] / 255.0), sf = s * f;
        sectors[i] = sector;
        low[i] = nearest(value * (1.0 - (double)s));
        falling[i] = nearest(value * (1.0 - (double)sf));
        rising[i] = nearest(value * (1.0 - (double)s * (1.0 - (double)f)));
    }
    for (int i = 0; i < BLOCK; i++) {
        int32_t sector = sectors[i] == 6 ? 0 : sectors[i], v = p->b[i];
        int32_t down = falling[i], up = rising[i], l = low[i];
        int32_t r = sector == 1 ? down : v, g = sector == 0 ? up : v, b = sector <= 1 ? l : v;
        r = sector == 2 ? l : r;
        r = sector == 3 ? l : r;
        r = sector == 4 ? up : r;
        g = sector == 3 ? down : g;
        g = sector >= 4 ? l : g;
        b = sector == 2 ? up : b;
        b = sector == 5 ? down : b;
        p->r[i] = r;
        p->g[i] = g;
        p->b[i] = b;
    }
}

static void turn_hue(uint8_t *rgb, size_t count, uint8_t shift)
{
    planes p;
    for (size_t at = 0; at < count; at += BLOCK) {
        take(rgb + 3 * at, count - at, &p);
        to_hsv(&p);
        to_rgb(&p, shift);
        give(&p, count - at, rgb + 3 * at);
    }
}

/* ---- Blur ------------------------------------------------------------------------------------------------------- */

static void box_3(const uint8_t *restrict b, const uint8_t *restrict c, const uint8_t *restrict d, uint32_t whole,
                  uint32_t end, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t ends = (uint16_t)(b[i] + d[i]);
        out[i] = (uint8_t)((whole * c[i] + end * ends + (1u << 23)) >> 24);
    }
}

static void box_5(const uint8_t *restrict a, const uint8_t *restrict b, const uint8_t *restrict c,
                  const uint8_t *restrict d, const uint8_t *restrict e, uint32_t whole, uint32_t end, size_t count,
                  uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t inner = (uint16_t)(b[i] + c[i] + d[i]), ends = (uint16_t)(a[i] + e[i]);
        out[i] = (uint8_t)((whole * inner + end * ends + (1u << 23)) >> 24);
    }
}

static void box(const uint8_t *const at[5], int reach, uint32_t whole, uint32_t end, size_t count, uint8_t *out)
{
    if (reach == 1)
        box_3(at[1], at[2], at[3], whole, end, count, out);
    else
        box_5(at[0], at[1], at[2], at[3], at[4], whole, end, count, out);
}

#ifdef IJ_BUILD_AVX2

const ij_pixel_rows ij_pixel_rows_avx2 = {"AVX2", saturate, turn_hue, sum_luma, grey, box};

#else

const ij_pixel_rows ij_pixel_rows_plain = {"plain", saturate, turn_hue, sum_luma, grey, box};

const ij_pixel_rows *ij_pixel_rows_best(void)
{
#ifdef IJ_HAVE_AVX2
    if (__builtin_cpu_supports("avx2"))
        return &ij_pixel_rows_avx2;
#endif
    return &ij_pixel_rows_plain;
}

#endif
