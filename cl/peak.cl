/* For tools/bench: the most that a device computes and moves. */

/* 12 independent chains of fused multiply-adds, `rounds` long. Global size: any. */
SINGLE_ITEM __kernel void fma_peak(__global float *out, int rounds)
{
    vec x[12], a = (vec)(0.9999f), b = (vec)(1e-6f);
    UNROLL for (int i = 0; i < 12; i++) x[i] = (vec)(i + get_global_id(0));
    for (int r = 0; r < rounds; r++)
        UNROLL for (int i = 0; i < 12; i++) x[i] = fma(x[i], a, b);
    vec s = (vec)(0.0f);
    UNROLL for (int i = 0; i < 12; i++) s += x[i];
    out[get_global_id(0)] = sum_lanes(s);
}

/* Global size: floats / floats_per_item. */
SINGLE_ITEM __kernel void copy(__global const float *restrict from, __global float *restrict to, int floats_per_item)
{
    size_t begin = get_global_id(0) * (size_t)floats_per_item;
    for (int i = 0; i < floats_per_item; i += VW)
        STORE(LOAD(from + begin + i), to + begin + i);
}
