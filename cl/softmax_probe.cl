/* Softmax regression of several members side by side (engine/probe/linear.c): their class weights are the rows of one
 * matrix W [O, D], O = members x C, so that logits and gradients are one product each; here is what lies between. */

/* d [pairs, C], pair = row x members + member: logits become the gradient of the cross-entropy, softmax - one-hot of
 * label [rows]. Global size: ceil(pairs / pairs_per_item). */
SINGLE_ITEM __kernel void softmax_gradient(__global float *d, __global const int *restrict label, int pairs, int members,
                                           int C, int pairs_per_item)
{
    int begin = get_global_id(0) * pairs_per_item, end = min(begin + pairs_per_item, pairs);
    for (int pair = begin; pair < end; pair++) {
        __global float *x = d + (size_t)pair * C;
        vec most = (vec)(-3e38f), sum = (vec)(0.0f);
        for (int j = 0; j < C; j += VW)
            most = fmax(most, C - j >= VW ? LOAD(x + j) : load_part(x + j, C - j, -3e38f));
        float shift = max_lanes(most);
        for (int j = 0; j < C; j += VW) { /* lanes beyond C count e^-87 at most */
            vec e = exp_v((C - j >= VW ? LOAD(x + j) : load_part(x + j, C - j, -3e38f)) - shift);
            sum += e;
            store_n(e, x + j, C - j);
        }
        float part = 1.0f / sum_lanes(sum);
        for (int j = 0; j < C; j += VW)
            store_n(load_n(x + j, C - j) * part, x + j, C - j);
        x[label[pair / members]] -= 1.0f;
    }
}

/* sum [count] += part [count]. Global size: ceil(count / floats_per_item). */
SINGLE_ITEM __kernel void probe_add(__global float *restrict sum, __global const float *restrict part, int count,
                                    int floats_per_item)
{
    int begin = get_global_id(0) * floats_per_item, end = min(begin + floats_per_item, count);
    for (int i = begin; i < end; i += VW)
        store_n(load_n(sum + i, end - i) + load_n(part + i, end - i), sum + i, end - i);
}
