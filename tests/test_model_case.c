#include "tests/test_model_case.h"

#include "engine/base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/skip.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ij_trainer_config case_config(void)
{
    ij_trainer_config c = {.batch = 3,
                           .contexts = 2,
                           .targets = 2,
                           .context_capacity = 6,
                           .target_capacity = 3,
                           .loss = IJ_LOSS_L2,
                           .gemm = IJ_GEMM_AUTO,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .eps = 1e-8,
                           .seed = 7};
    c.model = (ij_model_config){.crop = 12,
                                .patch = 4,
                                .dim = 16,
                                .depth = 2,
                                .heads = 2,
                                .hidden = 45,
                                .pred_dim = 32,
                                .pred_depth = 2,
                                .norm_eps = 1e-6f,
                                .target_eps = 1e-5f};
    return c;
}

ij_trainer_config case_config_pixels(int batch)
{
    ij_trainer_config c = case_config();
    c.batch = batch;
    c.model.pixel_head = true;
    c.pixel_weight = 0.5;
    return c;
}

void case_ok(ij_status status)
{
    if (status)
        fail_msg("%s", ij_error());
}

/* ---- Device and trainer ------------------------------------------------------------------------------------------ */

static ij_device *device;

ij_device *case_device(void)
{
    if (!device && ij_device_open(&device, NULL) != IJ_OK)
        skip_without_device();
    return device;
}

void case_close(void)
{
    ij_device_close(device);
    device = NULL;
}

ij_trainer *case_trainer(const ij_trainer_config *config)
{
    ij_trainer *t;
    assert_non_null(case_device());
    case_ok(ij_trainer_create(&t, device, config));
    return t;
}

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

/* `count` different patches of `patches`, ascending. */
static void draw_mask(ij_random *r, int32_t *mask, int count, int patches)
{
    for (int patch = 0, left = count; left > 0; patch++)
        if ((int)ij_random_below(r, (uint32_t)(patches - patch)) < left) {
            *mask++ = patch;
            left--;
        }
}

static void fill(ij_batch *b, uint64_t seed, bool longest)
{
    ij_random r;
    ij_random_start(&r, seed, IJ_STREAM_TEST, 0, 0);
    size_t image = (size_t)b->crop * (size_t)b->crop * 3, begin = (size_t)b->first * image;
    for (size_t i = 0; i < (size_t)b->images * image; i++) {
        uint8_t value = (uint8_t)ij_random_below(&r, 256);
        if (i >= begin && i < begin + (size_t)ij_batch_own(b) * image)
            b->pixels[i - begin] = value;
    }
    int patches = b->crop / 4 * (b->crop / 4);
    b->context_offset[0] = 0;
    for (int s = 0; s < b->contexts * b->images; s++) {
        int n = longest ? b->context_capacity : 1 + (int)ij_random_below(&r, (uint32_t)b->context_capacity);
        draw_mask(&r, b->context + b->context_offset[s], n, patches);
        b->context_offset[s + 1] = b->context_offset[s] + n;
    }
    b->target_length = longest ? b->target_capacity : 1 + (int)ij_random_below(&r, (uint32_t)b->target_capacity);
    for (int i = 0; i < b->targets * b->images; i++)
        draw_mask(&r, b->target + i * b->target_length, b->target_length, patches);
}

void case_fill(ij_batch *batch, uint64_t seed)
{
    fill(batch, seed, false);
}

void case_fill_longest(ij_batch *batch, uint64_t seed)
{
    fill(batch, seed, true);
}

void case_step(ij_trainer *t, int slot, uint64_t seed, ij_hyper hyper)
{
    ij_batch *batch;
    case_ok(ij_trainer_slot(t, slot, &batch));
    case_fill(batch, seed);
    case_ok(ij_trainer_step(t, slot, &hyper));
}

/* ---- Tensors ----------------------------------------------------------------------------------------------------- */

int case_tensor(const ij_trainer *t, const char *name)
{
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        if (strcmp(ij_trainer_tensor(t, i)->name, name) == 0)
            return i;
    fail_msg("there is no tensor %s", name);
    return -1;
}

float *case_state(ij_trainer *t, int64_t *count)
{
    int64_t floats = 0;
    for (int i = 0; i < ij_trainer_tensor_count(t); i++)
        floats += 4 * ij_trainer_tensor(t, i)->elements;
    float *state = calloc((size_t)floats, sizeof *state), *to = state;
    assert_non_null(state);
    for (int i = 0; i < ij_trainer_tensor_count(t); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(t, i);
        bool target = strncmp(info->name, "target_encoder.", 15) == 0;
        for (ij_store s = IJ_STORE_WEIGHT; s <= (target ? IJ_STORE_WEIGHT : IJ_STORE_MOMENT2); s++) {
            case_ok(ij_trainer_read(t, i, s, to));
            to += info->elements;
        }
    }
    *count = to - state;
    return state;
}
