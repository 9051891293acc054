/* How much a frozen encoder knows: a linear classifier on the mean-pooled features of the target encoder, for a
 * checkpoint and, for comparison, for the random weights that its run started from. */
#include "engine/checkpoint.h"
#include "engine/device.h"
#include "engine/trainer.h"
#include "tools/features.h"
#include "tools/ridge.h"

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: probe --checkpoint FILE --train FOLDER --test FOLDER [options]\n"
    "\n"
    "Features are the target encoder's, averaged over the patches of each image (shorter side resized to 256/224 of\n"
    "the crop, centre crop). A ridge classifier learns the classes of the training folder; the share of test images\n"
    "that it gets right is printed. The checkpoint tells the model's shape. FOLDER holds a folder per class.\n"
    "\n"
    "  --checkpoint FILE   the model, as \"ijepa train\" saves it\n"
    "  --train FOLDER      images to learn the classes from\n"
    "  --test FOLDER       images to be right about\n"
    "  --random-start      probe the initial weights of the same seed as well\n"
    "  --limit N           at most N images of each class from each folder (default: all)\n"
    "  --batch N           images at a time on the device (default 64)\n"
    "  --device D          index, type (cpu, gpu) or part of a name\n";

typedef struct options {
    const char *checkpoint, *train, *test, *device;
    bool random_start;
    long limit, batch;
} options;

/* What a probe works with; the sets are the same for every set of weights. */
typedef struct probe {
    ij_model_file *file;
    ij_model_config model;
    ij_device *device;
    ij_trainer *trainer;
    int batch;
    image_set train, test;
    float *train_features, *test_features;
} probe;

/* ---- Probing ----------------------------------------------------------------------------------------------------- */

/* A line that overwrites itself, on a terminal only. */
static void show_progress(int64_t done, int64_t n)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rfeatures of image %lld of %lld%s", (long long)done, (long long)n,
                done == n ? "\r\033[K" : "");
}

static ij_status make_trainer(probe *p, bool random_start)
{
    uint64_t seed = 0;
    bool rescale;
    if (!ij_checkpoint_drawn(p->file, &seed, &rescale) && random_start)
        return ij_fail(IJ_EINVAL, "%s does not say which random start it comes from", ij_model_file_path(p->file));
    ij_trainer_config config = {.model = p->model,
                                .batch = p->batch,
                                .contexts = 1,
                                .targets = 1,
                                .context_capacity = 1, /* nothing is trained: the smallest plan */
                                .target_capacity = 1,
                                .loss = IJ_LOSS_L2,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8,
                                .seed = seed,
                                .rescale_residual = rescale};
    if (!config.model.pred_dim) { /* a file without a predictor: any will do */
        config.model.pred_dim = config.model.dim;
        config.model.pred_depth = 1;
    }
    return ij_trainer_create(&p->trainer, p->device, &config);
}

static ij_status prepare(probe *p, const options *o)
{
    ij_status status = ij_model_file_open(&p->file, o->checkpoint);
    if (!status)
        p->model = ij_model_file_describe(p->file)->model;
    if (!status)
        status = image_set_open(&p->train, o->train, o->limit, p->model.crop);
    if (!status)
        status = image_set_open(&p->test, o->test, o->limit, p->model.crop);
    if (!status)
        status = image_set_relabel(&p->test, &p->train);
    if (status)
        return status;
    size_t width = (size_t)p->model.dim;
    p->train_features = malloc((size_t)p->train.n * width * sizeof(float));
    p->test_features = malloc((size_t)p->test.n * width * sizeof(float));
    if (!p->train_features || !p->test_features)
        return ij_fail(IJ_ENOMEM, "no host memory for the features of %lld images; use --limit",
                       (long long)(p->train.n + p->test.n));
    p->batch = (int)o->batch;
    status = ij_device_open(&p->device, o->device);
    return status ? status : make_trainer(p, o->random_start);
}

/* Probes the weights that the trainer has now and prints one line. */
static ij_status measure(probe *p, const char *title)
{
    const ij_model_config *model = &p->model;
    ridge_result result;
    ij_status status = image_set_features(&p->train, p->trainer, model, p->batch, p->train_features, show_progress);
    if (!status)
        status = image_set_features(&p->test, p->trainer, model, p->batch, p->test_features, show_progress);
    if (status)
        return status;
    int classes = ij_dataset_classes(p->train.dataset);
    const ridge_data train = {p->train_features, p->train.labels, p->train.n, model->dim, classes};
    const ridge_data test = {p->test_features, p->test.labels, p->test.n, model->dim, classes};
    if ((status = ridge_classify(&train, &test, &result)))
        return status;
    printf("%-16s test accuracy %6.2f %%   (training images %6.2f %%, lambda %g)\n", title, 100 * result.accuracy,
           100 * result.train_accuracy, result.lambda);
    fflush(stdout);
    return IJ_OK;
}

static ij_status run(probe *p, const options *o)
{
    ij_status status = prepare(p, o);
    if (status)
        return status;
    printf("linear probe of %s, iteration %lld: %d classes, %lld training and %lld test images, %d features\n",
           o->checkpoint, (long long)ij_model_file_describe(p->file)->iteration, ij_dataset_classes(p->train.dataset),
           (long long)p->train.n, (long long)p->test.n, p->model.dim);
    if (o->random_start) /* the trainer's initial weights, before the checkpoint replaces them */
        status = measure(p, "random start");
    if (!status)
        status = ij_checkpoint_start_from(p->trainer, p->file);
    if (!status)
        status = measure(p, "trained");
    if (p->train.unreadable + p->test.unreadable > 0)
        printf("left out %lld images that could not be read\n", (long long)(p->train.unreadable + p->test.unreadable));
    return status;
}

static void clean_up(probe *p)
{
    ij_model_file_close(p->file);
    ij_trainer_destroy(p->trainer);
    ij_device_close(p->device);
    image_set_close(&p->train);
    image_set_close(&p->test);
    free(p->train_features);
    free(p->test_features);
}

/* ---- Command line ------------------------------------------------------------------------------------------------ */

static bool parse_number(const char *option, const char *text, long highest, long *value)
{
    char *end;
    *value = strtol(text, &end, 10);
    if (end != text && !*end && *value >= 1 && *value <= highest)
        return true;
    fprintf(stderr, "probe: --%s is a number from 1 to %ld, not \"%s\"\n", option, highest, text);
    return false;
}

/* The exit status where there is nothing more to do, else -1. */
static int parse(int argc, char **argv, options *o)
{
    static const struct option known[] = {{"checkpoint", required_argument, NULL, 'c'},
                                          {"train", required_argument, NULL, 't'},
                                          {"test", required_argument, NULL, 'e'},
                                          {"random-start", no_argument, NULL, 'r'},
                                          {"limit", required_argument, NULL, 'l'},
                                          {"batch", required_argument, NULL, 'b'},
                                          {"device", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        switch (option) {
        case 'c':
            o->checkpoint = optarg;
            break;
        case 't':
            o->train = optarg;
            break;
        case 'e':
            o->test = optarg;
            break;
        case 'd':
            o->device = optarg;
            break;
        case 'r':
            o->random_start = true;
            break;
        case 'l':
            if (!parse_number("limit", optarg, LONG_MAX, &o->limit))
                return 2;
            break;
        case 'b':
            if (!parse_number("batch", optarg, 4096, &o->batch))
                return 2;
            break;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            return 2;
        }
    if (optind == argc && o->checkpoint && o->train && o->test)
        return -1;
    fputs(usage, stderr);
    return 2;
}

int main(int argc, char **argv)
{
    options o = {.batch = 64};
    int exit_status = parse(argc, argv, &o);
    if (exit_status >= 0)
        return exit_status;
    probe p = {0};
    ij_status status = run(&p, &o);
    if (status)
        fprintf(stderr, "probe: %s\n", ij_error());
    clean_up(&p);
    return status ? 1 : 0;
}
