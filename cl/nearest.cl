/* The nearest neighbours of each query, merged tile by tile: the K largest of its similarities to the training vectors.
 * Of equal ones the lower index is nearer, whatever the tiles. */

/* similarity [Q, stride]: query q against the vectors base .. base + count. value, index [Q, K]: the nearest so far,
 * nearest first; base = 0 begins the lists, whose empty places have index -1. Global size: ceil(Q / rows_per_item). */
SINGLE_ITEM __kernel void nearest(__global const float *restrict similarity, __global float *value,
                                  __global int *index, int Q, int stride, int count, int base, int K, int rows_per_item)
{
    int begin = get_global_id(0) * rows_per_item, end = min(begin + rows_per_item, Q);
    for (int q = begin; q < end; q++) {
        __global const float *s = similarity + (size_t)q * stride;
        __global float *v = value + (size_t)q * K;
        __global int *at = index + (size_t)q * K;
        for (int k = 0; base == 0 && k < K; k++) {
            v[k] = -3e38f;
            at[k] = -1;
        }
        float worst = v[K - 1];
        for (int j = 0; j < count; j += VW) {
            int n = min(VW, count - j);
            if (n == VW && !any(LOAD(s + j) > worst))
                continue;
            for (int i = j; i < j + n; i++) {
                float x = s[i];
                int k = K - 1;
                if (!(x > worst))
                    continue;
                for (; k > 0 && v[k - 1] < x; k--) {
                    v[k] = v[k - 1];
                    at[k] = at[k - 1];
                }
                v[k] = x;
                at[k] = base + i;
                worst = v[K - 1];
            }
        }
    }
}
