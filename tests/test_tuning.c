/* The tuning database: what is written is found again, what no longer holds is left out and said so. */
#include "engine/ops/common.h"
#include "engine/ops/implementations.h"
#include "engine/program.h"
#include "engine/tuning_db.h"
#include "engine/tuning_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[256];

static int start(void **state)
{
    (void)state;
    remove(path);
    return setenv("IJEPA_TUNING", path, 1);
}

static char *contents(void)
{
    static char text[16384];
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    text[fread(text, 1, sizeof text - 1, in)] = 0;
    fclose(in);
    return text;
}

static void replace(const char *what, const char *with)
{
    char *text = contents(), *at = strstr(text, what);
    assert_non_null(at);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "%.*s%s%s", (int)(at - text), text, with, at + strlen(what));
    fclose(out);
}

/* ---- The file ---------------------------------------------------------------------------------------------------- */

static void test_file_round_trip(void **state)
{
    ij_tuning_file file;
    (void)state;
    assert_int_equal(ij_tuning_file_read(&file, path), IJ_OK); /* there is none: empty */
    assert_int_equal(file.count, 0);
    ij_tuning_block *b = ij_tuning_file_make(&file, "A [device]", "1.0 beta");
    assert_non_null(b);
    assert_int_equal(ij_tuning_block_set(b, "gemm 64 32", "TM=12", "10 GFLOP/s"), IJ_OK);
    assert_int_equal(ij_tuning_block_set(b, "gemm 64 48", "TM=8", NULL), IJ_OK);
    assert_int_equal(ij_tuning_block_set(b, "gemm 64 32", "TM=10", "11 GFLOP/s"), IJ_OK);
    assert_ptr_equal(ij_tuning_file_make(&file, "A [device]", "1.0 beta"), b);
    assert_non_null(ij_tuning_file_make(&file, "A [device]", "1.1"));
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_OK);
    ij_tuning_file_free(&file);

    replace("gemm 64 48", "# a person's remark\nwhat nobody understands\ngemm 64 48");
    assert_int_equal(ij_tuning_file_read(&file, path), IJ_OK);
    assert_int_equal(file.count, 2);
    b = ij_tuning_file_find(&file, "A [device]", "1.0 beta");
    assert_non_null(b);
    assert_string_equal(ij_tuning_block_get(b, "gemm 64 32"), "TM=10");
    assert_string_equal(ij_tuning_block_get(b, "gemm 64 48"), "TM=8");
    assert_null(ij_tuning_block_get(b, "gemm 64"));
    assert_string_equal(b->lines[0].remark, "11 GFLOP/s");
    ij_tuning_block_remove(b, "gem", "TM=10");
    ij_tuning_block_remove(b, "gemm", "TM=1");
    assert_non_null(ij_tuning_block_get(b, "gemm 64 32"));
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_OK);
    assert_non_null(strstr(contents(), "# a person's remark\nwhat nobody understands\ngemm 64 48: TM=8\n"));
    ij_tuning_block_remove(b, "gemm", "TM=10");
    assert_null(ij_tuning_block_get(b, "gemm 64 32"));
    assert_non_null(ij_tuning_block_get(b, "gemm 64 48"));
    assert_null(ij_tuning_file_find(&file, "A", "1.0 beta"));
    ij_tuning_file_free(&file);
}

static void test_failed_write_leaves_the_old_file(void **state)
{
    ij_tuning_file file;
    char temporary[300];
    (void)state;
    memset(&file, 0, sizeof file);
    assert_non_null(ij_tuning_file_make(&file, "D", "1"));
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_OK);
    static char before[16384];
    snprintf(before, sizeof before, "%s", contents());
    snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    assert_int_equal(mkdir(temporary, 0700), 0); /* in the way of the temporary file */
    assert_non_null(ij_tuning_file_make(&file, "E", "1"));
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_EIO);
    assert_string_equal(contents(), before);
    assert_int_equal(rmdir(temporary), 0);
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_OK);
    assert_non_null(strstr(contents(), "[E]"));
    assert_int_equal(access(temporary, F_OK), -1);
    ij_tuning_file_free(&file);
}

static void test_nonsense_is_read_without_harm(void **state)
{
    static const char nonsense[] = "\n[\n]\n[]\nx\n[a]\n:\n::\n: #\ndriver:\nfamily\n[b\nsources :\n\xff\xfe: \x01\n";
    ij_tuning_file file;
    (void)state;
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(nonsense, out);
    for (int i = 0; i < 5000; i++)
        fputs("long ", out);
    fclose(out);
    assert_int_equal(ij_tuning_file_read(&file, path), IJ_OK);
    assert_int_equal(ij_tuning_file_write(&file, path), IJ_OK);
    ij_tuning_file_free(&file);
}

/* ---- Choices ----------------------------------------------------------------------------------------------------- */

static void test_choices_as_text(void **state)
{
    const ij_implementation *info = &ij_attention_panel.kernels;
    ij_choice choice;
    char text[64];
    (void)state;
    assert_null(ij_choice_parse(info, "  KB=64  TM=8 ", &choice));
    ij_choice_print(info, &choice, text, sizeof text);
    assert_string_equal(text, "TM=8 KB=64");
    const char *const bad[] = {"",        "TM=8",        "TM=8 KB=63", "TM=8 KB=64 XX=1",
                               "TM=8 KB", "TM=8x KB=64", "TM= KB=64",  "=8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(ij_choice_parse(info, bad[i], &choice));

    int count = 1, all = 1;
    for (int i = 0; i < info->count; i++) {
        int values = 0;
        while (values < IJ_MOST_VALUES && info->params[i].values[values])
            values++;
        all *= values;
    }
    choice = ij_choice_first(info);
    while (ij_choice_next(info, &choice))
        count++;
    assert_int_equal(count, all);
}

/* ---- With a device ----------------------------------------------------------------------------------------------- */

static bool device_found = true; /* the tests that need one are skipped otherwise */

static ij_device *open_device(void)
{
    ij_device *device;
    ij_status status = ij_device_open(&device, NULL);
    if (status == IJ_EDEVICE && strstr(ij_error(), "no OpenCL device found")) {
        print_message("SKIPPED: there is no OpenCL device here\n");
        device_found = false;
        skip();
    }
    if (status)
        fail_msg("%s", ij_error());
    return device;
}

/* A choice of products that is legal and not what they begin with. */
static ij_tuned other_choice(const ij_device *d)
{
    const ij_implementation *of = d->tuning.row[IJ_GROUP_GEMM];
    ij_tuned tuned = {.of = of, .shape = {64, 32}, .choice = ij_choice_first(of)};
    do {
        if (!ij_choice_illegal(&d->tuning, of, &tuned.choice) &&
            memcmp(&tuned.choice, ij_choice_for(&d->tuning, of, 0, 0), (size_t)of->count * sizeof(int)) != 0)
            return tuned;
    } while (ij_choice_next(of, &tuned.choice));
    fail_msg("there is only one choice");
    return tuned;
}

/* Keeps it for weight 64 x 32 and returns it. */
static ij_choice keep_one(void)
{
    ij_device *d = open_device();
    ij_tuned tuned = other_choice(d);
    assert_int_equal(ij_tuning_db_keep(d, path, &tuned, "10.0 GFLOP/s"), IJ_OK);
    ij_device_close(d);
    return tuned.choice;
}

static bool holds(const ij_device *d, const ij_choice *choice)
{
    return memcmp(ij_choice_for(&d->tuning, d->tuning.row[IJ_GROUP_GEMM], 64, 32), choice, sizeof *choice) == 0;
}

static void assert_note(const ij_device *d, const char *text)
{
    if (!strstr(ij_device_notes(d), text))
        fail_msg("\"%s\" is not in the notes: %s", text, ij_device_notes(d));
}

static void test_kept_choice_is_found(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    ij_device *d = open_device();
    assert_string_equal(ij_device_notes(d), "");
    assert_true(holds(d, &choice));
    assert_int_equal(d->tuning.tuned_count, 1);
    assert_non_null(strstr(contents(), "  # 10.0 GFLOP/s, "));
    ij_device_close(d);

    setenv("IJEPA_TUNING", "off", 1);
    d = open_device();
    assert_string_equal(ij_device_notes(d), "");
    assert_false(holds(d, &choice));
    ij_device_close(d);
}

static void test_other_driver_is_stale(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    replace("driver: ", "driver: old ");
    ij_device *d = open_device();
    assert_note(d, "stale (driver old ");
    assert_false(holds(d, &choice));
    ij_device_close(d);
}

static void test_other_sources_are_stale(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    ij_device *d = open_device();
    const ij_implementation *gemm = d->tuning.row[IJ_GROUP_GEMM];
    ij_device_close(d);
    char key[64], changed[80], note[128], line[512];
    snprintf(key, sizeof key, "sources gemm %s: ", gemm->name);
    snprintf(changed, sizeof changed, "%s0", key);
    snprintf(note, sizeof note, "1 line of gemm %s is stale", gemm->name);
    replace(key, changed);
    d = open_device();
    assert_note(d, note);
    assert_false(holds(d, &choice));

    /* A new measurement makes room: the stale lines of the group go, others stay. */
    snprintf(line, sizeof line, "\ngradient 8 8: left\ngemm 64 48: %s TM=8\ngemm 64 56: other TM=8\ngemm 64 32",
             gemm->name);
    replace("\ngemm 64 32", line);
    ij_tuned tuned = {gemm, {64, 32}, choice};
    assert_int_equal(ij_tuning_db_keep(d, path, &tuned, ""), IJ_OK);
    ij_device_close(d);
    assert_null(strstr(contents(), "gemm 64 48"));
    assert_non_null(strstr(contents(), "gradient 8 8: left"));
    assert_non_null(strstr(contents(), "gemm 64 56: other"));
    replace("gradient 8 8: left\n", "");
    replace("gemm 64 56: other TM=8\n", "");
    d = open_device();
    assert_string_equal(ij_device_notes(d), "");
    assert_true(holds(d, &choice));
    ij_device_close(d);
}

static void test_illegal_lines_are_ignored(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    replace("\ngemm 64 32",
            "\ngemm 1 1: panel ABC=1\nnobody 3 4: TM=8\ngemm 2 2: panel TM=999\ngemm 3 3: nothing TM=8\n"
            "clblast Xgemm: NONE=1\ngemm 64 32");
    ij_device *d = open_device();
    assert_note(d, "\"gemm 1 1: panel ABC=1\" is ignored: a parameter that these kernels do not have");
    assert_note(d, "\"nobody 3 4\" is ignored: no kernels of this name");
    assert_note(d, "\"gemm 2 2: panel TM=999\" is ignored: a value that the parameter does not have");
    assert_note(d, "\"gemm 3 3: nothing TM=8\" is ignored: no implementation of this name");
    assert_note(d, "\"clblast Xgemm\" is ignored: CLBlast refuses");
    assert_true(holds(d, &choice));
    assert_int_equal(d->tuning.tuned_count, 1);
    ij_device_close(d);
}

/* A block of an earlier version holds nothing, and makes room for the first line that is kept. */
static void test_old_blocks_are_ignored(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    replace("\nsources", "\nfamily: cpu\nsources");
    ij_device *d = open_device();
    assert_note(d, "written by an earlier version and is ignored");
    assert_false(holds(d, &choice));
    ij_device_close(d);
    keep_one();
    assert_null(strstr(contents(), "family"));
    d = open_device();
    assert_string_equal(ij_device_notes(d), "");
    assert_true(holds(d, &choice));
    ij_device_close(d);
}

/* Tests of what only kernels by items have take them on every device. */
static int start_items(void **state)
{
    return start(state) || setenv("IJEPA_IMPL", "panel item", 1);
}

static int end_items(void **state)
{
    (void)state;
    return unsetenv("IJEPA_IMPL");
}

static void test_illegal_layout_is_ignored(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    replace("\nsources", "\ndevice: item VW=16 TN=8\nsources");
    ij_device *d = open_device();
    assert_note(d, "TN is one to four times VW");
    assert_true(holds(d, &choice));
    ij_device_close(d);
}

static void assert_legal(const ij_device *d)
{
    const ij_tuning *t = &d->tuning;
    for (int g = 0; g < IJ_GROUPS; g++)
        assert_null(ij_choice_illegal(t, t->row[g], ij_choice_for(t, t->row[g], 0, 0)));
}

/* Another layout of weights makes what was measured beside the old one stale, and what is impossible beside it legal.
 */
static void test_layout(void **state)
{
    (void)state;
    ij_choice choice = keep_one();
    ij_device *d = open_device();
    ij_tuned layout = {.of = &ij_common_item, .choice = {{16, 64}}};
    assert_int_equal(ij_tuning_db_keep(d, path, &layout, "10.0 GFLOP/s"), IJ_OK);
    ij_device_close(d);
    d = open_device();
    assert_int_equal(ij_tuning_tn(&d->tuning), 64);
    assert_false(holds(d, &choice));
    assert_note(d, "1 line of gemm panel is stale");
    assert_legal(d);
    ij_device_close(d);
}

/* ---- The processor ----------------------------------------------------------------------------------------------- */

static int end_width(void **state)
{
    (void)state;
    return unsetenv("IJEPA_VECTOR_WIDTH") || unsetenv("IJEPA_IMPL");
}

/* The width that is asked for is the one that kernels are built with, on every processor. */
static void test_vector_width(void **state)
{
    static const char *const good[] = {"4", "8", "16"}, *const bad[] = {"0", "2", "32", "8 ", "x", "-4"};
    static const ij_group groups[] = {IJ_GROUP_GEMM, IJ_GROUP_GRADIENT, IJ_GROUP_ATTENTION, IJ_GROUP_ROWS};
    (void)state;
    ij_device *d;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        setenv("IJEPA_VECTOR_WIDTH", good[i], 1);
        d = open_device();
        assert_int_equal(ij_tuning_vw(&d->tuning), atoi(good[i]));
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
            char options[IJ_KERNEL_OPTIONS], wanted[16];
            snprintf(wanted, sizeof wanted, " -DVW=%s ", good[i]);
            assert_int_equal(ij_kernel_options(&d->tuning, (ij_kernel_tuning){.of = d->tuning.row[groups[g]]}, options,
                                               sizeof options),
                             IJ_OK);
            assert_non_null(strstr(options, wanted));
        }
        assert_legal(d);
        ij_device_close(d);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        setenv("IJEPA_VECTOR_WIDTH", bad[i], 1);
        assert_int_equal(ij_device_open(&d, NULL), IJ_EINVAL);
        assert_non_null(strstr(ij_error(), "IJEPA_VECTOR_WIDTH is 4, 8 or 16, not"));
    }
    setenv("IJEPA_VECTOR_WIDTH", "", 1);
    ij_device_close(open_device());
}

/* ---- What a group is made of ------------------------------------------------------------------------------------- */

static char sources[280];

static int copy_sources(void **state)
{
    (void)state;
    snprintf(sources, sizeof sources, "%s.cl", path);
    if (mkdir(sources, 0700) || setenv("IJEPA_CL_DIR", sources, 1))
        return -1;
    for (const ij_kernel_source *s = ij_kernel_sources; s->name; s++) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s.cl", sources, s->name);
        FILE *out = fopen(name, "w");
        if (!out || fputs(s->text, out) < 0 || fclose(out))
            return -1;
    }
    return start(state);
}

static int remove_sources(void **state)
{
    (void)state;
    unsetenv("IJEPA_CL_DIR");
    for (const ij_kernel_source *s = ij_kernel_sources; s->name; s++) {
        char name[400];
        snprintf(name, sizeof name, "%s/%s.cl", sources, s->name);
        remove(name);
    }
    return rmdir(sources);
}

/* Files that an implementation's kernels are made of, written down once more: the engine's own list is under test. */
static const struct {
    const ij_implementation *of;
    const char *files;
} made_of[] = {
    {&ij_common_item, "tail common peak"},
    {&ij_common_group, "tail gpu_common gpu_peak"},
    {&ij_gemm_panel.kernels, "tail common gemm panels"},
    {&ij_gemm_tile.kernels, "tail gpu_common gpu_gemm"},
    {&ij_gemm_subgroup.kernels, "tail gpu_common subgroup_gemm"},
    {&ij_gradient_panel.kernels, "tail common gradient"},
    {&ij_gradient_packed.kernels, "tail common packed_gradient"},
    {&ij_gradient_tile.kernels, "tail gpu_common gpu_gradient"},
    {&ij_attention_panel.kernels, "tail common attention"},
    {&ij_attention_panel_backward.kernels, "tail common attention"},
    {&ij_attention_tile.kernels, "tail gpu_common gpu_attention"},
    {&ij_attention_tile_backward.kernels, "tail gpu_common gpu_attention"},
    {&ij_rows_item, "tail common layernorm optimizer regularise tokens loss rowmajor softmax_probe nearest"},
    {&ij_rows_group, "tail gpu_common gpu_layernorm gpu_optimizer gpu_regularise gpu_tokens gpu_loss gpu_rowmajor "
                     "gpu_softmax_probe gpu_nearest"},
};
enum { MADE = sizeof made_of / sizeof *made_of };

static bool has_word(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; (at = strstr(at, word)); at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

/* A change of any file that an implementation is made of makes what was measured with it stale, and no other change
 * does. */
static void test_hash_covers_the_sources(void **state)
{
    (void)state;
    ij_device *d = open_device();
    int covered = 0, listed = 0;
    for (const ij_kernel_source *s = ij_kernel_sources; s->name; s++) {
        uint64_t before[MADE];
        for (int i = 0; i < MADE; i++)
            before[i] = ij_tuning_db_sources(d, made_of[i].of);
        char name[400];
        snprintf(name, sizeof name, "%s/%s.cl", sources, s->name);
        FILE *out = fopen(name, "a");
        assert_non_null(out);
        fputs("/* changed */\n", out);
        fclose(out);
        for (int i = 0; i < MADE; i++) {
            const ij_implementation *of = made_of[i].of;
            bool changed = before[i] != ij_tuning_db_sources(d, of);
            if (changed != has_word(made_of[i].files, s->name))
                fail_msg("a change of %s.cl %s of %s %s", s->name,
                         changed ? "changes the hash" : "does not change the hash", ij_group_name(of->group), of->name);
            covered += changed;
        }
    }
    for (const ij_implementation *const *of = ij_implementations; *of; of++)
        listed += (*of)->sources[0] != NULL;
    assert_int_equal(listed, MADE); /* none is forgotten here */
    assert_true(covered > MADE);
    ij_device_close(d);
}

/* The list cannot fall behind: the engine builds no kernel of a source that is not on it. */
static void test_only_listed_sources_are_built(void **state)
{
    cl_kernel kernel;
    (void)state;
    ij_device *d = open_device();
    ij_kernel_tuning rows = {.of = d->tuning.row[IJ_GROUP_ROWS]}, gemm = {.of = d->tuning.row[IJ_GROUP_GEMM]};
    assert_int_equal(ij_kernel_create(d, "loss", rows, "loss", &kernel), IJ_OK);
    clReleaseKernel(kernel);
    assert_int_equal(ij_kernel_create(d, "loss", gemm, "loss", &kernel), IJ_EINVAL);
    assert_null(kernel);
    assert_non_null(strstr(ij_error(), "loss is not listed with the implementation "));
    ij_device_close(d);
}

/* ---- Several implementations ------------------------------------------------------------------------------------- */

/* Words that take others, and words that are none. */
static void test_take(void **state)
{
    static const char *const bad[] = {"nothing", "gemm=item", "product=tile gradient=panel", "rows=tile", "=tile"};
    (void)state;
    ij_device *d = open_device();
    ij_tuning t;
    ij_tuning_start(&t, &d->info);
    assert_null(ij_tuning_take(&t, "  product=tile attention=tile "));
    assert_ptr_equal(t.row[IJ_GROUP_GEMM], &ij_gemm_tile.kernels);
    assert_ptr_equal(t.row[IJ_GROUP_GRADIENT], &ij_gradient_tile.kernels);
    assert_ptr_equal(t.row[IJ_GROUP_ATTENTION], &ij_attention_tile.kernels);
    assert_ptr_equal(t.row[IJ_GROUP_ATTENTION_BACKWARD], &ij_attention_tile_backward.kernels);
    assert_ptr_equal(t.row[IJ_GROUP_DEVICE], &ij_common_group);
    assert_null(ij_tuning_take(&t, "panel item"));
    assert_ptr_equal(t.row[IJ_GROUP_GRADIENT], &ij_gradient_panel.kernels);
    assert_ptr_equal(t.row[IJ_GROUP_ROWS], &ij_rows_item);
    assert_null(ij_tuning_take(&t, "gemm=tile")); /* gradients follow the layout */
    assert_int_equal(t.row[IJ_GROUP_GRADIENT]->layout, IJ_LAYOUT_ROWS);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_non_null(ij_tuning_take(&t, bad[i]));
    ij_device_close(d);
    setenv("IJEPA_IMPL", "gemm=nothing", 1);
    assert_int_equal(ij_device_open(&d, NULL), IJ_EINVAL);
    assert_non_null(strstr(ij_error(), "IJEPA_IMPL=\"gemm=nothing\": there is no gemm called \"nothing\""));
    unsetenv("IJEPA_IMPL");
}

/* Where weights lie in rows the database may hand single shapes to another implementation, CLBlast's products here; in
 * panels it cannot, and the line waits. */
static void test_other_implementation_for_a_shape(void **state)
{
    static const char *const words[] = {"panel item", "tile group"};
    const ij_tuned fast = {.of = &ij_gemm_clblast.kernels, .shape = {1000, 992}}; /* large: for small products some
                                                                                     devices need no room */
    (void)state;
    for (int i = 0; i < 2; i++) {
        setenv("IJEPA_IMPL", words[i], 1);
        ij_device *d = open_device();
        assert_int_equal(ij_tuning_db_keep(d, path, &fast, "2 against 1"), IJ_OK);
        ij_device_close(d);
        d = open_device();
        assert_string_equal(ij_device_notes(d), "");
        assert_int_equal(ij_row_for(&d->tuning, IJ_GROUP_GEMM, 1000, 992) == fast.of, i == 1);
        assert_ptr_not_equal(ij_row_for(&d->tuning, IJ_GROUP_GEMM, 992, 1000), fast.of);
        assert_ptr_not_equal(ij_row_for(&d->tuning, IJ_GROUP_GRADIENT, 1000, 992), fast.of);
        ij_gemm own, any;
        assert_int_equal(ij_gemm_create(&own, d, IJ_GEMM_OWN), IJ_OK);
        assert_int_equal(ij_gemm_create(&any, d, IJ_GEMM_AUTO), IJ_OK);
        /* What CLBlast wants besides is planned for the two products of the shape. */
        assert_int_equal(ij_gemm_scratch(&any, 4000, 1000, 992) > ij_gemm_scratch(&own, 4000, 1000, 992), i == 1);
        assert_int_equal(ij_gemm_scratch(&any, 4000, 992, 1000) > ij_gemm_scratch(&own, 4000, 992, 1000), i == 1);
        ij_gemm_destroy(&own);
        ij_gemm_destroy(&any);
        ij_device_close(d);
    }
    unsetenv("IJEPA_IMPL");
}

int main(void)
{
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/ijepa-tuning-%ld.txt", folder ? folder : "/tmp", (long)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_file_round_trip, start),
        cmocka_unit_test_setup(test_failed_write_leaves_the_old_file, start),
        cmocka_unit_test_setup(test_nonsense_is_read_without_harm, start),
        cmocka_unit_test_setup(test_choices_as_text, start),
        cmocka_unit_test_setup(test_kept_choice_is_found, start),
        cmocka_unit_test_setup(test_other_driver_is_stale, start),
        cmocka_unit_test_setup(test_other_sources_are_stale, start),
        cmocka_unit_test_setup_teardown(test_illegal_lines_are_ignored, start_items, end_items),
        cmocka_unit_test_setup(test_old_blocks_are_ignored, start),
        cmocka_unit_test_setup_teardown(test_illegal_layout_is_ignored, start_items, end_items),
        cmocka_unit_test_setup_teardown(test_layout, start_items, end_items),
        cmocka_unit_test_setup_teardown(test_vector_width, start_items, end_width),
        cmocka_unit_test_setup_teardown(test_hash_covers_the_sources, copy_sources, remove_sources),
        cmocka_unit_test_setup(test_only_listed_sources_are_built, start),
        cmocka_unit_test_setup(test_take, start),
        cmocka_unit_test_setup(test_other_implementation_for_a_shape, start),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove(path);
    return failed || device_found ? failed : 77; /* ctest shows it as skipped */
}
