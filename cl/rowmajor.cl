/* The tails of matrix products that a library computed: what gemm.cl fuses, as passes of their own over row-major
 * results. */

#define EPILOGUE_BIAS      1
#define EPILOGUE_ADD       2
#define EPILOGUE_GELU      4
#define EPILOGUE_GELU_BACK 8

/* c [M, N] = epilogue(c), flags and arguments as in gemm.cl's gemm_panel. Global size: M. */
SINGLE_ITEM __kernel void epilogue(__global float *c, int N, int flags, __global const float *restrict bias,
                                   __global const float *add, __global const int *rows, int use_rows,
                                   __global float *pre, int keep)
{
    int m = get_global_id(0);
    size_t at = (size_t)m * N, from = (flags & EPILOGUE_ADD) && use_rows ? (size_t)rows[m] * N : at;
    for (int j = 0; j < N; j += VW) {
        int n = N - j;
        vec x = load_n(c + at + j, n);
        if (flags & EPILOGUE_BIAS)
            x += load_n(bias + j, n);
        if (flags & EPILOGUE_ADD)
            x += load_n(add + from + j, n);
        if (flags & EPILOGUE_GELU) {
            if (keep)
                store_n(x, pre + at + j, n);
            x = gelu(x);
        }
        if (flags & EPILOGUE_GELU_BACK) {
            vec p = load_n(pre + at + j, n);
            store_n(gelu(p), pre + at + j, n);
            x *= gelu_slope(p);
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
