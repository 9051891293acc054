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

/* sum [count] += part [count]. Work-groups: ceil(count / floats_per_group). */
GROUP(WGS) __kernel void probe_add(__global float *restrict sum, __global const float *restrict part, int count,
                                   int floats_per_group)
{
    int begin = get_group_id(0) * floats_per_group, end = min(begin + floats_per_group, count);
    for (int i = begin + get_local_id(0); i < end; i += WGS)
        sum[i] += part[i];
}
