/* Moving tokens about: images to patches, context and mask tokens to the predictor's sequences and back. */

/* pixels [.., S, S, 3] uint8, from image `first` on -> out [rows, 3 P P]: the wanted patches, normalised
 * (x/255 - mean_c)/std_c = x scale_c + shift_c, flattened channel-major (c, y, x) as the patch embedding's weight is.
 * image_of, patch_of [rows]; image_of < 0 is not used. Global size: rows. */
SINGLE_ITEM __kernel void patchify(__global const uchar *restrict pixels, __global const int *restrict image_of,
                                   __global const int *restrict patch_of, __global float *restrict out, int S, int P,
                                   float4 scale, float4 shift, int first)
{
    int row = get_global_id(0), side = S / P;
    int py = patch_of[row] / side * P, px = patch_of[row] % side * P;
    __global float *to = out + (size_t)row * 3 * P * P;
    for (int y = 0; y < P; y++) {
        __global const uchar *from = pixels + (((size_t)(first + image_of[row]) * S + py + y) * S + px) * 3;
        for (int x = 0; x < P; x++) {
            to[y * P + x] = from[3 * x] * scale.x + shift.x;
            to[(P + y) * P + x] = from[3 * x + 1] * scale.y + shift.y;
            to[(2 * P + y) * P + x] = from[3 * x + 2] * scale.z + shift.z;
        }
    }
}

/* The patches that pixels are predicted of: row rows[r] = image N + patch of the same images, less the mean of its 3 P P
 * values and divided by sqrt(their variance + eps) (He et al. 2022, arXiv:2111.06377). Global size: rows of out. */
SINGLE_ITEM __kernel void pixel_targets(__global const uchar *restrict pixels, __global const int *restrict rows,
                                        __global float *restrict out, int S, int P, float4 scale, float4 shift,
                                        float eps, int first)
{
    int row = get_global_id(0), side = S / P, image = rows[row] / (side * side), patch = rows[row] % (side * side);
    int area = P * P, py = patch / side * P, px = patch % side * P;
    __global float *to = out + (size_t)row * 3 * area;
    float sum = 0.0f, squares = 0.0f;
    for (int y = 0; y < P; y++) {
        __global const uchar *from = pixels + (((size_t)(first + image) * S + py + y) * S + px) * 3;
        for (int x = 0; x < P; x++) {
            float4 v = (float4)(from[3 * x], from[3 * x + 1], from[3 * x + 2], 0.0f) * scale + shift;
            to[y * P + x] = v.x;
            to[area + y * P + x] = v.y;
            to[2 * area + y * P + x] = v.z;
            sum += v.x + v.y + v.z;
        }
    }
    float mean = sum / (3 * area);
    for (int i = 0; i < 3 * area; i++)
        squares += (to[i] - mean) * (to[i] - mean);
    float rstd = rsqrt(squares / (3 * area) + eps);
    for (int i = 0; i < 3 * area; i++)
        to[i] = (to[i] - mean) * rstd;
}

/* Assembles the predictor's input [rows, D]: row r is context token source[r] where source[r] >= 0, else the mask
 * token plus the position of patch -1 - source[r]. Global size: rows. */
SINGLE_ITEM __kernel void assemble(__global const float *restrict context, __global const float *restrict mask_token,
                                   __global const float *restrict position, __global const int *restrict source,
                                   __global float *restrict out, int D)
{
    int row = get_global_id(0), from = source[row];
    __global float *to = out + (size_t)row * D;
    if (from >= 0) {
        __global const float *c = context + (size_t)from * D;
        for (int j = 0; j < D; j += VW)
            store_n(load_n(c + j, D - j), to + j, D - j);
    } else {
        __global const float *p = position + (size_t)(-1 - from) * D;
        for (int j = 0; j < D; j += VW)
            store_n(load_n(mask_token + j, D - j) + load_n(p + j, D - j), to + j, D - j);
    }
}

/* The gradient of `assemble` for the context: dcontext [tokens, D] = sum over the target blocks t, ascending, of
 * d [t * stride + place[token]]. Global size: tokens. */
SINGLE_ITEM __kernel void disassemble(__global const float *restrict d, __global const int *restrict place,
                                      __global float *restrict dcontext, int blocks, int stride, int D)
{
    int token = get_global_id(0);
    __global const float *from = d + (size_t)place[token] * D;
    __global float *to = dcontext + (size_t)token * D;
    for (int j = 0; j < D; j += VW) {
        vec s = load_n(from + j, D - j);
        for (int t = 1; t < blocks; t++)
            s += load_n(from + (size_t)t * stride * D + j, D - j);
        store_n(s, to + j, D - j);
    }
}

/* The gradient of `assemble` for the mask token, in two passes of fixed order: partial [items][D] sums of the rows
 * rows[i] of d, rows_per_item each; then (with use_rows = 0) the sum of those, added to what
 * is there where `add`. Global size: items. */
SINGLE_ITEM __kernel void sum_rows(__global const float *restrict d, __global const int *restrict rows, int use_rows,
                                   __global float *restrict partial, int M, int D, int rows_per_item, int add)
{
    int begin = get_global_id(0) * rows_per_item, end = min(begin + rows_per_item, M);
    __global float *to = partial + (size_t)get_global_id(0) * D;
    for (int j = 0; j < D; j += VW) {
        vec s = add ? load_n(to + j, D - j) : (vec)(0.0f);
        for (int m = begin; m < end; m++)
            s += load_n(d + (size_t)(use_rows ? rows[m] : m) * D + j, D - j);
        store_n(s, to + j, D - j);
    }
}

/* out [i] = x [rows[i]], rows of D floats. Global size: rows of out. */
SINGLE_ITEM __kernel void gather_rows(__global const float *restrict x, __global const int *restrict rows,
                                      __global float *restrict out, int D)
{
    int row = get_global_id(0);
    for (int j = 0; j < D; j += VW)
        store_n(load_n(x + (size_t)rows[row] * D + j, D - j), out + (size_t)row * D + j, D - j);
}

/* out [rows[i]] = x [i], or += where `add`; the rows are distinct, the others stay. Global size: rows of x. */
SINGLE_ITEM __kernel void scatter_rows(__global const float *restrict x, __global const int *restrict rows,
                                       __global float *restrict out, int D, int add)
{
    int row = get_global_id(0);
    __global float *to = out + (size_t)rows[row] * D;
    for (int j = 0; j < D; j += VW) {
        vec v = load_n(x + (size_t)row * D + j, D - j);
        store_n(add ? v + load_n(to + j, D - j) : v, to + j, D - j);
    }
}

/* features [B, G G, D], from image `first` on = means over the cells of a G x G grid laid over the side x side patches of x [B, side side, D].
 * Cell i of a direction goes from floor(i side / G) to ceil((i + 1) side / G): cells of an odd side share its middle.
 * Global size: B G G. */
SINGLE_ITEM __kernel void mean_pool(__global const float *restrict x, __global float *restrict features, int side,
                                    int G, int D, int first)
{
    int row = get_global_id(0), b = row / (G * G), gy = row / G % G, gx = row % G;
    int y0 = gy * side / G, y1 = ((gy + 1) * side + G - 1) / G, x0 = gx * side / G, x1 = ((gx + 1) * side + G - 1) / G;
    __global const float *from = x + (size_t)b * side * side * D;
    float count = (y1 - y0) * (x1 - x0);
    for (int j = 0; j < D; j += VW) {
        vec s = (vec)(0.0f);
        for (int py = y0; py < y1; py++)
            for (int px = x0; px < x1; px++)
                s += load_n(from + ((size_t)py * side + px) * D + j, D - j);
        store_n(s / count, features + (size_t)(first * G * G + row) * D + j, D - j);
    }
}
