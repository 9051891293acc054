/* Softmax regression of several members side by side (engine/probe/linear.c), for GPUs: their class weights are the rows
 * of one matrix W [O, D], O = members x C, so that logits and gradients are one product each; here is what lies between.
 * C and D may be multiples of nothing. */

/* The largest of `lanes` neighbouring work-items' x, as sum_items of gpu_common.cl. */
INLINE float max_items(float x, const int lanes, __local float *room)
{
    int item = get_local_id(0);
    room[item] = x;
    for (int reach = lanes / 2; reach > 0; reach /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (item % lanes < reach)
            room[item] = fmax(room[item], room[item + reach]);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    x = room[item - item % lanes];
    barrier(CLK_LOCAL_MEM_FENCE);
    return x;
}

/* d [pairs, C], pair = row x members + member: logits become the gradient of the cross-entropy, softmax - one-hot of
 * label [rows]. pairs_per_group = WGS / LANES; work-groups: ceil(pairs / pairs_per_group). */
GROUP(WGS) __kernel void softmax_gradient(__global float *d, __global const int *restrict label, int pairs, int members,
                                          int C, int pairs_per_group)
{
    __local float room[WGS];
    int lane = ITEM % LANES, pair = get_group_id(0) * pairs_per_group + ITEM / LANES;
    int here = min(pair, pairs - 1), own = here == pair; /* beyond the end the last once more, for the barriers' sake */
    __global float *x = d + (size_t)here * C;
    float most = -3e38f, sum = 0.0f;
    for (int j = lane; j < C; j += LANES)
        most = fmax(most, x[j]);
    most = max_items(most, LANES, room);
    for (int j = lane; j < C; j += LANES)
        sum += exp1(x[j] - most);
    float part = 1.0f / sum_items(sum, LANES, room); /* all have read what is now written */
    int right = label[here / members];
    for (int j = lane; own && j < C; j += LANES)
        x[j] = exp1(x[j] - most) * part - (j == right ? 1.0f : 0.0f);
}

/* A step of accelerated descent (Nesterov) on w [O, D] and bias [O]: with the gradient g = scale sum + decay w (a bias
 * does not decay), x = w - rate g, w = x + momentum (x - before), before = x.
 * step [3][O]: rate, decay and momentum of each output. measure [2][O]: sums of g (x - before), by which the host sees
 * that momentum leads uphill, and the largest |g|. Work-groups: O. */
GROUP(WGS) __kernel void probe_step(__global float *w, __global float *before, __global const float *restrict sum,
                                    __global float *bias, __global float *bias_before,
                                    __global const float *restrict bias_sum, __global const float *restrict step,
                                    __global float *restrict measure, int O, int D, float scale)
{
    __local float room[WGS];
    int o = get_group_id(0), item = get_local_id(0);
    float rate = step[o], decay = step[O + o], momentum = step[2 * O + o], uphill = 0.0f, most = 0.0f;
    for (int i = item; i < D; i += WGS) {
        size_t at = (size_t)o * D + i;
        float y = w[at], g = fma(sum[at], scale, decay * y), x = y - rate * g, move = x - before[at];
        uphill = fma(g, move, uphill);
        most = fmax(most, fabs(g));
        before[at] = x;
        w[at] = fma(momentum, move, x);
    }
    if (item == 0) {
        float b = bias[o], g = bias_sum[o] * scale, x = b - rate * g, move = x - bias_before[o];
        uphill = fma(g, move, uphill);
        most = fmax(most, fabs(g));
        bias_before[o] = x;
        bias[o] = fma(momentum, move, x);
    }
    uphill = sum_items(uphill, WGS, room);
    most = max_items(most, WGS, room);
    if (item == 0) {
        measure[o] = uphill;
        measure[O + o] = most;
    }
}

/* sum [count] += part [count]. Work-groups: ceil(count / floats_per_group). */
GROUP(WGS) __kernel void probe_add(__global float *restrict sum, __global const float *restrict part, int count,
                                   int floats_per_group)
{
    int begin = get_group_id(0) * floats_per_group, end = min(begin + floats_per_group, count);
    for (int i = begin + get_local_id(0); i < end; i += WGS)
        sum[i] += part[i];
}
