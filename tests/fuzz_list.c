/* libFuzzer target: any bytes as a list of paths. */
#include "data/source.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct stat info = {0};
    ij_listing listing = {.kind = IJ_SOURCE_LIST};
    FILE *file = size ? fmemopen((void *)bytes, size, "rb") : NULL;
    if (!file)
        return 0;
    if (!ij_listing_add_container(&listing, "", &info) && !ij_list_read(&listing, file, "list") &&
        listing.sample_count && !ij_listing_is_valid(&listing))
        abort();
    ij_listing_free(&listing);
    fclose(file);
    return 0;
}
