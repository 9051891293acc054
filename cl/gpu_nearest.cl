/* The nearest neighbours of each query, merged tile by tile, for GPUs: the K largest of its similarities to the training
 * vectors. Of equal ones the lower index is nearer, whatever the tiles. */
#define MOST 256                       /* K at most: IJ_NEAREST_MOST */
#define EACH ((MOST + WGS - 1) / WGS)  /* places of a list that a work-item moves */

/* similarity [Q, stride]: query q against the vectors base .. base + count. value, index [Q, K]: the nearest so far,
 * nearest first; base = 0 begins the lists, whose empty places have index -1. Work-groups: Q. The list lies in local
 * memory; the work-items look at WGS similarities at a time, and together put those that are near enough into it. */
GROUP(WGS) __kernel void nearest(__global const float *restrict similarity, __global float *value,
                                 __global int *index, int Q, int stride, int count, int base, int K, int rows_per_group)
{
    __local float v[MOST], seen[WGS];
    __local int at[MOST], found;
    int q = get_group_id(0), item = get_local_id(0);
    __global const float *s = similarity + (size_t)q * stride;
    for (int k = item; k < K; k += WGS) {
        v[k] = base ? value[(size_t)q * K + k] : -3e38f;
        at[k] = base ? index[(size_t)q * K + k] : -1;
    }
    for (int j = 0; j < count; j += WGS) {
        float x = j + item < count ? s[j + item] : -3e38f;
        seen[item] = x;
        if (item == 0)
            found = 0;
        barrier(CLK_LOCAL_MEM_FENCE);
        if (x > v[K - 1])
            atomic_or(&found, 1);
        barrier(CLK_LOCAL_MEM_FENCE);
        int some = found;
        for (int i = 0; some && i < WGS; i++) {
            float y = seen[i];
            if (!(y > v[K - 1])) /* the same for all */
                continue;
            float put[EACH];
            int put_at[EACH];
            UNROLL for (int e = 0; e < EACH; e++)
            {
                int k = min(item + e * WGS, K - 1), left = max(k - 1, 0);
                int stays = v[k] >= y, here = k == 0 || v[left] >= y;
                put[e] = stays ? v[k] : here ? y : v[left];
                put_at[e] = stays ? at[k] : here ? base + j + i : at[left];
            }
            barrier(CLK_LOCAL_MEM_FENCE);
            UNROLL for (int e = 0; e < EACH; e++)
            {
                if (item + e * WGS < K) {
                    v[item + e * WGS] = put[e];
                    at[item + e * WGS] = put_at[e];
                }
            }
            barrier(CLK_LOCAL_MEM_FENCE);
        }
        barrier(CLK_LOCAL_MEM_FENCE); /* before `found` and `seen` are used again */
    }
    for (int k = item; k < K; k += WGS) {
        value[(size_t)q * K + k] = v[k];
        index[(size_t)q * K + k] = at[k];
    }
}
