/* libFuzzer target: any bytes as a model. The first byte is 0 for a file, or 1 for a folder: then two lengths of two
 * bytes each follow, config.json and, if it is not empty, model.safetensors.index.json of those lengths, and the rest
 * is the tensors. */
#include "tests/fuzz_model.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *folder;
    char path[512];
    if (!folder)
        folder = fuzz_folder("fuzz-model-file");
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (size < 5 || !bytes[0]) {
        fuzz_store(folder, "model.safetensors", bytes + (size ? 1 : 0), size ? size - 1 : 0);
        fuzz_read_model(path, size);
        return 0;
    }
    size_t left = size - 5, config = bytes[1] | (size_t)bytes[2] << 8, index = bytes[3] | (size_t)bytes[4] << 8;
    config = config < left ? config : left;
    index = index < left - config ? index : left - config;
    bytes += 5;
    fuzz_store(folder, "config.json", bytes, config);
    if (index) {
        fuzz_store(folder, "model.safetensors.index.json", bytes + config, index);
        fuzz_store(folder, "one.safetensors", bytes + config + index, left - config - index);
        remove(path);
    } else {
        fuzz_store(folder, "model.safetensors", bytes + config, left - config);
    }
    fuzz_read_model(folder, size);
    return 0;
}
