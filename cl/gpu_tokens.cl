/* Moving tokens about, for GPUs: images to patches, context and mask tokens to the predictor's sequences and back. */

/* pixels [.., S, S, 3] uint8, from image `first` on -> out [rows, 3 P P]: the wanted patches, normalised
 * (x/255 - mean_c)/std_c = x scale_c + shift_c, flattened channel-major (c, y, x) as the patch embedding's weight is.
 * Work-groups: rows. */
GROUP(WGS) __kernel void patchify(__global const uchar *restrict pixels, __global const int *restrict image_of,
                                  __global const int *restrict patch_of, __global float *restrict out, int S, int P,
                                  float4 scale, float4 shift, int first)
{
    int row = get_group_id(0), side = S / P, area = P * P;
    int py = patch_of[row] / side * P, px = patch_of[row] % side * P;
    __global float *to = out + (size_t)row * 3 * area;
    for (int i = get_local_id(0); i < area; i += WGS) {
        __global const uchar *from = pixels + (((size_t)(first + image_of[row]) * S + py + i / P) * S + px + i % P) * 3;
        to[i] = from[0] * scale.x + shift.x;
        to[area + i] = from[1] * scale.y + shift.y;
        to[2 * area + i] = from[2] * scale.z + shift.z;
    }
}

/* The patches that pixels are predicted of: row rows[r] = image N + patch of the same images, less the mean of its 3 P P
 * values and divided by sqrt(their variance + eps) (He et al. 2022, arXiv:2111.06377). Work-groups: rows of out. A
 * work-item comes back to the values it wrote. */
GROUP(WGS) __kernel void pixel_targets(__global const uchar *restrict pixels, __global const int *restrict rows,
                                       __global float *restrict out, int S, int P, float4 scale, float4 shift,
                                       float eps, int first)
{
    __local float room[WGS];
    int row = get_group_id(0), side = S / P, image = rows[row] / (side * side), patch = rows[row] % (side * side);
    int area = P * P, py = patch / side * P, px = patch % side * P;
    __global float *to = out + (size_t)row * 3 * area;
    float sum = 0.0f, squares = 0.0f;
    for (int i = ITEM; i < area; i += WGS) {
        __global const uchar *from = pixels + (((size_t)(first + image) * S + py + i / P) * S + px + i % P) * 3;
        float4 v = (float4)(from[0], from[1], from[2], 0.0f) * scale + shift;
        to[i] = v.x;
        to[area + i] = v.y;
        to[2 * area + i] = v.z;
        sum += v.x + v.y + v.z;
    }
    float mean = sum_items(sum, WGS, room) / (3 * area);
    for (int i = ITEM; i < area; i += WGS)
        for (int c = 0; c < 3; c++)
            squares += (to[c * area + i] - mean) * (to[c * area + i] - mean);
    float rstd = rsqrt(sum_items(squares, WGS, room) / (3 * area) + eps);
    for (int i = ITEM; i < area; i += WGS)
        for (int c = 0; c < 3; c++)
            to[c * area + i] = (to[c * area + i] - mean) * rstd;
}

/* Assembles the predictor's input [rows, D]: row r is context token source[r] where source[r] >= 0, else the mask
 * token plus the position of patch -1 - source[r]. Work-groups: rows. */
GROUP(WGS) __kernel void assemble(__global const float *restrict context, __global const float *restrict mask_token,
                                  __global const float *restrict position, __global const int *restrict source,
                                  __global float *restrict out, int D)
{
    int row = get_group_id(0), from = source[row];
    for (int j = get_local_id(0) * 4; j < D; j += 4 * WGS) {
        float4 x = from >= 0 ? load4(context + (size_t)from * D + j, 4)
                             : load4(mask_token + j, 4) + load4(position + (size_t)(-1 - from) * D + j, 4);
        store4(x, out + (size_t)row * D + j, 4);
    }
}

/* The gradient of `assemble` for the context: dcontext [tokens, D] = sum over the target blocks t, ascending, of
 * d [t * stride + place[token]]. Work-groups: tokens. */
GROUP(WGS) __kernel void disassemble(__global const float *restrict d, __global const int *restrict place,
                                     __global float *restrict dcontext, int blocks, int stride, int D)
{
    int token = get_group_id(0);
    __global const float *from = d + (size_t)place[token] * D;
    for (int j = get_local_id(0) * 4; j < D; j += 4 * WGS) {
        float4 s = load4(from + j, 4);
        for (int t = 1; t < blocks; t++)
            s += load4(from + (size_t)t * stride * D + j, 4);
        store4(s, dcontext + (size_t)token * D + j, 4);
    }
}

/* The gradient of `assemble` for the mask token, in two passes of fixed order: partial [groups][D] sums of the rows
 * rows[i] of d, rows_per_group each; then (with use_rows = 0) the sum of those, added to what
 * is there where `add`. Work-groups: groups x ceil(D / (4 COLS)). */
GROUP(WGS) __kernel void sum_rows(__global const float *restrict d, __global const int *restrict rows, int use_rows,
                                  __global float *restrict partial, int M, int D, int rows_per_group, int add)
{
    __local float4 room[WGS];
    int item = get_local_id(0), j = (get_group_id(1) * COLS + item % COLS) * 4;
    int begin = get_group_id(0) * rows_per_group, end = min(begin + rows_per_group, M);
    float4 s = (float4)(0.0f);
    for (int m = begin + item / COLS; m < end; m += SHARES)
        s += load4(d + (size_t)(use_rows ? rows[m] : m) * D + j, D - j);
    s = sum_shares(s, room);
    if (item < COLS) {
        __global float *to = partial + (size_t)get_group_id(0) * D + j;
        store4(add ? load4(to, D - j) + s : s, to, D - j);
    }
}

/* out [i] = x [rows[i]], rows of D floats. Work-groups: rows of out. */
GROUP(WGS) __kernel void gather_rows(__global const float *restrict x, __global const int *restrict rows,
                                     __global float *restrict out, int D)
{
    int row = get_group_id(0);
    for (int j = get_local_id(0) * 4; j < D; j += 4 * WGS)
        store4(load4(x + (size_t)rows[row] * D + j, 4), out + (size_t)row * D + j, 4);
}

/* out [rows[i]] = x [i], or += where `add`; the rows are distinct, the others stay. Work-groups: rows of x. */
GROUP(WGS) __kernel void scatter_rows(__global const float *restrict x, __global const int *restrict rows,
                                      __global float *restrict out, int D, int add)
{
    int row = get_group_id(0);
    __global float *to = out + (size_t)rows[row] * D;
    for (int j = get_local_id(0) * 4; j < D; j += 4 * WGS) {
        float4 v = load4(x + (size_t)row * D + j, 4);
        store4(add ? v + load4(to + j, 4) : v, to + j, 4);
    }
}

/* features [B, G G, D], from image `first` on = means over the cells of a G x G grid laid over the side x side patches of x [B, side side, D].
 * Cell i of a direction goes from floor(i side / G) to ceil((i + 1) side / G): cells of an odd side share its middle.
 * Work-groups: B G G x ceil(D / (4 COLS)). */
GROUP(WGS) __kernel void mean_pool(__global const float *restrict x, __global float *restrict features, int side,
                                   int G, int D, int first)
{
    __local float4 room[WGS];
    int item = get_local_id(0), row = get_group_id(0), j = (get_group_id(1) * COLS + item % COLS) * 4;
    int gy = row / G % G, gx = row % G, y0 = gy * side / G, x0 = gx * side / G;
    int wide = ((gx + 1) * side + G - 1) / G - x0, count = (((gy + 1) * side + G - 1) / G - y0) * wide;
    __global const float *from = x + (size_t)(row / (G * G)) * side * side * D;
    float4 s = (float4)(0.0f);
    for (int p = item / COLS; p < count; p += SHARES)
        s += load4(from + ((size_t)(y0 + p / wide) * side + x0 + p % wide) * D + j, D - j);
    s = sum_shares(s, room);
    if (item < COLS)
        store4(s / (float)count, features + (size_t)(first * G * G + row) * D + j, D - j);
}
