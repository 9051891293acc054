#include "frontend/png_bytes.h"

#include <stdlib.h>

#ifdef IJ_HAVE_PNG
#include <png.h>
#endif

bool ij_png_available(void)
{
#ifdef IJ_HAVE_PNG
    return true;
#else
    return false;
#endif
}

ij_status ij_png_bytes(const uint8_t *pixels, int width, int height, uint8_t **bytes, size_t *size)
{
    *bytes = NULL;
    *size = 0;
#ifdef IJ_HAVE_PNG
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)width,
                       .height = (png_uint_32)height,
                       .format = PNG_FORMAT_RGB};
    png_alloc_size_t room = PNG_IMAGE_PNG_SIZE_MAX(image);
    *bytes = malloc(room);
    if (!*bytes)
        return ij_fail(IJ_ENOMEM, "no memory for a picture of %d x %d pixels", width, height);
    if (!png_image_write_to_memory(&image, *bytes, &room, 0, pixels, 0, NULL)) {
        free(*bytes);
        *bytes = NULL;
        return ij_fail(IJ_ENOMEM, "cannot make a PNG: %s", image.message);
    }
    *size = room;
    return IJ_OK;
#else
    (void)pixels, (void)width, (void)height;
    return ij_fail(IJ_EINVAL, "cannot make a PNG: this program was built without libpng");
#endif
}
