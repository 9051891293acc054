/* What follows a matrix product: put before all other kernels, so that every source of products ends alike. */

/* Flags, known when a kernel is compiled; as in engine/operation.h. */
#define BIAS      1  /* + bias[n] */
#define ADD       2  /* + add[m][n]: the residual */
#define ADD_ROWS  4  /* + add[rows[m]][n]: positions, a residual of some rows */
#define GELU      8  /* GELU of that */
#define KEEP      16 /* pre[m][n] = the input of GELU */
#define GELU_BACK 32 /* * GELU'(pre[m][n]); pre[m][n] = GELU(pre[m][n]), for the weight gradient */

/* Defines `name`: neighbours of a row of the result, as many as `type` holds; the pointers point to theirs, and n of
 * them are left in the row. load(p, n), store(v, p, n): those n of them at p. */
#define TAIL_FUNCTION(name, type, load, store, gelu, gelu_and_slope)                                                   \
    INLINE type name(type c, const int flags, __global const float *bias, __global const float *add,                   \
                     __global float *pre, int n)                                                                       \
    {                                                                                                                  \
        if (flags & BIAS)                                                                                              \
            c += load(bias, n);                                                                                        \
        if (flags & (ADD | ADD_ROWS))                                                                                  \
            c += load(add, n);                                                                                         \
        if (flags & KEEP)                                                                                              \
            store(c, pre, n);                                                                                          \
        if (flags & GELU)                                                                                              \
            c = gelu(c);                                                                                               \
        if (flags & GELU_BACK) {                                                                                       \
            type slope, x = gelu_and_slope(load(pre, n), &slope);                                                      \
            store(x, pre, n);                                                                                          \
            c *= slope;                                                                                                \
        }                                                                                                              \
        return c;                                                                                                      \
    }
