/* AdamW (Loshchilov & Hutter, arXiv:1711.05101, decay first as PyTorch does it) and the EMA of the target encoder, in
 * one pass, for GPUs: 5 reads and 4 writes of a float a parameter (4 and 3 without a target).
 *
 * One launch is one segment, `count` floats; those before `decayed` are weights and get decay, the rest biases and
 * gains. keep = 1 - lr wd; c1 = 1/(1-beta1^step), c2 = 1/(1-beta2^step); beta1, beta2 and ema come with 1 minus
 * themselves, which float would round away. Work-groups: ceil(count / floats_per_group); count and
 * floats_per_group are multiples of 16, decayed too. */
GROUP(WGS) __kernel void adamw(__global float *w, __global const float *restrict g, __global float *restrict m,
                               __global float *restrict v, __global float *target, int with_target, int count,
                               int decayed, int floats_per_group, float lr, float keep, float2 beta1, float2 beta2,
                               float eps, float c1, float c2, float2 ema)
{
    int begin = get_group_id(0) * floats_per_group, end = min(begin + floats_per_group, count);
    for (int i = begin + get_local_id(0) * 4; i < end; i += 4 * WGS) {
        float4 gi = load4(g + i, 4), wi = load4(w + i, 4);
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
