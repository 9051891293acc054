/* Matrix products with the weight W [N, K] of a linear layer (rows = outputs, columns = inputs), for CPUs:
 *   C [M, N] = tail(A [M, K] B [K, N]),  B in panels [ceil(N/TN)][K][TN]
 * forward with B = W^T, backward to the input with B = W.
 *
 * A work-item computes TM x TN tiles: TM rows of scalars from A, broadcast, times TN lanes of B. TM and TN are
 * chosen so that accumulators, two vectors of B and a broadcast fill the register file. */

#define TV    (TN / VW)
#define PARTS 4  /* of a tile's sum, between which memory is asked for */
#define AHEAD 64 /* columns of A between what is asked for and what is used */

INLINE void panel_product(__global const float *a, __global const float *b, __global float *c, int M, int N, int K,
                          const int flags, __global const float *bias, __global const float *add,
                          __global const int *rows, __global float *pre, __local float *tile)
{
    int panel = get_global_id(0), n0 = panel * TN;
    int tiles = (M + TM - 1) / TM, groups = get_num_groups(1), each = (tiles + groups - 1) / groups * TM;
    int begin = get_group_id(1) * each, end = min(begin + each, M);
    __global const float *bp = b + (size_t)panel * K * TN;

    for (int m = begin; m < end; m += TM) {
        __global const float *row[TM];
        UNROLL for (int i = 0; i < TM; i++) row[i] = a + (size_t)min(m + i, M - 1) * K;
        vec acc[TM][TV];
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++) acc[i][v] = (vec)(0.0f);

        /* The tail's memory is on its way while the product is computed: of some rows before each part of the sum, for
         * all at once would be waited for. */
        __global const float *bk = bp;
        for (int part = 0, k = 0; part < PARTS; part++) {
            for (int i = part * TM / PARTS; i < (part + 1) * TM / PARTS; i++) {
                int r = min(m + i, end - 1);
                size_t at = (size_t)r * N + n0, from = flags & ADD_ROWS ? (size_t)rows[r] * N + n0 : at;
                UNROLL for (int j = 0; j < TN; j += 16)
                {
                    PREFETCH(c + at + j, 1);
                    if (flags & (ADD | ADD_ROWS))
                        PREFETCH(add + from + j, 0);
                    if (flags & (KEEP | GELU_BACK))
                        PREFETCH(pre + at + j, 1);
                }
            }
            int stop = (part + 1) * K / PARTS;
            while (k < stop) {
                /* Lines of A that are wanted soon: of these rows or, at their end, of the next tile's. */
                __global const float *soon = row[0] + k + AHEAD + (k + AHEAD < K ? 0 : (TM - 1) * (size_t)K);
                UNROLL for (int i = 0; i < TM; i++) PREFETCH(soon + i * (size_t)K, 0);
                for (int line = min(k + 16, stop); k < line; k++, bk += TN) {
                    vec bv[TV];
                    UNROLL for (int v = 0; v < TV; v++) bv[v] = LOAD(bk + v * VW);
                    UNROLL for (int i = 0; i < TM; i++)
                    {
                        vec s = (vec)(row[i][k]);
                        UNROLL for (int v = 0; v < TV; v++) acc[i][v] = fma(s, bv[v], acc[i][v]);
                    }
                }
            }
        }

        if (m + TM <= end && n0 + TN <= N && !(flags & (GELU | GELU_BACK))) {
            UNROLL for (int i = 0; i < TM; i++)
            {
                size_t at = (size_t)(m + i) * N + n0, from = flags & ADD_ROWS ? (size_t)rows[m + i] * N + n0 : at;
                UNROLL for (int v = 0; v < TV; v++)
                    STORE(finish(acc[i][v], flags, bias + n0 + v * VW, add + from + v * VW, pre, VW), c + at + v * VW);
            }
            continue;
        }
        /* Ragged ends and long tails go through memory, so that their code is there once. */
        UNROLL for (int i = 0; i < TM; i++) UNROLL for (int v = 0; v < TV; v++)
            LSTORE(acc[i][v], tile + i * TN + v * VW);
        for (int i = 0; i < min(TM, end - m); i++) {
            size_t at = (size_t)(m + i) * N + n0, from = flags & ADD_ROWS ? (size_t)rows[m + i] * N + n0 : at;
            for (int j = 0; j < min(TN, N - n0); j += VW) {
                int n = N - n0 - j;
                vec x = LLOAD(tile + i * TN + j);
                if (n >= VW)
                    STORE(finish(x, flags, bias + n0 + j, add + from + j, pre + at + j, VW), c + at + j);
                else
                    store_part(finish(x, flags, bias + n0 + j, add + from + j, pre + at + j, n), c + at + j, n);
            }
        }
    }
}

/* Work-groups: panels x any number, which share the tiles of rows. Arguments that a tail does not use may be any
 * buffer. */
#define PANEL_KERNEL(name, flags)                                                                                      \
    SINGLE_ITEM __kernel void name(__global const float *restrict a, __global const float *restrict b,                 \
                                   __global float *c, int M, int N, int K, __global const float *restrict bias,        \
                                   __global const float *add, __global const int *rows, __global float *pre)           \
    {                                                                                                                  \
        __local float tile[TM * TN];                                                                                   \
        panel_product(a, b, c, M, N, K, flags, bias, add, rows, pre, tile);                                            \
    }

PANEL_KERNEL(gemm, 0)
PANEL_KERNEL(gemm_bias, BIAS)
PANEL_KERNEL(gemm_bias_residual, BIAS | ADD)
PANEL_KERNEL(gemm_bias_add_rows, BIAS | ADD_ROWS)
PANEL_KERNEL(gemm_bias_gelu, BIAS | GELU)
PANEL_KERNEL(gemm_bias_gelu_keep, BIAS | GELU | KEEP)
PANEL_KERNEL(gemm_gelu_backward, GELU_BACK)
PANEL_KERNEL(gemm_residual, ADD)
