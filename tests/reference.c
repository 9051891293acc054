#include "tests/reference.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

/* Row r of a matrix of that width. */
static const float *row(const float *matrix, int64_t r, int64_t width)
{
    return matrix + r * width;
}

/* ---- Linear layer ------------------------------------------------------------------------------------------------ */

double reference_gelu(double x)
{
    return 0.5 * x * erfc(-x * 0.70710678118654752440);
}

double reference_gelu_slope(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
}

void reference_linear_forward(const float *x, const float *w, reference_tail tail, int rows, int out, int in,
                              double *pre, double *y)
{
    for (int r = 0; r < rows; r++)
        for (int o = 0; o < out; o++) {
            double sum = 0.0;
            for (int i = 0; i < in; i++)
                sum += (double)row(x, r, in)[i] * (double)row(w, o, in)[i];
            if (tail.bias)
                sum += (double)tail.bias[o];
            if (tail.add)
                sum += (double)row(tail.add, tail.rows ? tail.rows[r] : r, out)[o];
            int64_t at = (int64_t)r * out + o;
            if (pre)
                pre[at] = sum;
            y[at] = tail.gelu ? reference_gelu(sum) : sum;
        }
}

void reference_linear_backward_input(const float *dy, const float *w, const float *pre, int rows, int out, int in,
                                     double *dx)
{
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < in; i++) {
            double sum = 0.0;
            for (int o = 0; o < out; o++)
                sum += (double)row(dy, r, out)[o] * (double)row(w, o, in)[i];
            int64_t at = (int64_t)r * in + i;
            dx[at] = pre ? sum * reference_gelu_slope((double)pre[at]) : sum;
        }
}

void reference_linear_backward_weight(const float *x, const float *dy, int rows, int out, int in, double *dw,
                                      double *db)
{
    for (int o = 0; o < out; o++) {
        double bias = 0.0;
        for (int r = 0; r < rows; r++)
            bias += (double)row(dy, r, out)[o];
        db[o] = bias;
        for (int i = 0; i < in; i++) {
            double sum = 0.0;
            for (int r = 0; r < rows; r++)
                sum += (double)row(dy, r, out)[o] * (double)row(x, r, in)[i];
            dw[(int64_t)o * in + i] = sum;
        }
    }
}

/* ---- LayerNorm --------------------------------------------------------------------------------------------------- */

static void moments(const float *x, int dim, double eps, double *mean, double *rstd)
{
    double sum = 0.0, squares = 0.0;
    for (int j = 0; j < dim; j++)
        sum += (double)x[j];
    *mean = sum / dim;
    for (int j = 0; j < dim; j++)
        squares += ((double)x[j] - *mean) * ((double)x[j] - *mean);
    *rstd = 1.0 / sqrt(squares / dim + eps);
}

void reference_norm_forward(reference_norm n, const float *x, double *y)
{
    for (int r = 0; r < n.count; r++) {
        const float *xr = row(x, n.rows ? n.rows[r] : r, n.dim);
        double mean, rstd;
        moments(xr, n.dim, n.eps, &mean, &rstd);
        for (int j = 0; j < n.dim; j++) {
            double v = ((double)xr[j] - mean) * rstd;
            y[(int64_t)r * n.dim + j] = n.gain ? v * (double)n.gain[j] + (double)n.bias[j] : v;
        }
    }
}

void reference_norm_backward(reference_norm n, const float *x, const float *dy, double *dx, double *dgain,
                             double *dbias)
{
    for (int j = 0; j < n.dim; j++)
        dgain[j] = dbias[j] = 0.0;
    for (int r = 0; r < n.count; r++) {
        int64_t at = n.rows ? n.rows[r] : r;
        const float *xr = row(x, at, n.dim), *d = row(dy, r, n.dim);
        double mean, rstd, mean_g = 0.0, mean_gx = 0.0;
        moments(xr, n.dim, n.eps, &mean, &rstd);
        for (int j = 0; j < n.dim; j++) {
            double hat = ((double)xr[j] - mean) * rstd, g = (double)d[j] * (double)n.gain[j];
            dgain[j] += (double)d[j] * hat;
            dbias[j] += (double)d[j];
            mean_g += g / n.dim;
            mean_gx += g * hat / n.dim;
        }
        for (int j = 0; j < n.dim; j++) {
            double hat = ((double)xr[j] - mean) * rstd, g = (double)d[j] * (double)n.gain[j];
            dx[at * n.dim + j] += rstd * (g - mean_g - hat * mean_gx);
        }
    }
}

/* ---- Attention --------------------------------------------------------------------------------------------------- */

/* The vector q (part 0), k (1) or v (2) of a token. */
static const float *part_of(const reference_attention *a, const float *qkv, int64_t token, int part, int head)
{
    return qkv + ((token * 3 + part) * a->heads + head) * a->head_dim;
}

static double dot(const float *a, const float *b, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* p [n] = softmax of token i's scores over its sequence begin .. begin+n-1; returns the log of the denominator. */
static double softmax(const reference_attention *a, const float *qkv, int head, int i, int begin, int n, double *p)
{
    double scale = 1.0 / sqrt((double)a->head_dim), top = -INFINITY, sum = 0.0;
    for (int j = 0; j < n; j++) {
        p[j] = scale * dot(part_of(a, qkv, i, 0, head), part_of(a, qkv, begin + j, 1, head), a->head_dim);
        top = fmax(top, p[j]);
    }
    for (int j = 0; j < n; j++) {
        p[j] = exp(p[j] - top);
        sum += p[j];
    }
    for (int j = 0; j < n; j++)
        p[j] /= sum;
    return top + log(sum);
}

static double *scores(const reference_attention *a)
{
    int longest = 0;
    for (int s = 0; s < a->sequences; s++)
        if (a->offset[s + 1] - a->offset[s] > longest)
            longest = a->offset[s + 1] - a->offset[s];
    double *p = calloc((size_t)longest + 1, sizeof *p);
    if (!p)
        abort();
    return p;
}

void reference_attention_forward(reference_attention a, const float *qkv, double *out, double *lse)
{
    double *p = scores(&a);
    for (int s = 0; s < a.sequences; s++)
        for (int head = 0; head < a.heads; head++)
            for (int i = a.offset[s]; i < a.offset[s + 1]; i++) {
                int begin = a.offset[s], n = a.offset[s + 1] - begin;
                double *o = out + ((int64_t)i * a.heads + head) * a.head_dim;
                lse[(int64_t)i * a.heads + head] = softmax(&a, qkv, head, i, begin, n, p);
                for (int d = 0; d < a.head_dim; d++) {
                    o[d] = 0.0;
                    for (int j = 0; j < n; j++)
                        o[d] += p[j] * (double)part_of(&a, qkv, begin + j, 2, head)[d];
                }
            }
    free(p);
}

/* out = sum_j p_j v_j: dv_j += p_j dout; dp_j = dout . v_j; ds = p (dp - sum p dp); dq += ds k scale, dk += ds q scale
 */
static void attention_backward_row(const reference_attention *a, const float *qkv, const float *dout, int head, int i,
                                   int begin, int n, double *p, double *dqkv)
{
    double scale = 1.0 / sqrt((double)a->head_dim), mean = 0.0;
    const float *d_out = dout + ((int64_t)i * a->heads + head) * a->head_dim;
    softmax(a, qkv, head, i, begin, n, p);
    for (int j = 0; j < n; j++)
        mean += p[j] * dot(d_out, part_of(a, qkv, begin + j, 2, head), a->head_dim);
    for (int j = 0; j < n; j++) {
        double ds = p[j] * (dot(d_out, part_of(a, qkv, begin + j, 2, head), a->head_dim) - mean) * scale;
        double *dq = dqkv + (part_of(a, qkv, i, 0, head) - qkv);
        double *dk = dqkv + (part_of(a, qkv, begin + j, 1, head) - qkv);
        double *dv = dqkv + (part_of(a, qkv, begin + j, 2, head) - qkv);
        for (int d = 0; d < a->head_dim; d++) {
            dq[d] += ds * (double)part_of(a, qkv, begin + j, 1, head)[d];
            dk[d] += ds * (double)part_of(a, qkv, i, 0, head)[d];
            dv[d] += p[j] * (double)d_out[d];
        }
    }
}

void reference_attention_backward(reference_attention a, const float *qkv, const float *dout, double *dqkv)
{
    double *p = scores(&a);
    int64_t floats = (int64_t)a.offset[a.sequences] * 3 * a.heads * a.head_dim;
    for (int64_t i = 0; i < floats; i++)
        dqkv[i] = 0.0;
    for (int s = 0; s < a.sequences; s++)
        for (int head = 0; head < a.heads; head++)
            for (int i = a.offset[s]; i < a.offset[s + 1]; i++)
                attention_backward_row(&a, qkv, dout, head, i, a.offset[s], a.offset[s + 1] - a.offset[s], p, dqkv);
    free(p);
}

/* ---- Tokens ------------------------------------------------------------------------------------------------------ */

void reference_patchify(const uint8_t *pixels, const int32_t *image, const int32_t *patch, int count, int crop,
                        int patch_size, double *out)
{
    static const double mean[3] = {0.485, 0.456, 0.406}, std[3] = {0.229, 0.224, 0.225};
    int side = crop / patch_size;
    for (int i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            for (int y = 0; y < patch_size; y++)
                for (int x = 0; x < patch_size; x++) {
                    int py = patch[i] / side * patch_size + y, px = patch[i] % side * patch_size + x;
                    double value = pixels[(((int64_t)image[i] * crop + py) * crop + px) * 3 + c];
                    out[(((int64_t)i * 3 + c) * patch_size + y) * patch_size + x] = (value / 255.0 - mean[c]) / std[c];
                }
}

void reference_pixel_targets(const uint8_t *pixels, const int32_t *rows, int count, int crop, int patch_size,
                             double eps, double *out)
{
    int patches = crop / patch_size * (crop / patch_size), width = 3 * patch_size * patch_size;
    for (int i = 0; i < count; i++, out += width) {
        int32_t image = rows[i] / patches, patch = rows[i] % patches;
        double mean = 0, variance = 0;
        reference_patchify(pixels, &image, &patch, 1, crop, patch_size, out);
        for (int k = 0; k < width; k++)
            mean += out[k] / width;
        for (int k = 0; k < width; k++)
            variance += (out[k] - mean) * (out[k] - mean) / width;
        for (int k = 0; k < width; k++)
            out[k] = (out[k] - mean) / sqrt(variance + eps);
    }
}

void reference_assemble(const float *context, const float *mask_token, const float *position, const int32_t *source,
                        int count, int dim, double *out)
{
    for (int r = 0; r < count; r++)
        for (int j = 0; j < dim; j++)
            out[(int64_t)r * dim + j] = source[r] >= 0
                                            ? (double)row(context, source[r], dim)[j]
                                            : (double)mask_token[j] + (double)row(position, -1 - source[r], dim)[j];
}

void reference_disassemble(const float *d, const int32_t *place, int tokens, int blocks, int stride, int dim,
                           double *dcontext)
{
    for (int t = 0; t < tokens; t++)
        for (int j = 0; j < dim; j++) {
            double sum = 0.0;
            for (int b = 0; b < blocks; b++)
                sum += (double)row(d, (int64_t)b * stride + place[t], dim)[j];
            dcontext[(int64_t)t * dim + j] = sum;
        }
}

void reference_sum_rows(const float *d, const int32_t *rows, int count, int dim, double *sum)
{
    for (int j = 0; j < dim; j++) {
        sum[j] = 0.0;
        for (int r = 0; r < count; r++)
            sum[j] += (double)row(d, rows[r], dim)[j];
    }
}

/* A patch belongs to every cell that it touches. */
static bool touches(int patch, int cell, int side, int cells)
{
    return (patch + 1) * cells > cell * side && patch * cells < (cell + 1) * side;
}

void reference_mean_pool(const float *x, int images, int side, int cells, int dim, double *features)
{
    int patches = side * side;
    for (int r = 0; r < images * cells * cells; r++)
        for (int j = 0; j < dim; j++) {
            double sum = 0.0;
            int count = 0;
            for (int p = 0; p < patches; p++)
                if (touches(p / side, r / cells % cells, side, cells) && touches(p % side, r % cells, side, cells)) {
                    sum += (double)row(x, (int64_t)(r / (cells * cells)) * patches + p, dim)[j];
                    count++;
                }
            features[(int64_t)r * dim + j] = sum / count;
        }
}

/* ---- Loss -------------------------------------------------------------------------------------------------------- */

double reference_loss(const float *z, const float *h, int blocks, int contexts, int rows_per_block, int dim,
                      bool smooth_l1, double *dz)
{
    double sum = 0.0, elements = (double)blocks * contexts * rows_per_block * dim;
    for (int b = 0; b < blocks; b++)
        for (int c = 0; c < contexts; c++)
            for (int r = 0; r < rows_per_block; r++)
                for (int j = 0; j < dim; j++) {
                    int64_t at = (((int64_t)b * contexts + c) * rows_per_block + r) * dim + j;
                    double e = (double)z[at] - (double)row(h, (int64_t)b * rows_per_block + r, dim)[j];
                    if (!smooth_l1) {
                        sum += e * e;
                        dz[at] = 2.0 * e / elements;
                    } else if (fabs(e) < 1.0) {
                        sum += 0.5 * e * e;
                        dz[at] = e / elements;
                    } else {
                        sum += fabs(e) - 0.5;
                        dz[at] = (e > 0.0 ? 1.0 : -1.0) / elements;
                    }
                }
    return sum / elements;
}

void reference_batch_std(const float *features, int batch, int dim, double *std)
{
    for (int j = 0; j < dim; j++) {
        double mean = 0.0, squares = 0.0;
        for (int b = 0; b < batch; b++)
            mean += (double)row(features, b, dim)[j] / batch;
        for (int b = 0; b < batch; b++)
            squares += pow((double)row(features, b, dim)[j] - mean, 2.0);
        std[j] = sqrt(squares / batch);
    }
}

/* ---- Optimiser --------------------------------------------------------------------------------------------------- */

void reference_adamw_step(reference_adamw a, const float *gradient, int count, int decayed, double *w, double *m,
                          double *v, double *target)
{
    for (int i = 0; i < count; i++) {
        double g = (double)gradient[i];
        if (i < decayed)
            w[i] *= 1.0 - a.lr * a.wd;
        m[i] = a.beta1 * m[i] + (1.0 - a.beta1) * g;
        v[i] = a.beta2 * v[i] + (1.0 - a.beta2) * g * g;
        double m_hat = m[i] / (1.0 - pow(a.beta1, (double)a.step));
        double v_hat = v[i] / (1.0 - pow(a.beta2, (double)a.step));
        w[i] -= a.lr * m_hat / (sqrt(v_hat) + a.eps);
        if (target)
            target[i] = a.ema * target[i] + (1.0 - a.ema) * w[i];
    }
}

/* ---- Probes ----------------------------------------------------------------------------------------------------- */

void reference_softmax_gradient(const float *logits, const int32_t *label, int rows, int members, int classes,
                                double *d)
{
    for (int pair = 0; pair < rows * members; pair++) {
        const float *x = logits + (size_t)pair * (size_t)classes;
        double *to = d + (size_t)pair * (size_t)classes, most = (double)x[0], sum = 0;
        for (int c = 1; c < classes; c++)
            most = fmax(most, (double)x[c]);
        for (int c = 0; c < classes; c++)
            sum += to[c] = exp((double)x[c] - most);
        for (int c = 0; c < classes; c++)
            to[c] = to[c] / sum - (c == label[pair / members] ? 1 : 0);
    }
}

void reference_nearest(const float *similarity, int n, int k, float *value, int32_t *index)
{
    bool *taken = calloc((size_t)n + 1, sizeof *taken);
    for (int i = 0; i < k; i++) {
        index[i] = -1;
        for (int j = 0; taken && j < n; j++)
            if (!taken[j] && (index[i] < 0 || similarity[j] > similarity[index[i]]))
                index[i] = j;
        if (index[i] < 0)
            continue;
        value[i] = similarity[index[i]];
        taken[index[i]] = true;
    }
    free(taken);
}
