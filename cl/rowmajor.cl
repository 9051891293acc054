/* The tails of matrix products that a library computed: what gemm.cl fuses, as passes of their own over row-major
 * results. */

#define BIAS      1
#define ADD       2
#define ADD_ROWS  4
#define GELU      8
#define KEEP      16
#define GELU_BACK 32

/* c [M, N] = tail(c); flags and arguments as in gemm.cl. Global size: M. */
SINGLE_ITEM __kernel void tail(__global float *c, int N, int flags, __global const float *restrict bias,
                               __global const float *add, __global const int *rows, __global float *pre)
{
    int m = get_global_id(0);
    size_t at = (size_t)m * N, from = flags & ADD_ROWS ? (size_t)rows[m] * N : at;
    for (int j = 0; j < N; j += VW) {
        int n = N - j;
        vec x = load_n(c + at + j, n);
        if (flags & BIAS)
            x += load_n(bias + j, n);
        if (flags & (ADD | ADD_ROWS))
            x += load_n(add + from + j, n);
        if (flags & KEEP)
            store_n(x, pre + at + j, n);
        if (flags & GELU)
            x = gelu(x);
        if (flags & GELU_BACK) {
            vec slope, g = gelu_and_slope(load_n(pre + at + j, n), &slope);
            store_n(g, pre + at + j, n);
            x *= slope;
        }
        store_n(x, c + at + j, n);
    }
}

/* sum [N] = column sums of d [M, N], ascending. Global size: ceil(N / VW). */
SINGLE_ITEM __kernel void column_sum(__global const float *restrict d, __global float *restrict sum, int M, int N)
{
    int j = get_global_id(0) * VW;
    vec s = (vec)(0.0f);
    for (int m = 0; m < M; m++)
        s += load_n(d + (size_t)m * N + j, N - j);
    store_n(s, sum + j, N - j);
}
