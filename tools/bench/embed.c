/* bench embed: how fast a model's encoder makes features of images that are in memory already: pixels to the device,
 * the encoder, means over the patches back. What `ijepa embed` waits for where images are read fast enough. */
#include "engine/base/try.h"
#include "engine/encoder.h"
#include "tools/bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_UP = 2, MOST_STEPS = 1000 };

typedef struct embed_options {
    const char *model, *device;
    int batch, steps;
} embed_options;

/* Products alone, as ij_step_flops counts them. */
static double flops_of(const ij_model_config *m)
{
    double n = ij_model_patches(m), d = m->dim;
    double block = 2 * n * (4 * d * d + 2 * d * m->hidden) + 4 * n * n * d;
    return 2 * n * 3 * m->patch * m->patch * d + m->depth * block;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* `size` of the first image's features: so that others who embed the same pixels can be seen to have done the same. */
static void print(const ij_encoder *e, double *seconds, int steps, double size)
{
    qsort(seconds, (size_t)steps, sizeof *seconds, ascending);
    double median = seconds[steps / 2], batch = ij_encoder_batch(e);
    printf("device_mib %.1f batch %.0f images_per_second %.3f gflops %.1f feature_norm %.6g fastest_ms %.3f step_ms "
           "%.3f\n",
           (double)ij_encoder_device_bytes(e) / 1048576.0, batch, batch / median,
           1e-9 * batch * flops_of(ij_encoder_model(e)) / median, size, 1e3 * seconds[0], 1e3 * median);
}

static ij_status measure(ij_encoder *e, int steps)
{
    const ij_model_config *m = ij_encoder_model(e);
    int batch = ij_encoder_batch(e);
    size_t bytes = (size_t)batch * (size_t)m->crop * (size_t)m->crop * 3;
    uint8_t *pixels = malloc(bytes);
    float *features = malloc((size_t)batch * (size_t)m->dim * sizeof *features);
    double seconds[MOST_STEPS], size = 0;
    ij_status status = pixels && features ? IJ_OK : ij_fail(IJ_ENOMEM, "out of memory for %d images", batch);
    for (size_t i = 0; i < bytes && !status; i++)
        pixels[i] = (uint8_t)(i * 97 % 251);
    for (int k = -WARM_UP; k < steps && !status; k++) {
        double begin = ij_now();
        status = ij_encoder_run(e, pixels, batch, features);
        if (k >= 0)
            seconds[k] = ij_now() - begin;
    }
    for (int j = 0; j < m->dim && !status; j++)
        size += (double)features[j] * (double)features[j];
    if (!status)
        print(e, seconds, steps, sqrt(size));
    free(pixels);
    free(features);
    return status;
}

static ij_status run(const embed_options *o)
{
    ij_model_file *file;
    ij_device *device = NULL;
    ij_encoder *encoder = NULL;
    TRY(ij_model_file_open(&file, o->model));
    ij_status status = ij_device_open(&device, o->device);
    if (!status)
        status = ij_encoder_create(&encoder, device, file, &(ij_encoder_options){.batch = o->batch});
    ij_model_file_close(file);
    if (!status)
        status = measure(encoder, o->steps);
    ij_encoder_destroy(encoder);
    if (device)
        ij_device_close(device);
    return status;
}

/* The number behind an option, from `least` to `most`. */
static bool number(int argc, char **argv, int *i, const char *name, int least, int most, int *value)
{
    if (strcmp(argv[*i], name) || *i + 1 >= argc)
        return false;
    *value = atoi(argv[*i + 1]);
    if (*value < least || *value > most)
        return false;
    ++*i;
    return true;
}

int bench_embed(int argc, char **argv)
{
    embed_options o = {.batch = 16, .steps = 5};
    for (int i = 0; i < argc; i++) {
        if (number(argc, argv, &i, "--batch", 0, 65536, &o.batch) ||
            number(argc, argv, &i, "--steps", 1, MOST_STEPS, &o.steps))
            continue;
        if (!strcmp(argv[i], "--device") && i + 1 < argc) {
            o.device = argv[++i];
        } else if (!strcmp(argv[i], "--tuning") && i + 1 < argc) {
            setenv("IJEPA_TUNING", argv[++i], 1);
        } else if (argv[i][0] != '-' && !o.model) {
            o.model = argv[i];
        } else {
            fprintf(stderr,
                    "ijepa-bench: embed takes MODEL, --batch 0 to 65536 (0: chosen), --steps 1 to %d, --device D and "
                    "--tuning FILE, not %s\n",
                    MOST_STEPS, argv[i]);
            return 2;
        }
    }
    if (!o.model) {
        fprintf(stderr, "ijepa-bench: which model?\n");
        return 2;
    }
    ij_status status = run(&o);
    if (status)
        fprintf(stderr, "ijepa-bench: %s\n", ij_error());
    return status ? 1 : 0;
}
