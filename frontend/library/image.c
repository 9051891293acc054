/* An image file to the pixels that encoders take. */
#include "data/reader.h"
#include "frontend/library/ijepa.h"

enum { LARGEST = 16384 };

ijepa_status ijepa_image_read(const char *path, int size, uint8_t *pixels)
{
    ij_reader *reader;
    if (size < 1 || size > LARGEST)
        return (ijepa_status)ij_fail(IJ_EINVAL, "an image of %d pixels a side was asked for; 1 to %d can be", size,
                                     (int)LARGEST);
    ij_status status = ij_reader_create(&reader, 0, false);
    if (status)
        return (ijepa_status)status;
    status = ij_reader_eval_file(reader, path, IJ_DECODE_EXACT, size, pixels);
    ij_reader_destroy(reader);
    return (ijepa_status)(status ? ij_fail_in(status, "%s: ", path) : IJ_OK);
}
