#include "engine/launch.h"
#include "engine/ops/common.h"
#include "engine/ops/gemm.h"

#include <string.h>

size_t ij_gemm_weight_floats(const ij_gemm *gemm, int out, int in)
{
    if (ij_gemm_layout(gemm) == IJ_LAYOUT_ROWS)
        return (size_t)in * (size_t)out;
    int tn = ij_tuning_tn(&gemm->device->tuning);
    return (size_t)in * (size_t)(ij_ceil_div(out, tn) * tn);
}

size_t ij_gemm_weight_at(const ij_gemm *gemm, int in, int o, int i)
{
    if (ij_gemm_layout(gemm) == IJ_LAYOUT_ROWS)
        return (size_t)o * (size_t)in + (size_t)i;
    int tn = ij_tuning_tn(&gemm->device->tuning);
    return ((size_t)(o / tn) * (size_t)in + (size_t)i) * (size_t)tn + (size_t)(o % tn);
}

/* Panels are taken apart a few columns at a time, so that both sides are read and written in whole cache lines. */
enum { COLUMNS = 16 };

int ij_gemm_rows_together(const ij_gemm *g)
{
    return ij_gemm_layout(g) == IJ_LAYOUT_ROWS ? 1 : ij_tuning_tn(&g->device->tuning);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void ij_gemm_pack_rows(const ij_gemm *g, int out, int in, int first, int rows, const float *official, float *packed)
{
    int tn = ij_gemm_rows_together(g), end = least(first + rows, out);
    float *to = packed + ij_gemm_weight_at(g, in, first, 0);
    if (tn == 1) {
        memcpy(to, official, (size_t)rows * (size_t)in * sizeof *to);
        return;
    }
    for (int o = first; o < end; o += tn, official += (size_t)tn * (size_t)in)
        for (int i = 0; i < in; i += COLUMNS) {
            int columns = least(COLUMNS, in - i);
            for (int r = 0; r < least(tn, end - o); r++)
                for (int c = 0; c < columns; c++)
                    to[c * tn + r] = official[(size_t)r * (size_t)in + (size_t)(i + c)];
            to += columns * tn;
        }
}

void ij_gemm_unpack_rows(const ij_gemm *g, int out, int in, int first, int rows, const float *packed, float *official)
{
    int tn = ij_gemm_rows_together(g), end = least(first + rows, out);
    const float *from = packed + ij_gemm_weight_at(g, in, first, 0);
    if (tn == 1) {
        memcpy(official, from, (size_t)rows * (size_t)in * sizeof *from);
        return;
    }
    for (int o = first; o < end; o += tn, official += (size_t)tn * (size_t)in)
        for (int i = 0; i < in; i += COLUMNS) {
            int columns = least(COLUMNS, in - i);
            for (int r = 0; r < least(tn, end - o); r++)
                for (int c = 0; c < columns; c++)
                    official[(size_t)r * (size_t)in + (size_t)(i + c)] = from[c * tn + r];
            from += columns * tn;
        }
}
