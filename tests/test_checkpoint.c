/* Checkpoints: what is written is what is read, in the official names; files of other models are refused whole. Runs
 * on the default device. */
#include "engine/checkpoint.h"
#include "engine/files/safetensors.h"
#include "engine/position.h"
#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/skip.h"

#include <math.h>
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
    case_ok(ij_trainer_create(&t, case_device(), &config));
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

/* Weights, moments and target encoder, bit by bit. */
static bool same_state(ij_trainer *a, ij_trainer *b)
{
    int64_t count, count_b;
    float *x = case_state(a, &count), *y = case_state(b, &count_b);
    assert_int_equal(count, count_b);
    bool same = true;
    for (int64_t i = 0, at = 0; i < ij_trainer_tensor_count(a); i++) {
        const ij_tensor_info *info = ij_trainer_tensor(a, (int)i);
        bool target = strncmp(info->name, "target_", 7) == 0;
        for (int store = 0; store < (target ? 1 : 4); store++, at += info->elements)
            if (store != IJ_STORE_GRADIENT)
                same = same && memcmp(x + at, y + at, (size_t)info->elements * sizeof *x) == 0;
    }
    free(x);
    free(y);
    return same;
}

static const ij_hyper hyper = {.lr = 1e-2, .wd = 0.1, .ema = 0.9};

static void train(ij_trainer *t, int steps)
{
    for (int i = 0; i < steps; i++) {
        int64_t k = ij_trainer_steps(t);
        case_step(t, (int)(k % 2), (uint64_t)k, hyper);
    }
}

static void save(const ij_model_config *model, uint64_t seed)
{
    ij_trainer *t = trainer(model, seed);
    const ij_checkpoint_meta meta = {.model = *model, .epoch = 3, .iteration = 1234567890123, .seed = seed};
    case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    ij_trainer_destroy(t);
}

static ij_model_file *opened(const char *name)
{
    ij_model_file *file;
    case_ok(ij_model_file_open(&file, name));
    return file;
}

/* A run of five steps, and one that was written after three and goes on in another trainer: the same bits, and the file
 * says what it was told. */
static void round_trip(void **state)
{
    (void)state;
    static const char *const more[][2] = {{"config", "[data]\nbatch_size = 2 ; \"quoted\" \xc3\xa9\n"}, {"empty", ""}};
    ij_trainer *a = trainer(&small, UINT64_MAX), *b = trainer(&small, 2);
    train(a, 3);
    const ij_checkpoint_meta meta = {.model = small,
                                     .epoch = 1,
                                     .iteration = 3,
                                     .seed = UINT64_MAX,
                                     .rescale_residual = true,
                                     .init = IJ_INIT_XAVIER,
                                     .more = more,
                                     .more_count = 2};
    case_ok(ij_checkpoint_write(a, NULL, path, &meta));
    assert_false(same_state(a, b));
    ij_model_file *file = opened(path);
    assert_true(ij_model_file_has_checksum(file));
    case_ok(ij_checkpoint_resume(b, file));
    assert_int_equal(ij_trainer_steps(b), 3);
    assert_true(same_state(a, b));
    train(a, 2);
    assert_false(same_state(a, b));
    train(b, 2);
    assert_true(same_state(a, b));

    const ij_model_file_info *info = ij_model_file_describe(file);
    assert_memory_equal(&info->model, &meta.model, sizeof meta.model);
    assert_true(info->encoder && info->target_encoder && info->predictor && info->moments);
    assert_true(info->epoch == 1 && info->iteration == 3);
    ij_drawing how;
    assert_true(ij_checkpoint_drawn(file, &how));
    assert_true(how.seed == UINT64_MAX && how.rescale_residual && how.init == IJ_INIT_XAVIER);
    for (int i = 0; i < 2; i++)
        assert_string_equal(ij_model_file_metadata(file, more[i][0]), more[i][1]);
    ij_model_file_close(file);
    ij_trainer_destroy(a);
    ij_trainer_destroy(b);
}

static char *contents(const char *name, size_t *size)
{
    FILE *f = fopen(name, "rb");
    char *bytes = malloc(1 << 20);
    assert_true(f && bytes);
    *size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    assert_true(*size > 0 && *size < 1 << 20);
    return bytes;
}

/* A snapshot is the state between two steps, whatever the trainer does while it is read. */
static void snapshot(void **state)
{
    (void)state;
    ij_trainer *t = trainer(&small, 3);
    ij_snapshot *s;
    case_ok(ij_trainer_make_snapshot(t, &s));
    assert_true(ij_snapshot_bytes(s) > 0);
    assert_int_equal(ij_snapshot_wait(s), IJ_EINVAL); /* nothing was taken yet */
    train(t, 2);
    const ij_checkpoint_meta meta = {.model = small, .iteration = 2};
    case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    for (int again = 0; again < 2; again++) { /* the second time over the first */
        case_ok(ij_trainer_take_snapshot(t, s));
        train(t, 3);
        case_ok(ij_snapshot_wait(s));
        case_ok(ij_checkpoint_write(t, s, other, &meta));
        size_t size, size_other;
        char *direct = contents(path, &size), *copied = contents(other, &size_other);
        assert_int_equal(size, size_other);
        assert_memory_equal(direct, copied, size);
        free(direct);
        free(copied);
        case_ok(ij_trainer_finish(t));
        case_ok(ij_checkpoint_write(t, NULL, path, &meta));
    }
    float value[1];
    int64_t part;
    assert_int_equal(ij_snapshot_read_part(s, 0, IJ_STORE_GRADIENT, 0, value, &part), IJ_EINVAL);
    ij_snapshot_destroy(s);
    ij_trainer_destroy(t);
}

/* Weights that are no numbers become no checkpoint, neither directly nor by way of a copy; what is there stays. */
static void not_finite(void **state)
{
    (void)state;
    save(&small, 1);
    size_t size, size_after;
    char *good = contents(path, &size);
    ij_trainer *t = trainer(&small, 3);
    ij_snapshot *s;
    const ij_checkpoint_meta meta = {.model = small, .iteration = 2};
    case_ok(ij_trainer_make_snapshot(t, &s));
    int norm = case_tensor(t, "predictor.predictor_norm.bias");
    float *values = weights(t, norm);
    values[5] = INFINITY;
    case_ok(ij_trainer_write(t, norm, IJ_STORE_MOMENT2, values));
    assert_int_equal(ij_checkpoint_write(t, NULL, path, &meta), IJ_EINVAL);
    assert_non_null(
        strstr(ij_error(), "optimizer.exp_avg_sq.predictor.predictor_norm.bias holds values that are no numbers"));
    case_ok(ij_trainer_take_snapshot(t, s));
    case_ok(ij_snapshot_wait(s));
    assert_int_equal(ij_checkpoint_write(t, s, path, &meta), IJ_EINVAL);
    ij_snapshot_give_up(s); /* and so does one that is given up */
    assert_int_equal(ij_checkpoint_write(t, s, path, &meta), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "given up"));
    char *now = contents(path, &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(good, now, size);
    free(values);
    free(good);
    free(now);
    ij_snapshot_destroy(s);
    ij_trainer_destroy(t);
}

/* Every byte counts: one that changed is found, wherever it is; so is a file that was cut short. */
static void damage(void **state)
{
    (void)state;
    save(&small, 1);
    size_t size;
    char *good = contents(path, &size);
    int found = 0, tried = 0;
    for (size_t at = 0; at < size; at += size / 97 + 1, tried++) {
        FILE *f = fopen(other, "wb");
        assert_non_null(f);
        good[at] ^= 0x10;
        assert_int_equal(fwrite(good, 1, size, f), size);
        good[at] ^= 0x10;
        fclose(f);
        ij_model_file *file;
        ij_trainer *t = trainer(&small, 7);
        ij_status status = ij_model_file_open(&file, other);
        if (!status) {
            status = ij_checkpoint_resume(t, file);
            ij_model_file_close(file);
        }
        if (status == IJ_EFORMAT && strstr(ij_error(), other))
            found++;
        else
            fail_msg("a change at byte %zu of %zu: %s", at, size, status ? ij_error() : "not found");
        ij_trainer_destroy(t);
    }
    assert_true(tried > 90);
    assert_int_equal(found, tried);
    free(good);
    assert_int_equal(truncate(path, (off_t)size - 1), 0);
    ij_model_file *file;
    assert_int_equal(ij_model_file_open(&file, path), IJ_EFORMAT);
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
                {"predictor.predictor_proj.weight", 2, {16, 16}},
                {"optimizer.exp_avg.encoder.norm.weight", 1, {16}},
                {"optimizer.exp_avg_sq.predictor.mask_token", 3, {1, 1, 16}}};
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
    for (int i = 0; i < 3; i++) {
        float written[16 * 16], table[16 * 16];
        assert_int_equal(ij_safetensors_read(file, ij_safetensors_find(file, some[i].name), written), IJ_OK);
        ij_position_table(table, 4, 16, 1);
        assert_memory_equal(written, table, sizeof table);
    }
    /* encoder and target: 2 + 12 a block + 2; predictor: 3 + 12 a block + 4; three tables; two moments of what is
     * trained */
    int of_encoder = 4 + 12 * small.depth, of_predictor = 7 + 12 * small.pred_depth;
    assert_int_equal(ij_safetensors_count(file), 2 * of_encoder + of_predictor + 3 + 2 * (of_encoder + of_predictor));
    ij_safetensors_close(file);
}

/* Copies `path` to `other` without its metadata but the heads, without the tensors that begin with `left_out`, with one
 * float named `added`, each NULL for none. */
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
        if (left_out && strncmp(t->name, left_out, strlen(left_out)) == 0)
            continue;
        entries[n] = (ij_st_entry){.name = t->name, .dtype = t->dtype, .dims = t->dims};
        memcpy(entries[n++].shape, t->shape, sizeof t->shape);
    }
    if (added)
        entries[n++] = (ij_st_entry){.name = added, .dtype = IJ_F32, .dims = 0};
    static const char *const heads[1][2] = {{"model.heads", "2"}}; /* which no tensor tells */
    assert_int_equal(ij_safetensors_create(&writer, other, entries, n, heads, 1), IJ_OK);
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
static void refused(ij_status (*load)(ij_trainer *, ij_model_file *), const char *name, const ij_model_config *model,
                    const char *naming)
{
    ij_trainer *t = trainer(model, 7), *untouched = trainer(model, 7);
    ij_model_file *file = NULL;
    ij_status status = ij_model_file_open(&file, name);
    bool opened = !status;
    if (opened)
        status = load(t, file);
    assert_int_equal(status, opened ? IJ_EINVAL : IJ_EFORMAT);
    if (!strstr(ij_error(), naming) || !strstr(ij_error(), name))
        fail_msg("\"%s\" does not name %s", ij_error(), naming);
    assert_true(same_weights(t, untouched));
    ij_model_file_close(file);
    ij_trainer_destroy(t);
    ij_trainer_destroy(untouched);
}

static void other_models(void **state)
{
    (void)state;
    save(&small, 1);
    struct {
        int *size;
        int value;
        const char *naming;
    } changes[] = {{NULL, 3, "number of blocks is 2 there, 3 here"},
                   {NULL, 32, "MLP is 64 there, 32 here"},
                   {NULL, 32, "predictor's width is 16 there, 32 here"},
                   {NULL, 1, "heads is 2 there, 1 here"}};
    ij_model_config model = small;
    changes[0].size = &model.depth;
    changes[1].size = &model.hidden;
    changes[2].size = &model.pred_dim;
    changes[3].size = &model.heads;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        model = small;
        *changes[i].size = changes[i].value;
        refused(ij_checkpoint_resume, path, &model, changes[i].naming);
        refused(ij_checkpoint_start_from, path, &model, changes[i].naming);
    }
    model = small;
    model.crop = 32;
    refused(ij_checkpoint_resume, path, &model, "crop_size is 16 there, 32 here");
    model = small;
    model.position_scale = 0.5f;
    refused(ij_checkpoint_resume, path, &model, "position_scale is 1 there, 0.5 here");
    refused(ij_checkpoint_start_from, path, &model, "position_scale is 1 there, 0.5 here");
}

/* What a run starts from may be of another image size, and lack what can be done without. */
static void starts(void **state)
{
    (void)state;
    save(&small, 1);
    ij_trainer *saved = trainer(&small, 1), *fresh = trainer(&small, 7);
    ij_model_config model = small;
    model.crop = 32;
    ij_trainer *larger = trainer(&model, 7);
    ij_model_file *file = opened(path);
    case_ok(ij_checkpoint_start_from(larger, file));
    assert_true(same_weights(larger, saved));
    assert_int_equal(ij_trainer_steps(larger), 0);
    ij_model_file_close(file);

    copy_changed("encoder.", NULL);
    refused(ij_checkpoint_resume, other, &small, "no context encoder");
    file = opened(other);
    case_ok(ij_checkpoint_start_from(fresh, file)); /* the target stands for both */
    assert_true(same_weights(fresh, saved));
    ij_model_file_close(file);

    copy_changed("predictor.", NULL);
    refused(ij_checkpoint_resume, other, &small, "no predictor");
    ij_trainer_destroy(fresh);
    fresh = trainer(&small, 7);
    file = opened(other);
    case_ok(ij_checkpoint_start_from(fresh, file));
    int mask = case_tensor(fresh, "predictor.mask_token"), norm = case_tensor(fresh, "encoder.patch_embed.proj.weight");
    ij_trainer *drawn = trainer(&small, 7);
    float *x = weights(fresh, mask), *y = weights(drawn, mask), *z = weights(fresh, norm), *w = weights(saved, norm);
    assert_memory_equal(x, y, (size_t)small.pred_dim * sizeof *x);
    assert_memory_equal(z, w, (size_t)(small.dim * 48) * sizeof *z);
    free(x);
    free(y);
    free(z);
    free(w);
    ij_model_file_close(file);
    ij_trainer_destroy(drawn);
    ij_trainer_destroy(larger);
    ij_trainer_destroy(saved);
    ij_trainer_destroy(fresh);
}

static void changed_files(void **state)
{
    (void)state;
    save(&small, 1);
    copy_changed("target_encoder.norm.bias", NULL);
    refused(ij_checkpoint_resume, other, &small, "target_encoder.norm.bias");
    copy_changed("optimizer.exp_avg_sq.encoder.norm.bias", NULL);
    refused(ij_checkpoint_resume, other, &small, "no moments");
    copy_changed("encoder.pos_embed", "optimizer.step"); /* neither matters, but the number of steps is gone */
    refused(ij_checkpoint_resume, other, &small, "how many steps");
    ij_trainer *t = trainer(&small, 7), *saved = trainer(&small, 1);
    ij_model_file *file = opened(other);
    case_ok(ij_checkpoint_start_from(t, file));
    assert_true(same_weights(t, saved));
    ij_model_file_close(file);
    ij_trainer_destroy(t);
    ij_trainer_destroy(saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip),     cmocka_unit_test(snapshot),
                                       cmocka_unit_test(not_finite),     cmocka_unit_test(damage),
                                       cmocka_unit_test(official_names), cmocka_unit_test(other_models),
                                       cmocka_unit_test(changed_files),  cmocka_unit_test(starts)};
    if (!case_device())
        return CASE_NO_DEVICE;
    int failed = cmocka_run_group_tests_name("checkpoint", tests, make_folder, remove_folder);
    case_close();
    return failed;
}
