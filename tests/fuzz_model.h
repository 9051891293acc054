/* What the fuzzers of model files share: opening a path and reading whatever there is. */
#ifndef IJ_TESTS_FUZZ_MODEL_H
#define IJ_TESTS_FUZZ_MODEL_H

#include <stddef.h>

/* Opens `path` as a model file and reads all of it. Ends the program where a tensor is larger than the `size` bytes
 * that there are. */
void fuzz_read_model(const char *path, size_t size);

/* PATH/NAME with these bytes. */
void fuzz_store(const char *path, const char *name, const void *bytes, size_t size);

/* A new folder of this name in TMPDIR. */
const char *fuzz_folder(const char *name);

#endif
