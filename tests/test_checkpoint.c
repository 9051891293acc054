/* Checkpoints: what is written is what is read, in the official names; files of other models are refused whole. Runs
 * on the default device. */
#include "engine/checkpoint.h"
#include "engine/safetensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const ij_model_config small = {.crop = 16,
                                      .patch = 4,
                                      .dim = 16,
                                      .depth = 2,
                                      .heads = 2,
                                      .hidden = 64,
                                      .pred_dim = 16,
                                      .pred_depth = 1,
                                      .norm_eps = 1e-6f,
                                      .target_eps = 1e-5f};

static char folder[] = "/tmp/ijepa-checkpoint-XXXXXX";
static char path[64], other[64];
static ij_device *device;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/a.safetensors", folder);
    snprintf(other, sizeof other, "%s/b.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path);
    unlink(other);
    return rmdir(folder);
}

static ij_trainer *trainer(const ij_model_config *model, uint64_t seed)
{
    ij_trainer_config config = {.model = *model,
                                .batch = 2,
                                .contexts = 1,
                                .targets = 1,
                                .context_capacity = 8,
                                .target_capacity = 4,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8,
                                .seed = seed};
    ij_trainer *t = NULL;
    if (ij_trainer_create(&t, device, &config))
        fail_msg("%s", ij_error());
    return t;
}

static float *weights(ij_trainer *t, int tensor)
{
    float *values = malloc((size_t)ij_trainer_tensor(t, tensor)->elements * sizeof *values);
    assert_non_null(values);
    assert_int_equal(ij_trainer_read(t, tensor, IJ_STORE_WEIGHT, values), IJ_OK);
    return values;
}

static bool same_weights(ij_trainer *a, ij_trainer *b)
{
    bool same = ij_trainer_tensor_count(a) == ij_trainer_tensor_count(b);
    for (int i = 0; i < ij_trainer_tensor_count(a) && same; i++) {
        float *x = weights(a, i), *y = weights(b, i);
        same = memcmp(x, y, (size_t)ij_trainer_tensor(a, i)->elements * sizeof *x) == 0;
        free(x);
        free(y);
    }
    return same;
}

static void save(const ij_model_config *model, uint64_t seed)
{
    ij_trainer *t = trainer(model, seed);
    const ij_checkpoint_meta meta = {.model = *model, .epoch = 3, .iteration = 1234567890123, .seed = seed};
    if (ij_checkpoint_write(t, path, &meta))
        fail_msg("%s", ij_error());
    ij_trainer_destroy(t);
}

static void round_trip(void **state)
{
    (void)state;
    ij_trainer *a = trainer(&small, UINT64_MAX), *b = trainer(&small, 2);
    assert_false(same_weights(a, b));
    const ij_checkpoint_meta meta = {
        .model = small, .epoch = 3, .iteration = 1234567890123, .seed = UINT64_MAX, .rescale_residual = true};
    assert_int_equal(ij_checkpoint_write(a, path, &meta), IJ_OK);
    assert_int_equal(ij_checkpoint_read(b, path), IJ_OK);
    assert_true(same_weights(a, b));
    ij_checkpoint_meta found;
    assert_int_equal(ij_checkpoint_describe(path, &found), IJ_OK);
    assert_memory_equal(&found.model, &meta.model, sizeof meta.model);
    assert_true(found.epoch == meta.epoch && found.iteration == meta.iteration && found.seed == meta.seed &&
                found.rescale_residual);
    ij_trainer_destroy(a);
    ij_trainer_destroy(b);
}

static void official_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int dims;
        int64_t shape[4];
    } some[] = {{"encoder.pos_embed", 3, {1, 16, 16}},
                {"target_encoder.pos_embed", 3, {1, 16, 16}},
                {"predictor.predictor_pos_embed", 3, {1, 16, 16}},
                {"encoder.patch_embed.proj.weight", 4, {16, 3, 4, 4}},
                {"encoder.blocks.1.attn.qkv.weight", 2, {48, 16}},
                {"target_encoder.blocks.0.mlp.fc1.bias", 1, {64}},
                {"predictor.mask_token", 3, {1, 1, 16}},
                {"predictor.predictor_blocks.0.norm2.weight", 1, {16}},
                {"predictor.predictor_proj.weight", 2, {16, 16}}};
    save(&small, 1);
    ij_safetensors *file;
    assert_int_equal(ij_safetensors_open(&file, path), IJ_OK);
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        const ij_st_tensor *t = ij_safetensors_find(file, some[i].name);
        if (!t || t->dims != some[i].dims || t->dtype != IJ_F32)
            fail_msg("%s is missing or of another shape", some[i].name);
        for (int d = 0; d < t->dims; d++)
            assert_int_equal(t->shape[d], some[i].shape[d]);
    }
    /* encoder and target: 2 + 12 a block + 2; predictor: 3 + 12 a block + 4; three tables */
    assert_int_equal(ij_safetensors_count(file), 2 * (4 + 12 * small.depth) + 7 + 12 * small.pred_depth + 3);
    ij_safetensors_close(file);
}

/* Copies `path` to `other` without tensor `left_out` and with one float named `added`, each NULL for none. */
static void copy_changed(const char *left_out, const char *added)
{
    ij_safetensors *file;
    ij_st_writer *writer;
    assert_int_equal(ij_safetensors_open(&file, path), IJ_OK);
    ij_st_entry *entries = calloc((size_t)ij_safetensors_count(file) + 1, sizeof *entries);
    assert_non_null(entries);
    int n = 0;
    for (int i = 0; i < ij_safetensors_count(file); i++) {
        const ij_st_tensor *t = ij_safetensors_at(file, i);
        if (left_out && strcmp(t->name, left_out) == 0)
            continue;
        entries[n] = (ij_st_entry){.name = t->name, .dtype = t->dtype, .dims = t->dims};
        memcpy(entries[n++].shape, t->shape, sizeof t->shape);
    }
    if (added)
        entries[n++] = (ij_st_entry){.name = added, .dtype = IJ_F32, .dims = 0};
    assert_int_equal(ij_safetensors_create(&writer, other, entries, n, NULL, 0), IJ_OK);
    for (int i = 0; i < n; i++) {
        const ij_st_tensor *t = ij_safetensors_find(file, entries[i].name);
        float one = 1, *values = t ? malloc(t->bytes + 1) : NULL;
        if (t)
            assert_int_equal(ij_safetensors_read(file, t, values), IJ_OK);
        assert_int_equal(ij_safetensors_write(writer, t ? values : &one, t ? t->bytes : sizeof one), IJ_OK);
        free(values);
    }
    assert_int_equal(ij_safetensors_finish(writer), IJ_OK);
    free(entries);
    ij_safetensors_close(file);
}

/* `file` must be refused with a message that holds `naming`, and change nothing. */
static void refused(const char *file, const ij_model_config *model, const char *naming)
{
    ij_trainer *t = trainer(model, 7), *untouched = trainer(model, 7);
    assert_int_equal(ij_checkpoint_read(t, file), IJ_EFORMAT);
    if (!strstr(ij_error(), naming) || !strstr(ij_error(), file))
        fail_msg("\"%s\" does not name %s", ij_error(), naming);
    assert_true(same_weights(t, untouched));
    ij_trainer_destroy(t);
    ij_trainer_destroy(untouched);
}

static void other_models(void **state)
{
    (void)state;
    save(&small, 1);
    ij_model_config model = small;
    model.depth = 3;
    refused(path, &model, "encoder.blocks.2.");
    model.depth = 1;
    refused(path, &model, "encoder.blocks.1.");
    model = small;
    model.hidden = 32;
    refused(path, &model, "encoder.blocks.0.mlp.fc1.weight has shape [64, 16], the model's is [32, 16]");
    model = small;
    model.pred_dim = 32;
    refused(path, &model, "predictor.");
}

static void changed_files(void **state)
{
    (void)state;
    save(&small, 1);
    copy_changed("target_encoder.norm.bias", NULL);
    refused(other, &small, "target_encoder.norm.bias");
    copy_changed(NULL, "predictor.extra");
    refused(other, &small, "predictor.extra");

    copy_changed("encoder.pos_embed", "optimizer.step"); /* neither matters */
    ij_trainer *t = trainer(&small, 7), *saved = trainer(&small, 1);
    assert_int_equal(ij_checkpoint_read(t, other), IJ_OK);
    assert_true(same_weights(t, saved));
    ij_trainer_destroy(t);
    ij_trainer_destroy(saved);

    ij_checkpoint_meta meta; /* the copy has no metadata */
    assert_int_equal(ij_checkpoint_describe(other, &meta), IJ_EFORMAT);
    assert_int_equal(ij_checkpoint_describe("/nowhere/at/all", &meta), IJ_EIO);
}

static void other_versions(void **state)
{
    (void)state;
    static const char *const metadata[1][2] = {{"ijepa.checkpoint", "2"}};
    ij_st_writer *writer;
    assert_int_equal(ij_safetensors_create(&writer, other, NULL, 0, metadata, 1), IJ_OK);
    assert_int_equal(ij_safetensors_finish(writer), IJ_OK);
    ij_checkpoint_meta meta;
    assert_int_equal(ij_checkpoint_describe(other, &meta), IJ_EFORMAT);
    assert_non_null(strstr(ij_error(), "version 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(official_names),
                                       cmocka_unit_test(other_models), cmocka_unit_test(changed_files),
                                       cmocka_unit_test(other_versions)};
    if (ij_device_open(&device, NULL)) {
        fprintf(stderr, "skipped: %s\n", ij_error());
        return 77;
    }
    int failed = cmocka_run_group_tests_name("checkpoint", tests, make_folder, remove_folder);
    ij_device_close(device);
    return failed;
}
