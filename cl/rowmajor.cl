/* The tails of matrix products that a library computed: what gemm.cl fuses, as passes of their own over row-major
 * results. */

/* c [M, N] = tail(c); flags as in tail.cl, arguments as in gemm.cl. Global size: M. */
SINGLE_ITEM __kernel void tail(__global float *c, int N, int flags, __global const float *restrict bias,
                               __global const float *add, __global const int *rows, __global float *pre)
{
    int m = get_global_id(0);
    size_t at = (size_t)m * N, from = flags & ADD_ROWS ? (size_t)rows[m] * N : at;
    for (int j = 0; j < N; j += VW) {
        int n = N - j;
        vec x = finish(load_n(c + at + j, n), flags, bias + j, add + from + j, pre + at + j, n);
        store_n(x, c + at + j, n);
    }
}

/* sum [N] = column sums of d [M, N], ascending, or += where `add`. Global size: ceil(N / VW). */
SINGLE_ITEM __kernel void column_sum(__global const float *restrict d, __global float *restrict sum, int M, int N,
                                     int add)
{
    int j = get_global_id(0) * VW;
    vec s = add ? load_n(sum + j, N - j) : (vec)(0.0f);
    for (int m = 0; m < M; m++)
        s += load_n(d + (size_t)m * N + j, N - j);
    store_n(s, sum + j, N - j);
}
