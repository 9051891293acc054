/* Writes seeds for the fuzzers: fuzz_seeds FOLDER fills
 * FOLDER/{decode,tar,idx,list,index,safetensors,torch_file,model_file}. */
#include "data/index.h"
#include "engine/files/safetensors.h"
#include "engine/files/torch_zip.h"
#include "tests/images.h"
#include "tests/shards.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

static const char *folder;

static void write_seed(const char *name, const void *bytes, size_t size)
{
    scratch_write(folder, name, bytes, size);
}

/* Eight bytes behind the image choose the crop, see fuzz_decode.c. */
static void write_image(const char *name, const uint8_t *bytes, size_t size, uint8_t mode)
{
    uint8_t *seed = malloc(size + 8);
    if (!seed)
        abort();
    memcpy(seed, bytes, size);
    memcpy(seed + size, (uint8_t[8]){20, 10, 200, 220, 15, mode, mode, 0}, 8);
    write_seed(name, seed, size + 8);
    free(seed);
}

static void decode_seeds(void)
{
    static const picture_options options[] = {
        {PICTURE_RGB, 80, 2, 2, false, false},  {PICTURE_RGB, 80, 1, 1, true, false},
        {PICTURE_RGB, 80, 2, 1, false, true},   {PICTURE_GREY, 80, 1, 1, false, false},
        {PICTURE_CMYK, 80, 1, 1, false, false}, {PICTURE_YCCK, 80, 2, 2, true, false}};
    char name[64];
    size_t size;
    for (uint32_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        uint8_t *jpeg = picture_jpeg(40, 29, i, options[i], &size);
        snprintf(name, sizeof name, "decode/jpeg-%u", i);
        write_image(name, jpeg, size, i & 1);
        free(jpeg);
    }
#ifdef IJ_HAVE_PNG
    static const int kinds[][2] = {{0, 1}, {0, 16}, {2, 8}, {3, 4}, {4, 8}, {6, 16}};
    for (uint32_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        uint8_t rgb[17 * 13 * 3], *png = picture_png(17, 13, i, kinds[i][0], kinds[i][1], i & 1, rgb, &size);
        snprintf(name, sizeof name, "decode/png-%u", i);
        write_image(name, png, size, i & 1);
        free(png);
    }
#endif
    write_image("decode/pgm", (const uint8_t *)"P5 3 2 255\n123456", 17, 1);
    write_image("decode/ppm", (const uint8_t *)"P6\n# c\n2 1\n255\nabcdef", 21, 0);
}

static void tar_seeds(void)
{
    char name[200] = {0};
    ij_bytes tar = {0};
    memset(name, 'n', 180);
    memcpy(name + 150, "/a.jpg", 7);
    shard_add(&tar, "set/1.cls", '0', "3\n", 2);
    shard_add(&tar, "set/1.jpg", '0', "image", 5);
    shard_add(&tar, "set/2.png", '0', "image", 5);
    shard_end(&tar);
    write_seed("tar/plain", tar.data, tar.size);
    write_seed("tar/cut", tar.data, tar.size - 1500);
    tar.size = 0;
    shard_add_gnu(&tar, name, "image", 5);
    shard_add_pax(&tar, name, "image", 5);
    shard_add(&tar, name, '0', "image", 5);
    shard_add(&tar, "link.jpg", '2', "", 0);
    shard_add(&tar, "sparse.jpg", 'S', "", 0);
    write_seed("tar/long", tar.data, tar.size);
    ij_bytes_free(&tar);
}

/* Two bytes before say how long the images are, see fuzz_idx.c. */
static void write_idx(const char *name, const uint8_t *images, size_t size, const ij_bytes *labels)
{
    uint8_t seed[1024] = {(uint8_t)(size & 0xFF), (uint8_t)(size >> 8)};
    memcpy(seed + 2, images, size);
    memcpy(seed + 2 + size, labels->data, labels->size);
    write_seed(name, seed, 2 + size + labels->size);
}

static void idx_seeds(void)
{
    ij_bytes images = {0}, labels = {0};
    uint8_t pixels[24] = {1, 2, 3}, packed[256];
    idx_write(&images, 3, (uint32_t[]){4, 2, 3}, pixels, sizeof pixels);
    idx_write(&labels, 1, (uint32_t[]){4}, (uint8_t[]){1, 0, 9, 1}, 4);
    write_idx("idx/plain", images.data, images.size, &labels);
    z_stream stream = {
        .next_in = images.data, .avail_in = (unsigned)images.size, .next_out = packed, .avail_out = sizeof packed};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    write_idx("idx/packed", packed, stream.total_out, &labels);
    deflateEnd(&stream);
    ij_bytes_free(&images);
    ij_bytes_free(&labels);
}

static void list_seeds(void)
{
    static const char plain[] = "a b.jpg\n/c/d.png\r\n\nlast", numbers[] = "a b.jpg 3\nc.jpg\t0\n",
                      names[] = "\xEF\xBB\xBFx.jpg\tcat\ny.jpg\tdog fish\n";
    write_seed("list/plain", plain, sizeof plain - 1);
    write_seed("list/numbers", numbers, sizeof numbers - 1);
    write_seed("list/names", names, sizeof names - 1);
}

/* The checksum is left to fuzz_index.c. */
static void index_seeds(void)
{
    ij_listing l = {0};
    struct stat info = {0};
    ij_sample sample = {.label = 1};
    size_t size;
    if (ij_listing_add_container(&l, "", &info) || ij_listing_add_container(&l, "cat", &info) ||
        ij_listing_add_class(&l, "cat") || ij_listing_add_class(&l, "dog") ||
        ij_listing_add_text(&l, "1.jpg", 5, &sample.name) || ij_listing_add_sample(&l, sample) ||
        ij_listing_add_sample(&l, sample) || ij_listing_add_note(&l, "a note"))
        abort();
    char path[4096];
    snprintf(path, sizeof path, "%s/index/seed", folder);
    write_seed("index/seed", "", 0);
    FILE *file = fopen(path, "wb");
    if (!file || !ij_index_write(file, "k", &l) || fclose(file) != 0)
        abort();
    uint8_t *bytes = read_file(path, &size);
    write_seed("index/seed", bytes, size - 8);
    free(bytes);
    ij_listing_free(&l);
}

static uint8_t *read_model(const char *name, size_t *size)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/model_files/%s", IJEPA_TESTS, name);
    uint8_t *bytes = read_file(path, size);
    if (!bytes)
        abort();
    return bytes;
}

static void safetensors_seeds(void)
{
    static const char *const metadata[][2] = {{IJ_ST_CHECKSUM, NULL}, {"format", "pt"}, {"config", "[data]\n"}};
    const ij_st_entry entries[] = {{"a", IJ_U8, 1, {3}}, {"b", IJ_F16, 2, {2, 1}}, {"c", IJ_F32, 0, {0}}};
    char path[4096];
    ij_st_writer *writer;
    write_seed("safetensors/small", "", 0);
    snprintf(path, sizeof path, "%s/safetensors/small", folder);
    if (ij_safetensors_create(&writer, path, entries, 3, metadata, 3) || ij_safetensors_write(writer, "abc", 3) ||
        ij_safetensors_write(writer, "abcd", 4) || ij_safetensors_write(writer, "abcd", 4) ||
        ij_safetensors_finish(writer))
        abort();
    size_t size;
    uint8_t *bytes = read_model("hf_sharded/model-00003-of-00003.safetensors", &size);
    write_seed("safetensors/shard", bytes, size);
    free(bytes);
}

/* The archives that are small, and the pickles of the others. */
static void torch_seeds(void)
{
    static const char *const archives[] = {"zip64.pth.tar", "expanded.pth.tar", "big_endian.pth.tar",
                                           "deflated.pth.tar"};
    static const char *const pickles[] = {"official.pth.tar", "one_group.pth.tar", "views.pth.tar", "command.pth.tar"};
    char name[1024];
    size_t size;
    for (size_t i = 0; i < sizeof archives / sizeof archives[0]; i++) {
        uint8_t *bytes = read_model(archives[i], &size);
        snprintf(name, sizeof name, "torch_file/%s", archives[i]);
        write_seed(name, bytes, size);
        free(bytes);
    }
    for (size_t i = 0; i < sizeof pickles / sizeof pickles[0]; i++) {
        ij_zip *zip;
        uint64_t at, length;
        snprintf(name, sizeof name, "%s/model_files/%s", IJEPA_TESTS, pickles[i]);
        if (ij_zip_open(&zip, name) || ij_zip_find(zip, ij_zip_folder(zip, "data.pkl"), "data.pkl", &at, &length))
            abort();
        ij_zip_close(zip);
        uint8_t *bytes = read_model(pickles[i], &size);
        snprintf(name, sizeof name, "torch_file/%s.pickle", pickles[i]);
        write_seed(name, bytes + at, (size_t)length);
        free(bytes);
    }
}

/* A file behind a 0; a folder behind a 1 and the lengths of its parts, see fuzz_model_file.c. */
static void write_model(const char *name, const char *config, const char *index, const char *tensors)
{
    size_t sizes[3] = {0}, used = config ? 5 : 1;
    const char *const names[3] = {config, index, tensors};
    uint8_t *seed = calloc(1, 1 << 17);
    if (!seed)
        abort();
    for (int i = 0; i < 3; i++) {
        if (!names[i])
            continue;
        uint8_t *bytes = read_model(names[i], &sizes[i]);
        memcpy(seed + used, bytes, sizes[i]);
        used += sizes[i];
        free(bytes);
    }
    if (config)
        memcpy(seed, (uint8_t[5]){1, sizes[0] & 255, sizes[0] >> 8 & 255, sizes[1] & 255, sizes[1] >> 8 & 255}, 5);
    write_seed(name, seed, used);
    free(seed);
}

static void model_seeds(void)
{
    write_model("model_file/own", NULL, NULL, "own.safetensors");
    write_model("model_file/unaligned", NULL, NULL, "unaligned.safetensors");
    write_model("model_file/views", NULL, NULL, "views.pth.tar");
    write_model("model_file/old", NULL, NULL, "old_format.pth.tar");
    write_model("model_file/hf", "hf/config.json", NULL, "hf/model.safetensors");
    write_model("model_file/classifier", "hf_classifier/config.json", NULL, "hf_classifier/model.safetensors");
    write_model("model_file/index", "hf/config.json", "hf_sharded/model.safetensors.index.json",
                "hf_sharded/model-00001-of-00003.safetensors");
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    folder = arguments[1];
    decode_seeds();
    tar_seeds();
    idx_seeds();
    list_seeds();
    index_seeds();
    safetensors_seeds();
    torch_seeds();
    model_seeds();
    return 0;
}
