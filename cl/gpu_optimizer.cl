/* AdamW (Loshchilov & Hutter, arXiv:1711.05101, decay first as PyTorch does it) and the EMA of the target encoder, in
 * one pass, for GPUs: 5 reads and 4 writes of a float a parameter (4 and 3 without a target).
 *
 * One launch is one segment, `count` floats; those before `decayed` are weights and get decay, the rest biases and
 * gains. keep = 1 - lr wd; c1 = 1/(1-beta1^step), c2 = 1/(1-beta2^step); beta1, beta2 and ema come with 1 minus
 * themselves, which float would round away. clipped = 1: the gradient is g clip[0].
 * Work-groups: ceil(count / floats_per_group); count and floats_per_group are multiples of 16, decayed too. */
GROUP(WGS) __kernel void adamw(__global float *w, __global const float *restrict g, __global float *restrict m,
                               __global float *restrict v, __global float *target, int with_target, int count,
                               int decayed, int floats_per_group, float lr, float keep, float2 beta1, float2 beta2,
                               float eps, float c1, float c2, float2 ema, __global const float *clip, int clipped)
{
    int begin = get_group_id(0) * floats_per_group, end = min(begin + floats_per_group, count);
    float factor = clipped ? clip[0] : 1.0f;
    for (int i = begin + get_local_id(0) * 4; i < end; i += 4 * WGS) {
        float4 gi = load4(g + i, 4) * factor, wi = load4(w + i, 4);
        float4 mi = fma(load4(m + i, 4), (float4)(beta1.x), gi * beta1.y);
        float4 vi = fma(load4(v + i, 4), (float4)(beta2.x), gi * gi * beta2.y);
        if (i < decayed)
            wi *= keep;
        wi -= lr * (mi * c1) / (sqrt(vi * c2) + eps);
        store4(wi, w + i, 4);
        store4(mi, m + i, 4);
        store4(vi, v + i, 4);
        if (with_target)
            store4(fma(load4(target + i, 4), (float4)(ema.x), wi * ema.y), target + i, 4);
    }
}

/* sums[at + group] = the squares of a work-group's floats of g [count], summed. Work-groups and multiples as adamw's.
 */
GROUP(WGS) __kernel void square_sums(__global const float *restrict g, __global float *restrict sums, int at, int count,
                                     int floats_per_group)
{
    __local float room[WGS];
    int begin = get_group_id(0) * floats_per_group, end = min(begin + floats_per_group, count);
    float4 s = (float4)(0.0f);
    for (int i = begin + get_local_id(0) * 4; i < end; i += 4 * WGS) {
        float4 gi = load4(g + i, 4);
        s = fma(gi, gi, s);
    }
    float sum = sum_items(sum_lanes(s), WGS, room);
    if (get_local_id(0) == 0)
        sums[at + get_group_id(0)] = sum;
}

/* Of the root of all n sums, the gradient's norm: clip[0] = min(1, limit / (norm + 1e-6)). One work-group. */
GROUP(WGS) __kernel void clip_factor(__global const float *restrict sums, __global float *restrict clip, int n,
                                     float limit)
{
    __local float room[WGS];
    float s = 0.0f;
    for (int i = get_local_id(0); i < n; i += WGS)
        s += sums[i];
    s = sum_items(s, WGS, room);
    float factor = limit / (sqrt(s) + 1e-6f);
    if (get_local_id(0) == 0)
        clip[0] = factor < 1.0f ? factor : 1.0f;
}
