/* An image file to the pixels that encoders take. */
#include "data/reader.h"
#include "frontend/library/ijepa.h"

enum { LARGEST = 16384 };

static ij_status read_only_image(const ij_dataset *dataset, const char *path, int size, uint8_t *pixels)
{
    ij_reader *reader;
    ij_status status = ij_reader_create(&reader, 0, false);
    if (status)
        return status;
    status = ij_reader_eval(reader, dataset, 0, IJ_FIT_SHORTER, IJ_DECODE_EXACT, size, pixels);
    ij_reader_destroy(reader);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}

ijepa_status ijepa_image_read(const char *path, int size, uint8_t *pixels)
{
    ij_dataset *dataset;
    if (size < 1 || size > LARGEST)
        return (ijepa_status)ij_fail(IJ_EINVAL, "an image of %d pixels a side was asked for; 1 to %d can be", size,
                                     (int)LARGEST);
    ij_status status = ij_dataset_open_image(&dataset, path);
    if (status)
        return (ijepa_status)status;
    status = read_only_image(dataset, path, size, pixels);
    ij_dataset_close(dataset);
    return (ijepa_status)status;
}
