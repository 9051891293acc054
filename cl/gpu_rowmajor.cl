/* The tails of matrix products that a library computed: what gpu_gemm.cl fuses, as passes of their own. Widths may be
 * multiples of nothing here: built with ALIGNED. */

/* c [M, N] = tail(c); flags as in tail.cl, arguments as in gpu_gemm.cl. Work-groups: M. */
GROUP(WGS) __kernel void tail(__global float *c, int N, int flags, __global const float *restrict bias,
                              __global const float *add, __global const int *rows, __global float *pre)
{
    int m = get_group_id(0);
    size_t at = (size_t)m * N, from = flags & ADD_ROWS ? (size_t)rows[m] * N : at;
    for (int n = get_local_id(0) * 4; n < N; n += 4 * WGS) {
        float4 x = load4(c + at + n, N - n);
        store4(finish(x, flags, bias + n, add + from + n, pre + at + n, N - n), c + at + n, N - n);
    }
}

/* sum [N] = column sums of d [M, N], or += where `add`. Work-groups: ceil(N / (4 COLS)). */
GROUP(WGS) __kernel void column_sum(__global const float *restrict d, __global float *restrict sum, int M, int N,
                                    int add)
{
    __local float4 room[WGS];
    int item = get_local_id(0), n = (get_group_id(0) * COLS + item % COLS) * 4;
    float4 s = (float4)(0.0f);
    for (int m = item / COLS; m < M; m += SHARES)
        s += load4(d + (size_t)m * N + n, N - n);
    s = sum_shares(s, room);
    if (item < COLS)
        store4(add ? load4(sum + n, N - n) + s : s, sum + n, N - n);
}
