/* Weight panels. */

/* w: panels [ceil(N/TN)][K][TN] of W [N, K]; wt: panels [ceil(K/TN)][N][TN] of W^T. Global size: panels of wt x panels
 * of w. Lanes beyond K are zeroed. */
SINGLE_ITEM __kernel void panel_transpose(__global const float *restrict w, __global float *restrict wt, int N, int K)
{
    int pk = get_global_id(0), pn = get_global_id(1);
    __global const float *from = w + ((size_t)pn * K + pk * TN) * TN;
    __global float *to = wt + ((size_t)pk * N + pn * TN) * TN;
    int rows = min(TN, N - pn * TN), columns = min(TN, K - pk * TN);
    for (int n = 0; n < rows; n++)
        for (int k = 0; k < TN; k++)
            to[n * TN + k] = k < columns ? from[k * TN + n] : 0.0f;
}
