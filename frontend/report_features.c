/* What the newest checkpoint makes of images it is shown: the principal components of its patches' features as colours,
 * where a patch looks in the last block, which images are neighbours. One pass over the images gives all of it. */
#include "engine/attention_map.h"
#include "engine/base/try.h"
#include "engine/encoder.h"
#include "frontend/feature_colours.h"
#include "frontend/features.h"
#include "frontend/html.h"
#include "frontend/picture.h"
#include "frontend/png_bytes.h"
#include "frontend/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXAMPLES = 12, LOOKS = 4, QUERIES = 6, NEIGHBOURS = 6, BATCH = 32, THUMB = 96, PICTURE = 160, MOST_HEADS = 16 };

typedef struct seen {
    int64_t sample;
    ij_picture thumb;
} seen;

/* What is kept of the pass. The examples are images of the gallery, too. */
typedef struct gallery {
    const ij_report *report;
    ij_device *device;
    ij_encoder *encoder;
    const ij_model_config *model;
    int patches, room, count;
    int64_t *samples; /* [room] that are asked for */
    seen *images;     /* [count] that could be read */
    float *mean;      /* [count, D] features, pooled; later less their mean, of unit length */
    int examples;
    int example[EXAMPLES]; /* their places in `images` */
    uint8_t *pixels;       /* [examples, S, S, 3] */
    float *tokens;         /* [examples, N, D] */
} gallery;

/* ---- The pass -----------------------------------------------------------------------------------------------------
 */

static ij_status allocate(gallery *g)
{
    const ij_model_config *m = g->model;
    size_t room = (size_t)g->room, image = (size_t)m->crop * (size_t)m->crop * 3;
    g->samples = malloc(room * sizeof *g->samples);
    g->images = calloc(room, sizeof *g->images);
    g->mean = malloc(room * (size_t)m->dim * sizeof *g->mean);
    g->pixels = malloc(EXAMPLES * image);
    g->tokens = malloc(EXAMPLES * (size_t)g->patches * (size_t)m->dim * sizeof *g->tokens);
    if (g->samples && g->images && g->mean && g->pixels && g->tokens)
        return IJ_OK;
    return ij_fail(IJ_ENOMEM, "no memory for the features of %d images", g->room);
}

static void pool(const gallery *g, const float *tokens, float *mean)
{
    int dim = g->model->dim;
    for (int i = 0; i < dim; i++) {
        double sum = 0;
        for (int t = 0; t < g->patches; t++)
            sum += (double)tokens[(size_t)t * (size_t)dim + (size_t)i];
        mean[i] = (float)(sum / g->patches);
    }
}

/* Takes the mean of all images from each: what they have in common would bring every cosine near 1. */
static void centre(gallery *g)
{
    int dim = g->model->dim;
    for (int i = 0; i < dim; i++) {
        double sum = 0;
        for (int k = 0; k < g->count; k++)
            sum += (double)g->mean[(size_t)k * (size_t)dim + (size_t)i];
        for (int k = 0; k < g->count; k++)
            g->mean[(size_t)k * (size_t)dim + (size_t)i] -= (float)(sum / g->count);
    }
    for (int k = 0; k < g->count; k++) {
        float *x = g->mean + (size_t)k * (size_t)dim;
        double squares = 0;
        for (int i = 0; i < dim; i++)
            squares += (double)x[i] * (double)x[i];
        for (int i = 0; i < dim; i++)
            x[i] = (float)((double)x[i] / fmax(sqrt(squares), 1e-30));
    }
}

/* Whether the next image kept is an example: they are spread evenly. */
static bool is_example(const gallery *g)
{
    int stride = g->room / EXAMPLES > 0 ? g->room / EXAMPLES : 1;
    return g->examples < EXAMPLES && g->count % stride == stride / 2;
}

static ij_status take(void *taker, const ij_features_batch *b)
{
    gallery *g = taker;
    const ij_model_config *m = g->model;
    size_t image = (size_t)m->crop * (size_t)m->crop * 3, floats = (size_t)g->patches * (size_t)m->dim;
    for (int i = 0; i < b->images; i++, g->count++) {
        const float *tokens = b->features + (size_t)i * floats;
        const uint8_t *pixels = b->pixels + (size_t)i * image;
        g->images[g->count].sample = b->samples[i];
        TRY(ij_picture_shrink(&g->images[g->count].thumb, pixels, m->crop, THUMB));
        pool(g, tokens, g->mean + (size_t)g->count * (size_t)m->dim);
        if (!is_example(g))
            continue;
        memcpy(g->pixels + (size_t)g->examples * image, pixels, image);
        memcpy(g->tokens + (size_t)g->examples * floats, tokens, floats * sizeof *tokens);
        g->example[g->examples++] = g->count;
    }
    return IJ_OK;
}

static ij_status look(gallery *g)
{
    const ij_report *r = g->report;
    const char *device = r->options.device ? r->options.device : r->config ? r->config->run.device : NULL;
    ij_encoder_options options = {.batch = BATCH, .pool = IJ_POOL_NONE};
    TRY(ij_device_open(&g->device, device));
    TRY(ij_encoder_create(&g->encoder, g->device, r->checkpoint, &options));
    g->model = ij_encoder_model(g->encoder);
    g->patches = ij_model_patches(g->model);
    int64_t count = ij_dataset_count(r->dataset);
    g->room = count < r->options.limit ? (int)count : r->options.limit;
    TRY(allocate(g));
    for (int i = 0; i < g->room; i++)
        g->samples[i] = i * count / g->room;
    const ij_features_job job = {.dataset = r->dataset,
                                 .samples = g->samples,
                                 .count = g->room,
                                 .encoder = g->encoder,
                                 .take = take,
                                 .taker = g};
    return ij_features_run(&job, NULL);
}

static void close_gallery(gallery *g)
{
    for (int i = 0; i < g->count; i++)
        ij_picture_free(&g->images[i].thumb);
    free(g->samples);
    free(g->images);
    free(g->mean);
    free(g->pixels);
    free(g->tokens);
    ij_encoder_destroy(g->encoder);
    ij_device_close(g->device);
}

/* The class, or the file's name where there are none. */
static const char *name_of(const gallery *g, int place, char *text, size_t size)
{
    const ij_dataset *d = g->report->dataset;
    int64_t sample = g->images[place].sample;
    if (ij_dataset_classes(d))
        return ij_dataset_class_name(d, ij_dataset_label(d, sample));
    ij_dataset_path(d, sample, text, size);
    const char *slash = strrchr(text, '/');
    return slash ? slash + 1 : text;
}

static ij_status write_example(const gallery *g, FILE *out, int example)
{
    char text[1024];
    ij_picture p;
    size_t image = (size_t)g->model->crop * (size_t)g->model->crop * 3;
    TRY(ij_picture_shrink(&p, g->pixels + (size_t)example * image, g->model->crop, PICTURE));
    ij_status status =
        ij_html_picture(out, p.pixels, p.width, p.height, "pixels", name_of(g, g->example[example], text, sizeof text));
    ij_picture_free(&p);
    return status;
}

/* ---- Principal components ------------------------------------------------------------------------------------------
 */

static ij_status write_pairs(const gallery *g, FILE *out, const double shares[3], const uint8_t *colours)
{
    char text[1024];
    int side = ij_model_side(g->model);
    fputs("<h2>What it sees: features of patches as colours</h2>\n<p class=\"soft\">", out);
    fprintf(
        out,
        "The first three principal components of the last layer's patch features, as red, green and blue; one basis "
        "and one scale for all images. They hold %.0f %%, %.0f %% and %.0f %% of the variance. Alike colours: the "
        "encoder takes the patches for alike.</p>\n<div class=\"pairs\">\n",
        100 * shares[0], 100 * shares[1], 100 * shares[2]);
    for (int i = 0; i < g->examples; i++) {
        fputs("<figure class=\"pair\">", out);
        TRY(write_example(g, out, i));
        TRY(ij_html_picture(out, colours + (size_t)i * (size_t)g->patches * 3, side, side, "pixels",
                            "its patches' features"));
        fputs("<figcaption><small>", out);
        ij_html_text(out, name_of(g, g->example[i], text, sizeof text));
        fputs("</small></figcaption></figure>\n", out);
    }
    fputs("</div>\n", out);
    return IJ_OK;
}

static ij_status principal_components(const gallery *g, FILE *out)
{
    int64_t tokens = (int64_t)g->examples * g->patches;
    double shares[3];
    uint8_t *colours = malloc((size_t)tokens * 3);
    ij_status status = colours ? ij_feature_colours(g->tokens, tokens, g->model->dim, colours, shares)
                               : ij_fail(IJ_ENOMEM, "no memory for the patches' colours");
    if (!status)
        status = write_pairs(g, out, shares, colours);
    free(colours);
    return status;
}

/* ---- Attention -----------------------------------------------------------------------------------------------------
 */

/* The patch whose features are farthest from its image's mean. */
static int outstanding_patch(const gallery *g, int example)
{
    int dim = g->model->dim, best = 0;
    const float *tokens = g->tokens + (size_t)example * (size_t)g->patches * (size_t)dim;
    double most = -1;
    for (int t = 0; t < g->patches; t++) {
        double distance = 0;
        for (int i = 0; i < dim; i++) {
            double mean = 0;
            for (int u = 0; u < g->patches; u++)
                mean += (double)tokens[(size_t)u * (size_t)dim + (size_t)i] / g->patches;
            distance += pow((double)tokens[(size_t)t * (size_t)dim + (size_t)i] - mean, 2);
        }
        if (distance > most) {
            most = distance;
            best = t;
        }
    }
    return best;
}

/* Weights [N] as a picture of a pixel a patch, its largest the brightest. */
static ij_status write_weights(const gallery *g, FILE *out, const float *weights, const char *description)
{
    int side = ij_model_side(g->model);
    float most = 0;
    ij_picture p;
    TRY(ij_picture_create(&p, side, side));
    for (int t = 0; t < g->patches; t++)
        most = weights[t] > most ? weights[t] : most;
    for (int t = 0; t < g->patches; t++)
        ij_heat_colour(most > 0 ? (double)(weights[t] / most) : 0, p.pixels + 3 * t);
    ij_status status = ij_html_picture(out, p.pixels, side, side, "pixels", description);
    ij_picture_free(&p);
    return status;
}

/* The image with a frame round the patch, drawn large enough for a frame that can be seen. */
static ij_status write_marked(const gallery *g, FILE *out, int example, int patch)
{
    static const uint8_t white[3] = {255, 255, 255}, black[3] = {0, 0, 0};
    const ij_model_config *m = g->model;
    int zoom = m->crop < 160 ? (160 + m->crop - 1) / m->crop : 1, edge = m->crop * zoom, unit = m->patch * zoom;
    int x = patch % ij_model_side(m) * unit, y = patch / ij_model_side(m) * unit;
    ij_picture p;
    TRY(ij_picture_create(&p, edge, edge));
    ij_picture_paste(&p, 0, 0, g->pixels + (size_t)example * (size_t)m->crop * (size_t)m->crop * 3, m->crop, zoom);
    for (int line = 0; line < 4; line++) { /* white within black: to be seen on anything */
        const uint8_t *colour = line == 1 || line == 2 ? white : black;
        int l = x + line - 2, t = y + line - 2, size = unit + 4 - 2 * line;
        ij_picture_fill(&p, l, t, size, 1, colour);
        ij_picture_fill(&p, l, t + size - 1, size, 1, colour);
        ij_picture_fill(&p, l, t, 1, size, colour);
        ij_picture_fill(&p, l + size - 1, t, 1, size, colour);
    }
    ij_status status = ij_html_picture(out, p.pixels, edge, edge, "pixels", "the image with the patch framed");
    ij_picture_free(&p);
    return status;
}

static ij_status write_look(const gallery *g, FILE *out, int example, int patch, const float *weights, float *mean)
{
    int heads = g->model->heads, side = ij_model_side(g->model);
    int columns = (int)ceil(sqrt(heads < MOST_HEADS ? heads : MOST_HEADS));
    char text[64];
    float most = 0;
    for (int t = 0; t < g->patches; t++) {
        mean[t] = 0;
        for (int h = 0; h < heads; h++)
            mean[t] += weights[h * g->patches + t] / (float)heads;
        most = mean[t] > most ? mean[t] : most;
    }
    fputs("<div class=\"look\"><figure>", out);
    TRY(write_marked(g, out, example, patch));
    fprintf(out, "<figcaption>patch in row %d, column %d</figcaption></figure><figure>", patch / side + 1,
            patch % side + 1);
    TRY(write_weights(g, out, mean, "attention, mean of the heads"));
    fprintf(out,
            "<figcaption>mean; at most %.1f times even</figcaption></figure><figure><div class=\"heads\" "
            "style=\"grid-template-columns:repeat(%d,1fr)\">",
            (double)most * g->patches, columns);
    for (int h = 0; h < heads && h < MOST_HEADS; h++) {
        snprintf(text, sizeof text, "attention of head %d", h + 1);
        TRY(write_weights(g, out, weights + h * g->patches, text));
    }
    fprintf(out, "</div><figcaption>each %shead</figcaption></figure></div>\n",
            heads > MOST_HEADS ? "of the first 16 " : "");
    return IJ_OK;
}

static ij_status attention(const gallery *g, FILE *out)
{
    const ij_model_config *m = g->model;
    int looks = g->examples < LOOKS ? g->examples : LOOKS, side = ij_model_side(m);
    const int *place = g->report->options.place;
    if (place[0] > side || place[1] > side)
        return ij_fail(IJ_EINVAL, "--patch %d,%d: the model has %d x %d patches", place[0], place[1], side, side);
    size_t image = (size_t)m->crop * (size_t)m->crop * 3, qkv_floats = (size_t)g->patches * 3 * (size_t)m->dim;
    float *qkv = malloc(qkv_floats * sizeof *qkv);
    float *weights = malloc((size_t)(m->heads + 1) * (size_t)g->patches * sizeof *weights);
    ij_status status = qkv && weights ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for the attention of an image");
    fputs("<h2>Where a patch looks</h2>\n<p class=\"soft\">Attention of the framed patch in the last block: how much "
          "of each "
          "other patch goes into it (brighter: more).",
          out);
    fputs(!g->report->options.place[0] ? " It is the patch that differs most from its image's mean.</p>\n" : "</p>\n",
          out);
    fputs("<div class=\"looks\">\n", out);
    for (int i = 0; i < looks && !status; i++) {
        int example = i * g->examples / looks;
        int patch = place[0] ? (place[0] - 1) * side + place[1] - 1 : outstanding_patch(g, example);
        status = ij_encoder_last_qkv(g->encoder, g->pixels + (size_t)example * image, 1, qkv);
        if (status)
            break;
        ij_attention_map(qkv, g->patches, m->heads, m->dim / m->heads, patch, weights);
        status = write_look(g, out, example, patch, weights, weights + m->heads * g->patches);
    }
    fputs("</div>\n", out);
    free(qkv);
    free(weights);
    return status;
}

/* ---- Neighbours ----------------------------------------------------------------------------------------------------
 */

static double cosine(const gallery *g, int a, int b)
{
    int dim = g->model->dim;
    const float *x = g->mean + (size_t)a * (size_t)dim, *y = g->mean + (size_t)b * (size_t)dim;
    double sum = 0;
    for (int i = 0; i < dim; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}

/* The places of the images nearest to that at `query`, itself left out. Returns how many there are. */
static int nearest(const gallery *g, int query, int places[NEIGHBOURS], double cosines[NEIGHBOURS])
{
    int found = 0;
    for (int i = 0; i < g->count; i++) {
        if (i == query)
            continue;
        double c = cosine(g, query, i);
        int at = found < NEIGHBOURS ? found++ : NEIGHBOURS;
        for (; at > 0 && cosines[at - 1] < c; at--)
            if (at < NEIGHBOURS) {
                cosines[at] = cosines[at - 1];
                places[at] = places[at - 1];
            }
        if (at < NEIGHBOURS) {
            cosines[at] = c;
            places[at] = i;
        }
    }
    return found;
}

static ij_status write_thumb(const gallery *g, FILE *out, int place)
{
    char text[1024];
    const ij_picture *p = &g->images[place].thumb;
    return ij_html_picture(out, p->pixels, p->width, p->height, "pixels", name_of(g, place, text, sizeof text));
}

static ij_status write_row(const gallery *g, FILE *out, int query)
{
    char text[1024];
    int places[NEIGHBOURS];
    double cosines[NEIGHBOURS];
    const ij_dataset *d = g->report->dataset;
    fputs("<div><figure class=\"query\">", out);
    TRY(write_thumb(g, out, query));
    fputs("<figcaption>", out);
    ij_html_text(out, name_of(g, query, text, sizeof text));
    fputs("</figcaption></figure>", out);
    int found = nearest(g, query, places, cosines);
    for (int i = 0; i < found; i++) {
        bool same = ij_dataset_classes(d) &&
                    ij_dataset_label(d, g->images[places[i]].sample) == ij_dataset_label(d, g->images[query].sample);
        fputs("<figure>", out);
        TRY(write_thumb(g, out, places[i]));
        fprintf(out, "<figcaption>%s", same ? "&#10003; " : "");
        ij_html_text(out, name_of(g, places[i], text, sizeof text));
        fprintf(out, "<br/>%.3f</figcaption></figure>", cosines[i]);
    }
    fputs("</div>\n", out);
    return IJ_OK;
}

/* Of the images' nearest neighbours, the share that are of their class. */
static double same_class(const gallery *g)
{
    int places[NEIGHBOURS], same = 0;
    double cosines[NEIGHBOURS];
    const ij_dataset *d = g->report->dataset;
    for (int i = 0; i < g->count; i++)
        same += nearest(g, i, places, cosines) &&
                ij_dataset_label(d, g->images[places[0]].sample) == ij_dataset_label(d, g->images[i].sample);
    return (double)same / g->count;
}

static ij_status neighbours(const gallery *g, FILE *out)
{
    fputs("<h2>What it takes for alike</h2>\n<p class=\"soft\">", out);
    fprintf(out,
            "On the left an image, then its nearest neighbours among %d, by the cosine of the pooled "
            "features, less their mean.",
            g->count - 1);
    if (ij_dataset_classes(g->report->dataset))
        fprintf(out, " &#10003;: the same class. Of all %d, %.0f %% have a nearest neighbour of their class.", g->count,
                100 * same_class(g));
    fputs("</p>\n<div class=\"near\">\n", out);
    int queries = g->examples < QUERIES ? g->examples : QUERIES;
    for (int i = 0; i < queries; i++)
        TRY(write_row(g, out, g->example[i * g->examples / queries]));
    fputs("</div>\n", out);
    return IJ_OK;
}

/* ---- All -----------------------------------------------------------------------------------------------------------
 */

static ij_status sections(gallery *g, FILE *out)
{
    TRY(look(g));
    if (g->examples < 1 || g->count < 2)
        return ij_fail(IJ_EINVAL, "a report needs at least two images");
    centre(g);
    TRY(principal_components(g, out));
    TRY(attention(g, out));
    return neighbours(g, out);
}

ij_status ij_report_features(const ij_report *r, FILE *out)
{
    const char *why = !r->checkpoint        ? "There is no whole checkpoint yet: it comes with the first epoch's end."
                      : !r->dataset         ? r->no_images
                      : !ij_png_available() ? "Pictures are left out: this program was built without libpng."
                                            : NULL;
    if (why) {
        fputs("<h2>What it sees</h2>\n<p class=\"soft\">", out);
        ij_html_text(out, why);
        fputs("</p>\n", out);
        return IJ_OK;
    }
    gallery g = {.report = r};
    ij_status status = sections(&g, out);
    close_gallery(&g);
    return status;
}
