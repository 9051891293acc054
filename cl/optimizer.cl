/* AdamW (Loshchilov & Hutter, arXiv:1711.05101, decay first as PyTorch does it) and the EMA of the target encoder, in
 * one pass: 5 reads and 4 writes of a float a parameter (4 and 3 without a target).
 *
 * One launch is one segment, `count` floats; those before `decayed` are weights and get decay, the rest biases and
 * gains. keep = 1 - lr wd; c1 = 1/(1-beta1^step), c2 = 1/(1-beta2^step); beta1, beta2 and ema come with 1 minus
 * themselves, which float would round away. Global size: ceil(count / floats_per_item); count and
 * floats_per_item are multiples of 16, decayed too. */
SINGLE_ITEM __kernel void adamw(__global float *w, __global const float *restrict g, __global float *restrict m,
                                __global float *restrict v, __global float *target, int with_target,
                                int count, int decayed, int floats_per_item, float lr, float keep, float2 beta1,
                                float2 beta2, float eps, float c1, float c2, float2 ema)
{
    int begin = get_global_id(0) * floats_per_item, end = min(begin + floats_per_item, count);
    for (int i = begin; i < end; i += VW) {
        vec gi = LOAD(g + i), wi = LOAD(w + i);
        vec mi = fma(LOAD(m + i), (vec)(beta1.x), gi * beta1.y);
        vec vi = fma(LOAD(v + i), (vec)(beta2.x), gi * gi * beta2.y);
        if (i < decayed)
            wi *= keep;
        wi -= lr * (mi * c1) / (sqrt(vi * c2) + eps);
        STORE(wi, w + i);
        STORE(mi, m + i);
        STORE(vi, v + i);
        if (with_target)
            STORE(fma(LOAD(target + i), (vec)(ema.x), wi * ema.y), target + i);
    }
}
