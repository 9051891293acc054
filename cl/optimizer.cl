/* AdamW (Loshchilov & Hutter, arXiv:1711.05101, decay first as PyTorch does it) and the EMA of the target encoder, in
 * one pass: 5 reads and 4 writes of a float a parameter (4 and 3 without a target).
 *
 * One launch is one segment, `count` floats; those before `decayed` are weights and get decay, the rest biases and
 * gains. keep = 1 - lr wd; c1 = 1/(1-beta1^step), c2 = 1/(1-beta2^step); beta1, beta2 and ema come with 1 minus
 * themselves, which float would round away. clipped = 1: the gradient is g clip[0].
 * Global size: ceil(count / floats_per_item); count and floats_per_item are multiples of 16, decayed too. */
SINGLE_ITEM __kernel void adamw(__global float *w, __global const float *restrict g, __global float *restrict m,
                                __global float *restrict v, __global float *target, int with_target,
                                int count, int decayed, int floats_per_item, float lr, float keep, float2 beta1,
                                float2 beta2, float eps, float c1, float c2, float2 ema,
                                __global const float *clip, int clipped)
{
    int begin = get_global_id(0) * floats_per_item, end = min(begin + floats_per_item, count);
    float factor = clipped ? clip[0] : 1.0f;
    for (int i = begin; i < end; i += VW) {
        vec gi = LOAD(g + i) * factor, wi = LOAD(w + i);
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

/* sums[at + item] = the squares of an item's floats of g [count], summed. Global size and multiples as adamw's. */
SINGLE_ITEM __kernel void square_sums(__global const float *restrict g, __global float *restrict sums, int at,
                                      int count, int floats_per_item)
{
    int begin = get_global_id(0) * floats_per_item, end = min(begin + floats_per_item, count);
    vec s = (vec)(0.0f);
    for (int i = begin; i < end; i += VW) {
        vec gi = LOAD(g + i);
        s = fma(gi, gi, s);
    }
    sums[at + get_global_id(0)] = sum_lanes(s);
}

/* Of the root of all n sums, the gradient's norm: clip[0] = min(1, limit / (norm + 1e-6)). One work-item. */
SINGLE_ITEM __kernel void clip_factor(__global const float *restrict sums, __global float *restrict clip, int n,
                                      float limit)
{
    vec s = (vec)(0.0f);
    for (int i = 0; i < n; i += VW)
        s += load_n(sums + i, n - i);
    float factor = limit / (sqrt(sum_lanes(s)) + 1e-6f);
    clip[0] = factor < 1.0f ? factor : 1.0f;
}
