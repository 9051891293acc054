/* The configuration: every class of error is found and shown at its line, presets load, what is printed reads back. */
#include "ini/config.h"
#include "ini/convert.h"
#include "ini/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h last: it needs the headers above it */
#include <cmocka.h>

/* A configuration that is in order; tests add lines to it. 11 lines. */
#define GOOD                                                                                                           \
    "[data]\n"                                                                                                         \
    "crop_size = 32\n"                                                                                                 \
    "batch_size = 8\n"                                                                                                 \
    "[mask]\n"                                                                                                         \
    "patch_size = 4\n"                                                                                                 \
    "min_keep = 4\n"                                                                                                   \
    "[meta]\n"                                                                                                         \
    "model_name = vit_tiny\n"                                                                                          \
    "pred_emb_dim = 96\n"                                                                                              \
    "[optimization]\n"                                                                                                 \
    "epochs = 100\n"

static ij_status parse(ij_config *config, const char *text, const char *set)
{
    return ij_config_parse(config, "run.ini", text, strlen(text), &set, set != NULL);
}

static void assert_message_holds(const char *part)
{
    if (!strstr(ij_error(), part))
        fail_msg("\"%s\" is not in the message:\n%s", part, ij_error());
}

/* The text is refused with a message that holds `expected`, and with that one error alone. */
static void assert_refused(const char *text, const char *set, const char *expected)
{
    ij_config config;
    assert_int_equal(parse(&config, text, set), IJ_EINVAL);
    assert_message_holds(expected);
    assert_message_holds("1 error in the configuration run.ini:");
}

static void assert_accepted(ij_config *config, const char *text, const char *set)
{
    if (parse(config, text, set))
        fail_msg("%s", ij_error());
}

/* ---- Values ---------------------------------------------------------------------------------------------------- */

static void values_are_read(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c,
                    GOOD
                    "\n; a comment\n# another\n  lr = 5e-4 ; after a value\n\tema = [0.99, 1.0]\nloss=l2\n[data]\n"
                    "root_path = \"/some where/x;y\"\nuse_horizontal_flip = True\r\n[run]\nseed = 9000000000000000\n",
                    "optimization.max_steps=7");
    assert_int_equal(c.data.crop_size, 32);
    assert_true(c.optimization.lr == 5e-4);
    assert_true(c.optimization.ema[0] == 0.99 && c.optimization.ema[1] == 1.0);
    assert_int_equal(c.optimization.loss, IJ_CONFIG_LOSS_L2);
    assert_int_equal(c.optimization.max_steps, 7);
    assert_string_equal(c.data.root_path, "/some where/x;y");
    assert_true(c.data.use_horizontal_flip);
    assert_int_equal(c.run.seed, 9000000000000000);
    assert_int_equal(c.meta.width, 192);        /* of vit_tiny */
    assert_int_equal(c.mask.num_pred_masks, 4); /* a default */
}

static void a_byte_order_mark_and_a_missing_last_newline_do_no_harm(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c, "\xef\xbb\xbf" GOOD "lr = 0.5", NULL);
    assert_true(c.optimization.lr == 0.5);
    assert_int_equal(c.data.crop_size, 32);
}

static void every_type_is_checked(void **state)
{
    (void)state;
    assert_refused(GOOD "lr = fast\n", NULL, "run.ini:12: [optimization] lr = fast: a number, ");
    assert_refused(GOOD "lr = 1e-3x\n", NULL, "run.ini:12: [optimization] lr = 1e-3x");
    assert_refused(GOOD "lr = nan\n", NULL, "run.ini:12: [optimization] lr = nan");
    assert_refused(GOOD "lr = inf\n", NULL, "run.ini:12: [optimization] lr = inf");
    assert_refused(GOOD "lr =\n", NULL, "run.ini:12: [optimization] lr has no value: a number");
    assert_refused(GOOD "max_steps = 1.5\n", NULL, "run.ini:12: [optimization] max_steps = 1.5: a whole number");
    assert_refused(GOOD "max_steps = 99999999999999999999\n", NULL, "run.ini:12: [optimization] max_steps");
    assert_refused(GOOD "ema = 0.9\n", NULL, "run.ini:12: [optimization] ema = 0.9: two numbers");
    assert_refused(GOOD "ema = 0.9, 1, 2\n", NULL, "run.ini:12: [optimization] ema");
    assert_refused(GOOD "ema = [0.9, 1\n", NULL, "run.ini:12: [optimization] ema");
    assert_refused(GOOD "loss = l1\n", NULL, "loss = l1: one of smooth_l1, l2 is expected");
    assert_refused(GOOD "[data]\nuse_horizontal_flip = maybe\n", NULL,
                   "run.ini:13: [data] use_horizontal_flip = maybe: true");
}

static void every_range_is_checked(void **state)
{
    (void)state;
    assert_refused(GOOD "lr = -1\n", NULL, "run.ini:12: [optimization] lr = -1: a number, at least 0");
    assert_refused(GOOD "betas = 0.9, 1\n", NULL,
                   "run.ini:12: [optimization] betas = 0.9, 1: two numbers, at least 0, below 1");
    assert_refused(GOOD "eps = 0\n", NULL, "run.ini:12: [optimization] eps = 0: a number, above 0");
    assert_refused(GOOD "[data]\ncrop_scale = 0.9, 0.3\n", NULL,
                   "run.ini:13: [data] crop_scale = 0.9, 0.3: two numbers, the smaller first");
    assert_refused(GOOD, "data.batch_size=0", "--set: [data] batch_size = 0: a whole number, at least 1");
    assert_refused(GOOD "[logging]\nwrite_tag = a/b\n", NULL, "run.ini:13: [logging] write_tag = a/b");
    assert_refused(GOOD "[logging]\nfolder =\n", NULL, "run.ini:13: [logging] folder is empty");
}

/* ---- Names and lines ------------------------------------------------------------------------------------------- */

static void unknown_names_get_the_nearest_known_one(void **state)
{
    (void)state;
    assert_refused(GOOD "epocs = 3\n", NULL, "run.ini:12: [optimization] has no key epocs; did you mean epochs?");
    assert_refused(GOOD "batch_size = 3\n", NULL,
                   "run.ini:12: [optimization] has no key batch_size; it belongs to [data]");
    assert_refused(GOOD "zzzzzzzz = 3\n", NULL, "run.ini:12: [optimization] has no key zzzzzzzz");
    assert_refused(GOOD "[maks]\nmin_keep = x\n", NULL, "run.ini:12: there is no section [maks]; did you mean [mask]?");
    assert_refused(GOOD, "data.batchsize=3", "--set: [data] has no key batchsize; did you mean batch_size?");
    assert_refused(GOOD, "optimisation.lr=3", "--set: there is no section optimisation; did you mean optimization?");
    assert_refused(GOOD, "lr=3", "--set: lr needs its section: did you mean optimization.lr?");
    assert_refused(GOOD, "data.batch_size", "--set: data.batch_size has no value");
}

static void broken_lines_are_found(void **state)
{
    (void)state;
    assert_refused(GOOD "nonsense\n", NULL, "run.ini:12: neither a [section], nor key = value");
    assert_refused(GOOD "nonsense", NULL, "run.ini:12: neither a [section], nor key = value"); /* the last line */
    assert_refused(GOOD "[data\n", NULL, "run.ini:12: a [section] without its closing bracket");
    assert_refused("x = 1\n" GOOD, NULL, "run.ini:1: x stands before the first [section]");
    assert_refused(GOOD "epochs = 7\n", NULL,
                   "run.ini:12: [optimization] epochs is set a second time; line 11 set it first");
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    ij_config c;
    char text[] = GOOD "xy";
    text[20] = '\0';
    assert_int_equal(ij_config_parse(&c, "run.ini", text, sizeof text - 1, NULL, 0), IJ_EINVAL);
    assert_message_holds("run.ini is no INI file");
}

static void long_lines_keep_their_values_or_are_refused(void **state)
{
    (void)state;
    ij_config c;
    enum { LONGEST = 5000 };
    char *text = malloc(sizeof GOOD + LONGEST + 32), *end = text;
    assert_non_null(text);
    end += sprintf(end, GOOD "[data]\nroot_path = ");
    memset(end, 'p', LONGEST);
    end[900] = '\0';
    assert_accepted(&c, text, NULL);
    assert_int_equal(strlen(c.data.root_path), 900);
    end[900] = 'p';
    end[1100] = '\0';
    assert_refused(text, NULL, "run.ini:13: [data] root_path is longer than 1023 characters");
    end[1100] = 'p';
    end[LONGEST] = '\0';
    assert_refused(text, NULL, "run.ini:13: the line is longer than");
    free(text);
}

static void all_errors_come_at_once_and_in_order(void **state)
{
    (void)state;
    ij_config c;
    assert_int_equal(
        parse(&c, "[data]\ncrop_size = 33\nbogus = 1\n[mask]\npatch_size = 4\n[optimization]\nlr = x\nwarmup = 400\n",
              "meta.depth=x"),
        IJ_EINVAL);
    assert_message_holds("5 errors in the configuration run.ini:\n  run.ini:3: ");
    const char *lines[] = {"run.ini:3: ", "run.ini:7: ", "--set: ", "run.ini:2: ", "run.ini:8: "}, *at = ij_error();
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        at = strstr(at, lines[i]);
        if (!at)
            fail_msg("%s is missing or misplaced in:\n%s", lines[i], ij_error());
    }
}

static void a_flood_of_errors_is_counted(void **state)
{
    (void)state;
    enum { FLOOD = 3000 };
    ij_config c;
    char *text = malloc(FLOOD * 16), *end = text;
    assert_non_null(text);
    for (int i = 0; i < FLOOD; i++)
        end += sprintf(end, "nonsense %d\n", i);
    assert_int_equal(parse(&c, text, NULL), IJ_EINVAL);
    assert_message_holds("3000 errors in the configuration run.ini:\n  run.ini:1: ");
    free(text);
}

/* ---- Relations ------------------------------------------------------------------------------------------------- */

static void grids_must_fit(void **state)
{
    (void)state;
    assert_refused(
        GOOD, "mask.patch_size=5",
        "run.ini:2: [data] crop_size = 32 is not a multiple of [mask] patch_size = 5 (--set); 30 or 35 would be");
    assert_refused(GOOD, "mask.patch_size=64", "64 would be");
}

static void widths_must_fit(void **state)
{
    (void)state;
    const char *custom = GOOD "[meta]\nwidth = 96\nheads = 4\n";
    ij_config c;
    assert_accepted(&c, custom, "meta.model_name=custom");
    assert_int_equal(ij_config_model_shape(&c).hidden, 384);
    assert_refused(GOOD, "meta.pred_emb_dim=102", "--set: [meta] pred_emb_dim = 102 is not a multiple of 4");
    assert_refused(GOOD, "meta.pred_emb_dim=100",
                   "--set: [meta] pred_emb_dim = 100 is not divisible by heads = 3 (default)");
    assert_refused(GOOD "[meta]\nwidth = 100\n", NULL,
                   "run.ini:13: [meta] width has no effect: model_name = vit_tiny fixes it");
}

static void custom_shapes_give_way_to_a_model_named_by_set(void **state)
{
    (void)state;
    const char *text =
        "[data]\ncrop_size=32\n[mask]\npatch_size=4\nmin_keep=4\n[meta]\nmodel_name=custom\nwidth=64\nheads=4\n";
    ij_config c;
    assert_accepted(&c, text, "meta.model_name=vit_small");
    assert_int_equal(c.meta.width, 384);
    assert_int_equal(c.meta.heads, 6);
}

static void masks_that_cannot_exist_are_named(void **state)
{
    (void)state;
    assert_refused(GOOD, "mask.min_keep=10", "--set: no valid masks exist: "); /* the official sampler hangs here */
    assert_message_holds("crop_size = 32 (line 2); patch_size = 4 (line 5); min_keep = 10 (--set); pred_mask_scale = "
                         "0.15, 0.2 (default)");
}

static void scattered_masks_must_fit_the_grid(void **state)
{
    (void)state;
    ij_config c;
    const char *scatter = GOOD "[mask]\nsampler = scatter\ntarget_patches = 32\n"; /* lines 13 and 14; 8 x 8 patches */
    assert_accepted(&c, scatter, NULL);
    assert_int_equal(c.n_notes, 0);
    ij_mask_config masks = ij_config_masks(&c);
    assert_int_equal(masks.scatter.context_patches, 32); /* all the rest */
    ij_trainer_config t = ij_config_trainer(&c);
    assert_int_equal(t.context_capacity, 32);
    assert_int_equal(t.target_capacity, 8);
    assert_int_equal(t.most_context, 8 * 32);
    assert_int_equal(t.most_predictor, 4 * 8 * (32 + 8));

    assert_refused(GOOD, "mask.sampler=scatter", "--set: no valid masks exist: target_patches 0 must be 1 to 63");
    assert_refused(scatter, "mask.context_patches=33", "--set: no valid masks exist: context_patches 33");
    assert_message_holds("crop_size = 32 (line 2); patch_size = 4 (line 5); block_side = 1 (default); target_patches = "
                         "32 (line 14); context_patches = 33 (--set)");
    assert_refused(scatter, "mask.num_pred_masks=5", "run.ini:14: no valid masks exist: target_patches 32");
    assert_message_holds("num_pred_masks = 5 (--set)");
    assert_accepted(&c, scatter, "mask.joint=true");
    t = ij_config_trainer(&c);
    assert_int_equal(t.targets, 1);
    assert_int_equal(t.target_capacity, 32);
    assert_int_equal(t.most_predictor, 8 * (32 + 32));
    assert_refused(scatter, "mask.block_side=9", "--set: no valid masks exist: block_side 9 must be 1 to 8");
    assert_refused(scatter, "mask.num_enc_masks=2", "--set: no valid masks exist: num_enc_masks 2 must be 1");
    assert_refused(scatter, "mask.target_patches=64", "--set: no valid masks exist: target_patches 64 must be 1 to 63");
    assert_refused(scatter, "mask.target_patches=65", "--set: no valid masks exist: target_patches 65 must be 1 to 63");
    assert_refused(scatter, "mask.sampler=random", "one of multiblock, scatter");

    assert_accepted(&c, scatter, "mask.sampler=multiblock");
    assert_non_null(strstr(c.notes[0], "target_patches = 32 (line 14) has no effect: sampler is multiblock"));
    assert_accepted(&c, scatter, "mask.allow_overlap=true");
    assert_non_null(strstr(c.notes[0], "allow_overlap = true (--set) has no effect"));
}

static void schedules_must_fit(void **state)
{
    (void)state;
    assert_refused(GOOD, "optimization.epochs=30",
                   "run.ini, default: [optimization] warmup = 40 epochs does not fit into epochs = 30 (--set)");
}

static void the_transforms_reach_the_loader(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c, GOOD, NULL);
    ij_augment_config a = ij_config_loader(&c, NULL).augment;
    assert_true(a.flip <= 0 && a.jitter <= 0 && a.grey <= 0 && a.blur <= 0);
    assert_accepted(&c,
                    GOOD "[data]\nuse_horizontal_flip = true\nuse_color_distortion = true\nuse_gaussian_blur = true\n"
                         "color_jitter_strength = 0.5\n",
                    NULL);
    assert_int_equal(c.n_notes, 0);
    a = ij_config_loader(&c, NULL).augment;
    assert_float_equal(a.flip, 0.5, 0);
    assert_float_equal(a.jitter, 0.8, 0);
    assert_float_equal(a.strength, 0.5, 0);
    assert_float_equal(a.grey, 0.2, 0);
    assert_float_equal(a.blur, 0.5, 0);
    assert_accepted(&c, GOOD, "data.use_color_distortion=true");
    assert_non_null(strstr(c.notes[0], "makes one image in five grey"));
    assert_accepted(&c, GOOD, "data.color_jitter_strength=1");
    assert_non_null(strstr(c.notes[0], "has no effect: use_color_distortion is false"));
}

static void what_is_not_available_is_said(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c, GOOD, "meta.read_checkpoint=x.tar");
    assert_non_null(strstr(c.notes[0], "read_checkpoint has no effect: load_checkpoint is false"));
    assert_accepted(&c, GOOD "[data]\npin_mem = true\n[meta]\ncopy_data = false\nuse_bfloat16 = true\n", NULL);
    assert_int_equal(c.n_notes, 1);
    assert_non_null(strstr(c.notes[0], "float32"));
}

/* What decides a run's numbers may not change under it; what decides nothing may; the length may, and is said. */
static void a_run_goes_on(void **state)
{
    (void)state;
    ij_config run, now;
    char wrong[4096], said[4096];
    assert_accepted(&run, GOOD, NULL);
    assert_accepted(&now, GOOD, NULL);
    assert_int_equal(ij_config_compare(&run, &now, wrong, said, sizeof wrong), 0);
    assert_string_equal(wrong, "");
    assert_string_equal(said, "");
    static const char *const free_keys[] = {"data.num_workers=7",   "data.root_path=/elsewhere",
                                            "logging.folder=other", "logging.keep_last=9",
                                            "run.device=gpu",       "optimization.max_steps=3"};
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++) {
        assert_accepted(&now, GOOD, free_keys[i]);
        assert_int_equal(ij_config_compare(&run, &now, wrong, said, sizeof wrong), 0);
        assert_string_equal(said, "");
    }
    static const char *const deciding[] = {"data.batch_size=2",
                                           "run.seed=5",
                                           "optimization.lr=0.5",
                                           "data.decode=exact",
                                           "data.use_horizontal_flip=true",
                                           "optimization.loss=l2",
                                           "meta.init=xavier",
                                           "optimization.target_layers=2",
                                           "optimization.clip_grad=1",
                                           "optimization.ema_horizon=0.2"};
    for (size_t i = 0; i < sizeof deciding / sizeof *deciding; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s = ", (int)strcspn(strchr(deciding[i], '.') + 1, "="),
                 strchr(deciding[i], '.') + 1);
        assert_accepted(&now, GOOD, deciding[i]);
        assert_int_equal(ij_config_compare(&run, &now, wrong, said, sizeof wrong), 1);
        assert_non_null(strstr(wrong, name));
        assert_non_null(strstr(wrong, "(--set), the run's is "));
    }
    assert_accepted(&now, GOOD, "optimization.epochs=12345");
    assert_int_equal(ij_config_compare(&run, &now, wrong, said, sizeof wrong), 0);
    assert_non_null(strstr(said, "[optimization] epochs = 12345 (--set), the run's is "));
}

/* The text that a checkpoint keeps gives the same configuration back. */
static void the_text_of_values(void **state)
{
    (void)state;
    ij_config run, again;
    char *text, wrong[4096], said[4096];
    size_t size;
    assert_accepted(&run, GOOD, "data.root_path=/a; b # c");
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    ij_config_print_values(&run, out);
    fclose(out);
    assert_int_equal(ij_config_parse(&again, "text", text, size, NULL, 0), IJ_OK);
    assert_int_equal(ij_config_compare(&run, &again, wrong, said, sizeof wrong), 0);
    assert_string_equal(again.data.root_path, "/a; b # c");
    free(text);
}

/* Bytes with their units, and whole numbers that may be left to the program. */
static void bytes_and_auto(void **state)
{
    static const struct {
        const char *set;
        int64_t bytes;
        const char *text;
    } good[] = {{"run.memory=6G", INT64_C(6) << 30, "6G"},       {"run.memory=1.5G", INT64_C(1536) << 20, "1536M"},
                {"run.memory=512M", INT64_C(512) << 20, "512M"}, {"run.memory=1000", 1000, "1000"},
                {"run.memory=2T", INT64_C(2) << 40, "2T"},       {"run.memory=0", 0, "0"}};
    static const char *const bad[] = {"run.memory=-1",   "run.memory=6X",         "run.memory=G",
                                      "run.memory=6GB",  "run.memory=1e9",        "run.memory=9999999T",
                                      "run.memory=0x10", "data.micro_batch=0",    "data.micro_batch=-1",
                                      "run.memory=nan",  "data.micro_batch=Auto", "data.batch_size=auto"};
    (void)state;
    ij_config c;
    char text[64];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_accepted(&c, GOOD, good[i].set);
        assert_int_equal(c.run.memory, good[i].bytes);
        ij_key_format(&ij_schema[ij_schema_find("run", "memory")], &c, text, sizeof text);
        assert_string_equal(text, good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(GOOD, bad[i], " is expected");
    assert_accepted(&c, GOOD, "run.share=equal");
    assert_accepted(&c, GOOD, "run.share=3,1.5,1");
    assert_accepted(&c, GOOD, "run.share=1");
    static const char *const shares[] = {"run.share=",     "run.share=3,",  "run.share=3,-1",
                                         "run.share=some", "run.share=1;1", "run.share=nan"};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        assert_refused(GOOD, shares[i], "auto, equal or numbers above 0, one for each rank");
    assert_accepted(&c, GOOD, "data.micro_batch=7");
    assert_int_equal(c.data.micro_batch, 7);
    assert_refused(GOOD, "data.micro_batch=65536", "[data] micro_batch = 65536: batch_size is ");
    assert_refused(GOOD "sigreg_weight = 1\n", "data.micro_batch=7", "are of a whole batch of ");
    assert_accepted(&c, GOOD, "data.micro_batch=auto");
    assert_int_equal(c.data.micro_batch, 0);
    ij_key_format(&ij_schema[ij_schema_find("data", "micro_batch")], &c, text, sizeof text);
    assert_string_equal(text, "auto");
}

static void where_a_value_comes_from(void **state)
{
    (void)state;
    ij_config c;
    char where[64];
    assert_accepted(&c, GOOD, "optimization.lr=1");
    assert_string_equal(ij_config_where(&c, "data.batch_size", where, sizeof where), "run.ini:3");
    assert_string_equal(ij_config_where(&c, "optimization.lr", where, sizeof where), "--set");
    assert_string_equal(ij_config_where(&c, "mask.truncate", where, sizeof where), "run.ini, default");
}

/* ---- Files ----------------------------------------------------------------------------------------------------- */

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    ij_config c;
    assert_int_equal(ij_config_read(&c, "/nonexistent/run.ini", NULL, 0), IJ_EIO);
    assert_message_holds("/nonexistent/run.ini");
    assert_int_equal(ij_config_read(&c, "/", NULL, 0), IJ_EIO);
    assert_message_holds("/");
}

/* Prints the configuration and reads it back: every key has the same value then. */
static void assert_round_trip(const ij_config *config)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    ij_config_print(config, stream);
    fclose(stream);
    ij_config again;
    if (ij_config_parse(&again, "printed", text, size, NULL, 0))
        fail_msg("%s", ij_error());
    for (int i = 0; i < ij_schema_keys; i++) {
        char a[IJ_CONFIG_TEXT + 8], b[IJ_CONFIG_TEXT + 8];
        ij_key_format(&ij_schema[i], config, a, sizeof a);
        ij_key_format(&ij_schema[i], &again, b, sizeof b);
        assert_string_equal(a, b);
    }
    assert_true(config->meta.mlp_ratio == again.meta.mlp_ratio);
    free(text);
}

static void presets_load_and_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int width, hidden, patches, batch;
    } presets[] = {
        {"in1k_vith14_ep300", 1280, 5120, 256, 128},
        {"in1k_vith16-448_ep300", 1280, 5120, 784, 16},
        {"in22k_vith14_ep66", 1280, 5120, 256, 32},
        {"in22k_vitg16_ep44", 1408, 6144, 196, 16},
        {"vit_tiny", 192, 768, 64, 128},
        {"vit_small", 384, 1536, 144, 128},
        {"cifar10", 128, 512, 64, 64},
        {"small_photos", 192, 768, 64, 64},
        {"tiny", 16, 32, 36, 4},
        {"quickstart", 0, 0, 0, 0}, /* tuned: only that it loads */
    };
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        char path[512];
        ij_config c;
        snprintf(path, sizeof path, "%s/%s.ini", IJEPA_PRESETS, presets[i].name);
        if (ij_config_read(&c, path, NULL, 0))
            fail_msg("%s", ij_error());
        ij_model_config model = ij_config_model_shape(&c);
        if (presets[i].width) {
            assert_int_equal(model.dim, presets[i].width);
            assert_int_equal(model.hidden, presets[i].hidden);
            assert_int_equal(ij_model_patches(&model), presets[i].patches);
            assert_int_equal(c.data.batch_size, presets[i].batch);
        }
        assert_round_trip(&c);
    }
}

static void clipping_is_read(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c, GOOD, NULL);
    assert_true(ij_config_trainer(&c).clip_grad == 0);
    assert_accepted(&c, GOOD, "optimization.clip_grad=0.3");
    assert_true(ij_config_trainer(&c).clip_grad == 0.3);
    assert_round_trip(&c);
    assert_refused(GOOD, "optimization.clip_grad=-1", "at least 0");
}

static void targets_are_of_blocks_there_are(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c, GOOD, "optimization.target_layers=2");
    assert_int_equal(ij_config_trainer(&c).target_layers, 2);
    assert_round_trip(&c);
    assert_refused(GOOD, "optimization.target_layers=0", "at least 1");
    assert_refused(GOOD, "optimization.target_layers=13",
                   "--set: [optimization] target_layers = 13: an encoder of depth 12 (line 8) has no more blocks");
}

/* ema_horizon replaces ema; of a file and --set, the latter counts. */
static void momentum_is_said_once(void **state)
{
    (void)state;
    ij_config c, plain;
    const char *horizon = GOOD "ema_horizon = 0.1\n", *ema = GOOD "ema = 0.9, 0.99\n"; /* line 12 */
    assert_accepted(&c, horizon, NULL);
    assert_true(ij_config_schedule(&c, 10).ema_horizon == 0.1);
    assert_round_trip(&c);
    assert_refused(GOOD "ema = 0.9, 0.99\nema_horizon = 0.1\n", NULL,
                   "run.ini:13: [optimization] ema_horizon = 0.1 stands for a momentum, as does ema (line 12)");
    assert_accepted(&c, GOOD "ema = 0.9, 0.99\nema_horizon = 0\n", NULL);
    assert_true(c.optimization.ema[0] == 0.9);

    assert_accepted(&c, ema, "optimization.ema_horizon=0.1");
    assert_accepted(&plain, horizon, NULL);
    char wrong[4096], said[4096];
    assert_int_equal(ij_config_compare(&c, &plain, wrong, said, sizeof wrong), 0);
    assert_round_trip(&c);
    assert_accepted(&c, horizon, "optimization.ema=0.9,0.99");
    assert_accepted(&plain, ema, NULL);
    assert_int_equal(ij_config_compare(&c, &plain, wrong, said, sizeof wrong), 0);
    assert_round_trip(&c);
    assert_refused(GOOD, "optimization.ema_horizon=1.5", "ema_horizon");
}

static void every_value_round_trips(void **state)
{
    (void)state;
    ij_config c;
    assert_accepted(&c,
                    GOOD "lr = 0.00012345678901234567\nema = 0.1, 0.30000000000000004\nmax_steps = 8999999999999999\n"
                         "loss = l2\n[data]\nroot_path = /a b/c=d:e#f\nmax_bad_share = 0.3333333333333333\n"
                         "[meta]\nrescale_residual = yes\ninit = xavier\n[run]\ndevice = \"GPU 1\"\ngemm = own\n",
                    NULL);
    assert_string_equal(c.run.device, "GPU 1");
    assert_int_equal(ij_config_trainer(&c).init, IJ_INIT_XAVIER);
    assert_round_trip(&c);
    assert_accepted(&c, GOOD, NULL);
    assert_int_equal(ij_config_trainer(&c).init, IJ_INIT_OFFICIAL);
    assert_refused(GOOD, "meta.init=glorot", "one of official, xavier");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(a_byte_order_mark_and_a_missing_last_newline_do_no_harm),
        cmocka_unit_test(every_type_is_checked),
        cmocka_unit_test(every_range_is_checked),
        cmocka_unit_test(unknown_names_get_the_nearest_known_one),
        cmocka_unit_test(broken_lines_are_found),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(long_lines_keep_their_values_or_are_refused),
        cmocka_unit_test(all_errors_come_at_once_and_in_order),
        cmocka_unit_test(a_flood_of_errors_is_counted),
        cmocka_unit_test(grids_must_fit),
        cmocka_unit_test(widths_must_fit),
        cmocka_unit_test(custom_shapes_give_way_to_a_model_named_by_set),
        cmocka_unit_test(masks_that_cannot_exist_are_named),
        cmocka_unit_test(scattered_masks_must_fit_the_grid),
        cmocka_unit_test(schedules_must_fit),
        cmocka_unit_test(the_transforms_reach_the_loader),
        cmocka_unit_test(what_is_not_available_is_said),
        cmocka_unit_test(momentum_is_said_once),
        cmocka_unit_test(clipping_is_read),
        cmocka_unit_test(targets_are_of_blocks_there_are),
        cmocka_unit_test(a_run_goes_on),
        cmocka_unit_test(the_text_of_values),
        cmocka_unit_test(bytes_and_auto),
        cmocka_unit_test(where_a_value_comes_from),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(presets_load_and_round_trip),
        cmocka_unit_test(every_value_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
