#include "frontend/feature_sheet.h"

#include <stddef.h>

/* Pixels: an image's edge, about; the space within a pair, between pairs and round all of them; pairs in a row. */
enum { EDGE = 112, SEAM = 2, GAP = 12, PAIRS = 4 };

static const uint8_t ground[3] = {16, 19, 24};

/* Colours [side, side, 3] as large as an image, also where their patches are no whole number of pixels. */
static void paint(ij_picture *sheet, int left, int top, int edge, const uint8_t *colours, int side)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            int x0 = x * edge / side, x1 = (x + 1) * edge / side, y0 = y * edge / side, y1 = (y + 1) * edge / side;
            ij_picture_fill(sheet, left + x0, top + y0, x1 - x0, y1 - y0, colours + 3 * (y * side + x));
        }
}

ij_status ij_feature_sheet(ij_picture *sheet, const uint8_t *pixels, int images, int size, const uint8_t *colours,
                           int side)
{
    int factor = (size + EDGE - 1) / EDGE, zoom = size < EDGE ? EDGE / size : 1, edge = size / factor * zoom;
    int columns = images < PAIRS ? images : PAIRS, rows = (images + columns - 1) / columns, pair = 2 * edge + SEAM;
    ij_status status = ij_picture_create(sheet, columns * (pair + GAP) + GAP, rows * (edge + GAP) + GAP);
    if (!status)
        ij_picture_fill(sheet, 0, 0, sheet->width, sheet->height, ground);
    for (int i = 0; i < images && !status; i++) {
        int left = GAP + i % columns * (pair + GAP), top = GAP + i / columns * (edge + GAP);
        ij_picture image;
        if ((status = ij_picture_shrink(&image, pixels + (size_t)i * (size_t)size * (size_t)size * 3, size, EDGE)))
            break;
        ij_picture_paste(sheet, left, top, image.pixels, image.width, zoom);
        ij_picture_free(&image);
        paint(sheet, left + edge + SEAM, top, edge, colours + (size_t)i * (size_t)side * (size_t)side * 3, side);
    }
    if (status)
        ij_picture_free(sheet);
    return status;
}
