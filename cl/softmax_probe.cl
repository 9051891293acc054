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

/* A step of accelerated descent (Nesterov) on w, in panels [ceil(O/TN)][D][TN], and bias [O]: with the gradient
 * g = scale sum + decay w (a bias does not decay), x = w - rate g, w = x + momentum (x - before), before = x.
 * step [3][O]: rate, decay and momentum of each output. measure [2][O]: sums of g (x - before), by which the host sees
 * that momentum leads uphill, and the largest |g|. Global size: ceil(O / TN). */
SINGLE_ITEM __kernel void probe_step(__global float *w, __global float *before, __global const float *restrict sum,
                                     __global float *bias, __global float *bias_before,
                                     __global const float *restrict bias_sum, __global const float *restrict step,
                                     __global float *restrict measure, int O, int D, float scale)
{
    int panel = get_global_id(0);
    for (int v = 0; v < TN; v += VW) {
        int o = panel * TN + v, n = O - o;
        if (n <= 0)
            return;
        vec rate = load_n(step + o, n), decay = load_n(step + O + o, n), momentum = load_n(step + 2 * O + o, n);
        vec b = load_n(bias + o, n), g = load_n(bias_sum + o, n) * scale, x = b - rate * g;
        vec move = x - load_n(bias_before + o, n), uphill = g * move, most = fabs(g);
        store_n(x, bias_before + o, n);
        store_n(fma(momentum, move, x), bias + o, n);
        for (int i = 0; i < D; i++) {
            size_t at = ((size_t)panel * D + i) * TN + v;
            vec y = load_n(w + at, n);
            g = fma(load_n(sum + at, n), (vec)(scale), decay * y);
            x = y - rate * g;
            move = x - load_n(before + at, n);
            uphill = fma(g, move, uphill);
            most = fmax(most, fabs(g));
            store_n(x, before + at, n);
            store_n(fma(momentum, move, x), w + at, n);
        }
        store_n(uphill, measure + o, n);
        store_n(most, measure + O + o, n);
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
