/* A short training run, from JPEG files through loader and trainer, whose loss falls: on the photographs of
 * tests/golden/crops and on pictures made here, with both ways of truncating masks. */
#include "data/loader.h"

#include "tests/images.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 32, CROP = 32, PATCH = 4, STEPS = 60, WINDOW = 10 };

static ij_mask_config masks(bool truncate)
{
    return (ij_mask_config){.side = CROP / PATCH,
                            .n_context = 1,
                            .n_target = 4,
                            .enc_scale = {0.85, 1.0},
                            .pred_scale = {0.15, 0.2},
                            .aspect = {0.75, 1.5},
                            .min_keep = 4,
                            .truncate_batch = truncate};
}

static ij_trainer *open_trainer(const ij_mask_config *mask)
{
    ij_trainer_config c = case_config();
    c.model.crop = CROP;
    c.model.patch = PATCH;
    c.model.dim = c.model.pred_dim = 48; /* heads 24 wide, as the kernels' tests have them: compiled once */
    c.model.depth = 3;
    c.model.hidden = 192;
    c.batch = BATCH;
    c.contexts = mask->n_context;
    c.targets = mask->n_target;
    ij_mask_bounds(mask, &c.context_capacity, &c.target_capacity);
    return case_trainer(&c);
}

static ij_loader *open_loader(const ij_dataset *dataset, const ij_mask_config *mask)
{
    ij_loader_config c = ij_loader_defaults();
    c.dataset = dataset;
    c.batch = BATCH;
    c.crop = CROP;
    c.seed = 1;
    c.workers = 2;
    c.mask = *mask;
    ij_loader *loader;
    case_ok(ij_loader_open(&loader, &c));
    return loader;
}

/* Whether all contexts of the batch have one length. */
static bool even(const ij_batch *b)
{
    for (int s = 1; s < b->contexts * b->images; s++)
        if (b->context_offset[s + 1] - b->context_offset[s] != b->context_offset[1])
            return false;
    return true;
}

static double loss_of(ij_trainer *t, int k)
{
    ij_step_result result;
    case_ok(ij_trainer_result(t, k, &result));
    assert_true(isfinite(result.loss) && result.target_std > 0.0);
    return result.loss;
}

/* STEPS steps as the program takes them: batch k+1 is filled while the device computes batch k, results come a step
 * late. Returns whether any batch was ragged. */
static bool train(ij_trainer *t, ij_loader *loader, double loss[STEPS])
{
    ij_batch *batch;
    bool ragged = false;
    case_ok(ij_trainer_slot(t, 0, &batch));
    case_ok(ij_loader_begin(loader, 0, batch));
    for (int k = 0; k < STEPS; k++) {
        case_ok(ij_loader_finish(loader));
        ragged = ragged || !even(batch);
        double warm = fmin(1.0, (k + 1) / 20.0);
        case_ok(ij_trainer_step(t, k % 2, &(ij_hyper){.lr = 2e-3 * warm, .wd = 0.05, .ema = 0.996}));
        case_ok(ij_trainer_slot(t, (k + 1) % 2, &batch));
        case_ok(ij_loader_begin(loader, k + 1, batch));
        if (k > 0)
            loss[k - 1] = loss_of(t, k - 1);
    }
    loss[STEPS - 1] = loss_of(t, STEPS - 1);
    case_ok(ij_loader_finish(loader));
    return ragged;
}

static double mean(const double *x, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;
}

/* How far a loss falls is a matter of the recipe; that it halves in these first steps, when the predictor learns what
 * the targets look like on average at each place, is not: it falls to a sixth. */
static void run(const char *folder, bool truncate)
{
    ij_dataset *dataset;
    double loss[STEPS];
    case_ok(ij_dataset_open(&dataset, folder));
    ij_mask_config mask = masks(truncate);
    ij_loader *loader = open_loader(dataset, &mask);
    ij_trainer *t = open_trainer(&mask);
    assert_true(train(t, loader, loss) != truncate);
    double first = mean(loss, WINDOW), last = mean(loss + STEPS - WINDOW, WINDOW);
    print_message("             loss %.3f -> %.3f\n", first, last);
    assert_true(last < 0.5 * first);
    ij_loader_close(loader);
    ij_trainer_destroy(t);
    ij_dataset_close(dataset);
}

/* ---- Pictures made here ------------------------------------------------------------------------------------------ */

static char *pictures;

static int make_pictures(void **state)
{
    (void)state;
    pictures = scratch_folder();
    for (uint32_t i = 0; i < 200; i++) {
        char name[64];
        snprintf(name, sizeof name, "%03u.jpg", i);
        scratch_picture(pictures, name, 40 + (int)i % 7, 36 + (int)i % 5, i);
    }
    return 0;
}

static int remove_pictures(void **state)
{
    (void)state;
    scratch_remove(pictures);
    free(pictures);
    return 0;
}

static void pictures_batch(void **state)
{
    (void)state;
    run(pictures, true);
}

static void pictures_none(void **state)
{
    (void)state;
    run(pictures, false);
}

/* ---- Photographs ------------------------------------------------------------------------------------------------- */

static const char *const photographs[] = {"n02037110_oystercatcher", "n02666196_abacus", "n03240683_drilling_platform",
                                          "n03804744_nail", "n07684084_French_loaf"};
static char *list; /* folder of a text list that names each of them ten times: every crop is another one */

static int list_photographs(void **state)
{
    (void)state;
    enum { MOST = 1024 };
    static char text[10 * sizeof photographs / sizeof *photographs * MOST];
    size_t length = 0;
    for (size_t i = 0; i < 10 * sizeof photographs / sizeof *photographs; i++)
        length += (size_t)snprintf(text + length, MOST, IJEPA_GOLDEN "/crops/%s.JPEG\n",
                                   photographs[i % (sizeof photographs / sizeof *photographs)]);
    list = scratch_folder();
    scratch_write(list, "list.txt", text, length);
    return 0;
}

static int remove_list(void **state)
{
    (void)state;
    scratch_remove(list);
    free(list);
    return 0;
}

static void train_on_photographs(bool truncate)
{
    char path[512];
    snprintf(path, sizeof path, "%s/list.txt", list);
    run(path, truncate);
}

static void photographs_batch(void **state)
{
    (void)state;
    train_on_photographs(true);
}

static void photographs_none(void **state)
{
    (void)state;
    train_on_photographs(false);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest made[] = {cmocka_unit_test(pictures_batch), cmocka_unit_test(pictures_none)};
    const struct CMUnitTest taken[] = {cmocka_unit_test(photographs_batch), cmocka_unit_test(photographs_none)};
    int failed = cmocka_run_group_tests_name("training on pictures", made, make_pictures, remove_pictures);
    failed += cmocka_run_group_tests_name("training on photographs", taken, list_photographs, remove_list);
    case_close();
    return failed;
}
