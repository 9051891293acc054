/* Model files of every kind against what PyTorch and transformers, which wrote them, say is in them; and files that
 * lie. The files are in tests/model_files, see its README.md. */
#include "engine/files/model_file.h"
#include "engine/files/torch_pickle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

static char folder[] = "/tmp/ijepa-model-file-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {
        "a", "hf/config.json", "hf/model.safetensors", "hf/model.safetensors.index.json", "hf/one.safetensors", "hf"};
    char path[256];
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    return rmdir(folder);
}

/* A committed file's path; its own memory each of four times. */
static const char *given(const char *name)
{
    static char path[4][512];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[0], "%s/model_files/%s", IJEPA_TESTS, name);
    return path[next];
}

static const char *scratch(const char *name)
{
    static char path[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[0], "%s/%s", folder, name);
    return path[next];
}

static unsigned char *load(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s is missing", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    bytes[*size] = '\0';
    fclose(f);
    return bytes;
}

static void store(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

/* ---- What others wrote ------------------------------------------------------------------------------------------ */

/* "kind=official crop=8 ..." of a file that is open. */
static void check_facts(const char *name, const char *facts, const ij_model_file_info *info)
{
    static const char *const kinds[] = {"own", "huggingface", "official"};
    const ij_model_config *m = &info->model;
    const struct {
        const char *key;
        long long value;
    } found[] = {{"crop", m->crop},
                 {"patch", m->patch},
                 {"dim", m->dim},
                 {"depth", m->depth},
                 {"heads", m->heads},
                 {"hidden", m->hidden},
                 {"pred_dim", m->pred_dim},
                 {"pred_depth", m->pred_depth},
                 {"encoder", info->encoder},
                 {"target_encoder", info->target_encoder},
                 {"predictor", info->predictor},
                 {"moments", info->moments},
                 {"epoch", info->epoch},
                 {"iteration", info->iteration}};
    char wanted[64];
    snprintf(wanted, sizeof wanted, "kind=%s ", kinds[info->kind]);
    if (!strstr(facts, wanted))
        fail_msg("%s is not of %s", name, wanted);
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        snprintf(wanted, sizeof wanted, " %s=%lld ", found[i].key, found[i].value);
        if (!strstr(facts, wanted))
            fail_msg("%s: %s is not among \"%s\"", name, wanted, facts);
    }
    assert_true(m->norm_eps == 1e-6f && m->target_eps == 1e-5f);
}

static void check_tensor(const char *file_name, ij_model_file *file, int index, const char *name, const char *shape,
                         unsigned long sum)
{
    char found[128] = "";
    if (index >= ij_model_file_count(file))
        fail_msg("%s: has no tensor number %d, %s", file_name, index, name);
    const ij_model_tensor *t = ij_model_file_at(file, index);
    if (strcmp(t->name, name) != 0)
        fail_msg("%s: tensor number %d is %s, not %s", file_name, index, t->name, name);
    assert_ptr_equal(ij_model_file_find(file, name), t);
    int64_t elements = 1;
    for (int d = 0; d < t->dims; d++) {
        size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%" PRId64, d ? "," : "", t->shape[d]);
        elements *= t->shape[d];
    }
    if (strcmp(found, shape) != 0)
        fail_msg("%s: %s has shape %s, not %s", file_name, name, found, shape);
    assert_int_equal(t->elements, elements);
    float *values = malloc((size_t)elements * sizeof *values);
    assert_non_null(values);
    if (ij_model_file_read(file, t, values))
        fail_msg("%s", ij_error());
    if (crc32(0, (const Bytef *)values, (uInt)((size_t)elements * sizeof *values)) != sum)
        fail_msg("%s: %s has other values", file_name, name);
    free(values);
}

static void as_written(void **state)
{
    (void)state;
    char line[512], file_name[64] = "", name[128], shape[64];
    ij_model_file *file = NULL;
    int files = 0, index = 0;
    unsigned long sum;
    FILE *expected = fopen(given("expected.txt"), "r");
    assert_non_null(expected);
    while (fgets(line, sizeof line, expected)) {
        if (sscanf(line, "tensor %127s %63s %lu", name, shape, &sum) == 3) {
            check_tensor(file_name, file, index++, name, shape, sum);
            continue;
        }
        assert_int_equal(sscanf(line, "file %63s", file_name), 1);
        if (file)
            assert_int_equal(ij_model_file_count(file), index);
        ij_model_file_close(file);
        if (ij_model_file_open(&file, given(file_name)))
            fail_msg("%s", ij_error());
        line[strcspn(line, "\n")] = ' ';
        check_facts(file_name, line, ij_model_file_describe(file));
        assert_null(ij_model_file_find(file, "encoder.nothing"));
        index = 0;
        files++;
    }
    assert_int_equal(ij_model_file_count(file), index);
    ij_model_file_close(file);
    fclose(expected);
    assert_int_equal(files, 10);
}

/* The file's notes hold `text`. */
static void noted(const char *path, const char *text)
{
    ij_model_file *file;
    if (ij_model_file_open(&file, path))
        fail_msg("%s", ij_error());
    bool found = false;
    for (int i = 0; i < ij_model_file_notes(file); i++)
        found = found || strstr(ij_model_file_note(file, i), text);
    if (!found)
        fail_msg("%s: no note says \"%s\"", path, text);
    ij_model_file_close(file);
}

static void notes(void **state)
{
    (void)state;
    noted(given("official.pth.tar"), "how many heads");
    noted(given("one_group.pth.tar"), "groups of parameters are not the official ones");
    noted(given("one_group.pth.tar"), "no target encoder");
    noted(given("hf"), "no predictor");
    noted(given("hf_classifier"), "2 tensors such as classifier.");
    noted(given("unaligned.safetensors"), "5 tensors such as a.mask");
    noted(given("own.safetensors"), "no moments");
    noted(given("hf/model.safetensors"), "no context encoder"); /* as good as the folder */
    noted(given("hf_sharded/model.safetensors.index.json"), "no context encoder");
}

static void metadata(void **state)
{
    (void)state;
    ij_model_file *file;
    assert_int_equal(ij_model_file_open(&file, given("own.safetensors")), IJ_OK);
    assert_string_equal(ij_model_file_metadata(file, "seed"), "18446744073709551615");
    assert_string_equal(ij_model_file_metadata(file, "config"), "[data]\nbatch_size = 3 ; \"quoted\"\n");
    assert_null(ij_model_file_metadata(file, "nothing"));
    ij_model_file_close(file);
    assert_int_equal(ij_model_file_open(&file, given("official.pth.tar")), IJ_OK);
    assert_null(ij_model_file_metadata(file, "seed"));
    ij_model_file_close(file);
}

/* ---- Files that are refused ------------------------------------------------------------------------------------- */

/* `path` must be refused with a message that names it and holds `text`. */
static void refused_as(const char *path, ij_status status, const char *text)
{
    ij_model_file *file;
    ij_status found = ij_model_file_open(&file, path);
    assert_true((found == IJ_OK) == (file != NULL));
    ij_model_file_close(file);
    if (found != status)
        fail_msg("%s: status %d, expected %d for \"%s\" (%s)", path, found, status, text, ij_error());
    if (!strstr(ij_error(), text) || !strstr(ij_error(), path))
        fail_msg("\"%s\" does not say \"%s\" of %s", ij_error(), text, path);
}

static void refused(const char *path, const char *text)
{
    refused_as(path, IJ_EFORMAT, text);
}

static void foreign_files(void **state)
{
    (void)state;
    refused(given("old_format.pth.tar"), "before version 1.6");
    refused(given("command.pth.tar"), "posix.system");
    assert_int_not_equal(access("ijepa-was-here", F_OK), 0);
    refused(given("deflated.pth.tar"), "is compressed");
    refused(given("bomb.pth.tar"), "is compressed");
    refused(given("expanded.pth.tar"), "repeats parts");
    refused(given("big_endian.pth.tar"), "big-endian");
    refused(given("other.pth.tar"), "no dictionary with encoder");
    refused(given("hf_sharded/model-00002-of-00003.safetensors"), "has no tensor target_encoder.");
    refused(given("hf/config.json"), "no weight_map");
    refused(given("README.md"), "neither a safetensors file nor");
    refused(given("."), "neither model.safetensors nor");
    refused_as("/nowhere/at/all", IJ_EIO, "cannot open");
    refused_as("/dev/null", IJ_EIO, "not a regular file");
    store(scratch("a"), "", 0);
    refused(scratch("a"), "neither a safetensors file nor");
    char tar[512] = "encoder/x";
    memcpy(tar + 257, "ustar", 5);
    store(scratch("a"), tar, sizeof tar);
    refused(scratch("a"), "tar archive");
}

/* Opens, and reads whatever there is. */
static ij_status open_and_read(const char *path)
{
    ij_model_file *file;
    ij_status status = ij_model_file_open(&file, path);
    for (int i = 0; file && i < ij_model_file_count(file) && !status; i++) {
        const ij_model_tensor *t = ij_model_file_at(file, i);
        assert_in_range(t->elements, 1, 1 << 20); /* no more than the file can have */
        float *values = malloc((size_t)t->elements * sizeof *values);
        assert_non_null(values);
        status = ij_model_file_read(file, t, values);
        free(values);
    }
    ij_model_file_close(file);
    return status;
}

/* Files cut short are refused; files with a damaged byte are read or refused. */
static void damaged(void **state)
{
    (void)state;
    static const char *const names[] = {"views.pth.tar", "zip64.pth.tar", "unaligned.safetensors"};
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
        size_t size;
        unsigned char *bytes = load(given(names[n]), &size);
        for (size_t cut = 0; cut < size; cut += 397) {
            store(scratch("a"), bytes, cut);
            if (open_and_read(scratch("a")) != IJ_EFORMAT)
                fail_msg("%s cut to %zu bytes is not refused", names[n], cut);
        }
        for (size_t at = 0; at < size; at += at < 9000 ? 37 : 331) {
            bytes[at] ^= (unsigned char)(1 << at % 8);
            store(scratch("a"), bytes, size);
            ij_status status = open_and_read(scratch("a"));
            assert_true(status == IJ_OK || status == IJ_EFORMAT);
            bytes[at] ^= (unsigned char)(1 << at % 8);
        }
        free(bytes);
    }
}

/* A file that becomes shorter while it is open gives an error when it is read. */
static void cut_while_open(void **state)
{
    (void)state;
    static const char *const names[] = {"official.pth.tar", "own.safetensors"};
    for (int n = 0; n < 2; n++) {
        size_t size;
        ij_model_file *file;
        unsigned char *bytes = load(given(names[n]), &size);
        store(scratch("a"), bytes, size);
        free(bytes);
        assert_int_equal(ij_model_file_open(&file, scratch("a")), IJ_OK);
        assert_int_equal(truncate(scratch("a"), 100), 0);
        const ij_model_tensor *t = ij_model_file_find(file, "encoder.norm.weight");
        float values[16];
        assert_int_equal(ij_model_file_read(file, t, values), IJ_EFORMAT);
        assert_non_null(strstr(ij_error(), "encoder.norm.weight"));
        ij_model_file_close(file);
    }
}

/* ---- Hugging Face's folders that contradict themselves ------------------------------------------------------------
 */

/* A copy of hf/ whose config.json has `to` in the place of `from`. */
static void change_config(const char *from, const char *to)
{
    size_t size;
    char changed[2048];
    mkdir(scratch("hf"), 0777);
    unsigned char *bytes = load(given("hf/model.safetensors"), &size);
    store(scratch("hf/model.safetensors"), bytes, size);
    free(bytes);
    char *config = (char *)load(given("hf/config.json"), &size), *at = strstr(config, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - config), config, to, at + strlen(from));
    store(scratch("hf/config.json"), changed, strlen(changed));
    free(config);
}

static void contradictions(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"\"hidden_size\": 16", "\"hidden_size\": 32", "the encoder's width is 32, but"},
        {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "the number of blocks is 3, but"},
        {"\"intermediate_size\": 32", "\"intermediate_size\": 64", "encoder's MLP is 64, but"},
        {"\"image_size\": 8", "\"image_size\": 16", "the image size is 16, but"},
        {"\"patch_size\": 2", "\"patch_size\": 4", "the patch size is 4, but"},
        {"\"patch_size\": 2", "\"patch_size\": [2, 4]", "patch_size is no usable size"},
        {"\"patch_size\": 2", "\"patch_size\": 1e300", "patch_size is no usable size"},
        {"\"num_channels\": 3", "\"num_channels\": 1", "num_channels is 1"},
        {"\"model_type\": \"ijepa\"", "\"model_type\": \"vit\"", "model_type is vit, not ijepa"},
        {"\"model_type\"", "\"model_tipe\"", "has no model_type"},
        {"\"hidden_act\": \"gelu\"", "\"hidden_act\": \"relu\"", "hidden_act is relu"},
        {"\"qkv_bias\": true", "\"qkv_bias\": false", "qkv_bias is false"},
        {"\"layer_norm_eps\": 1e-06", "\"layer_norm_eps\": -1", "layer_norm_eps"},
        {"\"num_channels\": 3,", "\"num_channels\": 3, \"num_channels\": 3,", "two entries named num_channels"},
        {"{", "[", "not a valid JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        change_config(cases[i][0], cases[i][1]);
        refused(scratch("hf"), cases[i][2]);
    }
    change_config("\"image_size\": 8", "\"image_size\": [8, 8]");
    assert_int_equal(open_and_read(scratch("hf")), IJ_OK);
    unlink(scratch("hf/config.json"));
    refused_as(scratch("hf"), IJ_EIO, "config.json");
}

static void false_indexes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"weight_map\": {\"layernorm.bias\": \"../one.safetensors\"}}", "outside its folder"},
        {"{\"weight_map\": {\"layernorm.bias\": 1}}", "does not name a file"},
        {"{\"weight_map\": {}}", "has no weight_map"},
        {"{\"weight_map\": {\"nothing\": \"one.safetensors\"}}", "nothing is not in one.safetensors"},
        {"{\"weight_map\": {\"a\": \"one.safetensors\", \"a\": \"one.safetensors\"}}", "two entries named a"},
    };
    change_config("{", "{");
    assert_int_equal(rename(scratch("hf/model.safetensors"), scratch("hf/one.safetensors")), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        store(scratch("hf/model.safetensors.index.json"), cases[i][0], strlen(cases[i][0]));
        refused(scratch("hf"), cases[i][1]);
    }
    static const char good[] = "{\"weight_map\": {\"layernorm.bias\": \"one.safetensors\"}}";
    store(scratch("hf/model.safetensors.index.json"), good, strlen(good));
    assert_int_equal(open_and_read(scratch("hf")), IJ_OK);
    static const char missing[] = "{\"weight_map\": {\"layernorm.bias\": \"two.safetensors\"}}";
    store(scratch("hf/model.safetensors.index.json"), missing, strlen(missing));
    refused_as(scratch("hf"), IJ_EIO, "two.safetensors");
}

/* ---- Pickles ---------------------------------------------------------------------------------------------------- */

#define PICKLE(text) (text), sizeof(text) - 1

static void hostile_pickles(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *says;
    } cases[] = {
        {PICKLE("\x80\002cos\nsystem\n."), "names os.system"},
        {PICKLE("\x80\002c__builtin__\neval\n."), "names __builtin__.eval"},
        {PICKLE("\x80\004\x8c\005posix\x8c\006system\x93."), "names posix.system"},
        {PICKLE("ccollections.OrderedDict\n\n."), "names collections.OrderedDict."},
        {PICKLE("ctorch\nFloat\033[2JStorage\n."), "names torch.Float?[2JStorage"},
        {PICKLE("(S'ls'\nios\nsystem\n."), "opcode 0x53"},
        {PICKLE("\x80\011N."), "protocol"},
        {PICKLE(""), "cut short"},
        {PICKLE("."), "stack is empty"},
        {PICKLE("(."), "stack is empty"},
        {PICKLE("N"), "cut short"},
        {PICKLE("cos"), "cut short"},
        {PICKLE("X\377\377\377\377a."), "cut short"},
        {PICKLE("X\003\000\000\000a\000b."), "zero character"},
        {PICKLE("\x8a\011123456789."), "beyond 64 bits"},
        {PICKLE("Nr\377\377\377\377."), "remembers more than"},
        {PICKLE("h\000."), "has not remembered"},
        {PICKLE("q\000."), "nothing to remember"},
        {PICKLE("\x87."), "stack is empty"},
        {PICKLE("t."), "a mark is missing"},
        {PICKLE("}N."), ""}, /* the topmost value counts */
        {PICKLE("](K\001e."), ""},
        {PICKLE("}(K\001u."), "fills something that is no"},
        {PICKLE("N(K\001K\002u."), "fills something that is no"},
        {PICKLE("(K\001K\002u."), "fills something that is no"},
        {PICKLE("s."), "stack is empty"},
        {PICKLE("N}b."), "attributes"},
        {PICKLE("NNR."), "calls something that is no function"},
        {PICKLE("ccollections\nOrderedDict\n)R."), ""},
        {PICKLE("ccollections\nOrderedDict\nK\001\x85R."), "wrong parts"},
        {PICKLE("ctorch\nFloatStorage\n)R."), "wrong parts"},
        {PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R."), "without storage"},
        {PICKLE("NQ."), "no storage of a known type"},
        {PICKLE("(X\007\000\000\000storagectorch\nFloatStorage\nX\001\000\000\0000NK\001tQ."), ""},
        {PICKLE("(X\007\000\000\000storageccollections\nOrderedDict\nX\001\000\000\0000NK\001tQ."), "known type"},
        {PICKLE("}q\000h\000h\000s."), ""}, /* a dictionary within itself harms nobody */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ij_pickle *pickle;
        ij_status status = ij_pickle_read(&pickle, "p", cases[i].bytes, cases[i].size);
        if (status != (*cases[i].says ? IJ_EFORMAT : IJ_OK) || (status && !strstr(ij_error(), cases[i].says)))
            fail_msg("case %zu: status %d, \"%s\" instead of \"%s\"", i, status, ij_error(), cases[i].says);
        ij_pickle_free(pickle);
    }
}

static void pickled_values(void **state)
{
    (void)state;
    static const char bytes[] = "\x80\002}(X\001\000\000\000aJ\376\377\377\377X\001\000\000\000b\x8a\002\000\x80"
                                "X\001\000\000\000cG?\xf8\000\000\000\000\000\000X\001\000\000\000d(K\001\x88Nt"
                                "X\001\000\000\000eM\001\002X\001\000\000\000f\x8a\000u.";
    ij_pickle *pickle;
    if (ij_pickle_read(&pickle, "p", bytes, sizeof bytes - 1))
        fail_msg("%s", ij_error());
    const ij_pickle_value *root = ij_pickle_root(pickle), *d = ij_pickle_get(root, "d");
    assert_int_equal(ij_pickle_get(root, "a")->number, -2);
    assert_int_equal(ij_pickle_get(root, "b")->number, -32768);
    assert_true(ij_pickle_get(root, "c")->real == 1.5);
    assert_int_equal(ij_pickle_get(root, "e")->number, 513);
    assert_int_equal(ij_pickle_get(root, "f")->number, 0);
    assert_int_equal(d->kind, IJ_PICKLE_TUPLE);
    assert_int_equal(d->count, 3);
    assert_int_equal(d->items[1]->kind, IJ_PICKLE_BOOL);
    assert_int_equal(d->items[2]->kind, IJ_PICKLE_NONE);
    assert_null(ij_pickle_get(root, "g"));
    assert_null(ij_pickle_get(d, "a"));
    assert_null(ij_pickle_get(NULL, "a"));
    ij_pickle_free(pickle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_written),     cmocka_unit_test(notes),         cmocka_unit_test(metadata),
        cmocka_unit_test(foreign_files),  cmocka_unit_test(damaged),       cmocka_unit_test(cut_while_open),
        cmocka_unit_test(contradictions), cmocka_unit_test(false_indexes), cmocka_unit_test(hostile_pickles),
        cmocka_unit_test(pickled_values),
    };
    return cmocka_run_group_tests_name("model_file", tests, make_folder, remove_folder);
}
