/* For tools/bench: the most that a device computes and moves. */

/* 12 independent chains of fused multiply-adds, `rounds` long. Global size: any. */
__kernel void fma_peak(__global float *out, int rounds)
{
    float4 x[12], a = (float4)(0.9999f), b = (float4)(1e-6f);
    UNROLL for (int i = 0; i < 12; i++) x[i] = (float4)(i + get_global_id(0));
    for (int r = 0; r < rounds; r++)
        UNROLL for (int i = 0; i < 12; i++) x[i] = fma(x[i], a, b);
    float4 s = (float4)(0.0f);
    UNROLL for (int i = 0; i < 12; i++) s += x[i];
    out[get_global_id(0)] = sum_lanes(s);
}

/* Work-groups: floats / floats_per_group. */
__kernel void copy(__global const float *restrict from, __global float *restrict to, int floats_per_group)
{
    size_t begin = get_group_id(0) * (size_t)floats_per_group;
    for (int i = get_local_id(0) * 4; i < floats_per_group; i += 4 * get_local_size(0))
        store4(load4(from + begin + i, 4), to + begin + i, 4);
}
