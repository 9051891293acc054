#include "frontend/sheet.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#ifdef IJ_HAVE_PNG
#include <png.h>
#endif

/* Pixels: what a cell should measure at least, the space between cells and round the sheet. */
enum { CELL = 224, GAP = 12, MARGIN = 20 };

typedef struct colour {
    int r, g, b;
} colour;

static const colour background = {16, 19, 24};
static const colour palette[] = {{255, 200, 61}, {64, 196, 255},  {255, 92, 122},
                                 {92, 224, 144}, {196, 140, 255}, {255, 146, 56}};
enum { COLOURS = sizeof palette / sizeof palette[0] };

/* One crop with its masks, enlarged `zoom` times. */
typedef struct cell {
    const ij_batch *batch;
    int image, side, patch, zoom;
    bool *shown;   /* [side * side] in a context block */
    int *covering; /* [side * side] the last target block over the patch, or -1 */
    bool *inside;  /* [side * side] in the target block that is being outlined */
} cell;

static void put(uint8_t *pixel, colour c)
{
    pixel[0] = (uint8_t)c.r;
    pixel[1] = (uint8_t)c.g;
    pixel[2] = (uint8_t)c.b;
}

static colour mix(colour a, colour b, int percent)
{
    return (colour){(a.r * (100 - percent) + b.r * percent) / 100, (a.g * (100 - percent) + b.g * percent) / 100,
                    (a.b * (100 - percent) + b.b * percent) / 100};
}

static const int32_t *target_patches(const cell *c, int block)
{
    return c->batch->target + (size_t)(block * c->batch->images + c->image) * (size_t)c->batch->target_length;
}

static void read_masks(const cell *c)
{
    const ij_batch *b = c->batch;
    for (int p = 0; p < c->side * c->side; p++) {
        c->shown[p] = false;
        c->covering[p] = -1;
    }
    for (int block = 0; block < b->contexts; block++) {
        int sequence = block * b->images + c->image;
        for (int32_t k = b->context_offset[sequence]; k < b->context_offset[sequence + 1]; k++)
            c->shown[b->context[k]] = true;
    }
    for (int block = 0; block < b->targets; block++)
        for (int k = 0; k < b->target_length; k++)
            c->covering[target_patches(c, block)[k]] = block;
}

/* A cell's pixel. What nobody sees is dim and hatched, so that it differs from a dark picture too. */
static colour shade(const cell *c, int x, int y)
{
    const ij_batch *b = c->batch;
    size_t crop = (size_t)b->crop, row = (size_t)(y / c->zoom), column = (size_t)(x / c->zoom);
    const uint8_t *p = b->pixels + (((size_t)c->image * crop + row) * crop + column) * 3;
    colour seen = {p[0], p[1], p[2]};
    int patch = y / c->zoom / c->patch * c->side + x / c->zoom / c->patch;
    if (c->shown[patch])
        return seen;
    int luma = (299 * seen.r + 587 * seen.g + 114 * seen.b) / 1000;
    colour dim = mix(background, (colour){luma, luma, luma}, 18);
    int block = c->covering[patch];
    if (block < 0)
        return (x + y) % 7 ? dim : mix(dim, (colour){255, 255, 255}, 9);
    return mix(mix(dim, seen, 30), palette[block % COLOURS], 16);
}

static void fill(ij_sheet *sheet, int left, int top, int width, int height, colour c)
{
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++)
            put(sheet->pixels + ((size_t)y * (size_t)sheet->width + (size_t)x) * 3, c);
}

/* Whether the patch in this row and column is in the target block that is being outlined. */
static bool is_inside(const cell *c, int row, int column)
{
    return row >= 0 && row < c->side && column >= 0 && column < c->side && c->inside[row * c->side + column];
}

/* The outline of a target block, whatever its shape, just inside it: a line along each side of a patch whose neighbour
 * there is not in the block, and a dot where two such lines of other patches meet at its corner. */
static void outline(ij_sheet *sheet, const cell *c, int block, int left, int top)
{
    const int32_t *patches = target_patches(c, block);
    int unit = c->patch * c->zoom, line = unit < 4 ? 1 : 2;
    colour ink = palette[block % COLOURS];
    memset(c->inside, 0, (size_t)c->side * (size_t)c->side * sizeof *c->inside);
    for (int k = 0; k < c->batch->target_length; k++)
        c->inside[patches[k]] = true;
    for (int k = 0; k < c->batch->target_length; k++) {
        int row = patches[k] / c->side, column = patches[k] % c->side;
        int x = left + column * unit, y = top + row * unit;
        for (int down = -1; down <= 1; down++)
            for (int right = -1; right <= 1; right++)
                if (!is_inside(c, row + down, column + right))
                    fill(sheet, right > 0 ? x + unit - line : x, down > 0 ? y + unit - line : y, right ? line : unit,
                         down ? line : unit, ink);
    }
}

static void draw_cell(ij_sheet *sheet, const cell *c, int left, int top)
{
    read_masks(c);
    for (int y = 0; y < c->batch->crop * c->zoom; y++)
        for (int x = 0; x < c->batch->crop * c->zoom; x++)
            fill(sheet, left + x, top + y, 1, 1, shade(c, x, y));
    for (int block = 0; block < c->batch->targets; block++)
        outline(sheet, c, block, left, top);
}

/* A little wider than high, with a full last row where that can be had. */
static int choose_columns(int images)
{
    int columns = (int)ceil(sqrt(images * 4.0 / 3));
    for (int wider = columns; wider <= columns + 2; wider++)
        if (images % wider == 0)
            return wider;
    return columns;
}

/* Where the images of a sheet lie. */
typedef struct layout {
    int columns, zoom, edge; /* edge: of a cell, in pixels of the sheet */
} layout;

/* An empty sheet for `images` images of `size` x `size` pixels. */
static ij_status lay_out(ij_sheet *sheet, layout *l, int images, int size)
{
    l->columns = choose_columns(images);
    l->zoom = size < CELL ? (CELL + size / 2) / size : 1;
    l->edge = size * l->zoom;
    int rows = (images + l->columns - 1) / l->columns;
    *sheet = (ij_sheet){.width = l->columns * (l->edge + GAP) - GAP + 2 * MARGIN,
                        .height = rows * (l->edge + GAP) - GAP + 2 * MARGIN};
    sheet->pixels = malloc((size_t)sheet->width * (size_t)sheet->height * 3);
    if (!sheet->pixels)
        return ij_fail(IJ_ENOMEM, "no memory for a sheet of %d images of %d pixels", images, size);
    fill(sheet, 0, 0, sheet->width, sheet->height, background);
    return IJ_OK;
}

static int left_of(const layout *l, int image)
{
    return MARGIN + image % l->columns * (l->edge + GAP);
}

static int top_of(const layout *l, int image)
{
    return MARGIN + image / l->columns * (l->edge + GAP);
}

ij_status ij_sheet_draw(ij_sheet *sheet, const ij_batch *batch, int images, int side)
{
    layout l;
    ij_status status = lay_out(sheet, &l, images, batch->crop);
    if (status)
        return status;
    cell c = {.batch = batch, .side = side, .patch = batch->crop / side, .zoom = l.zoom};
    size_t patches = (size_t)side * (size_t)side;
    c.shown = calloc(patches, sizeof *c.shown);
    c.covering = calloc(patches, sizeof *c.covering);
    c.inside = calloc(patches, sizeof *c.inside);
    if (!c.shown || !c.covering || !c.inside) {
        ij_sheet_free(sheet);
        status = ij_fail(IJ_ENOMEM, "no memory for the masks of %d crops", batch->images);
    }
    for (c.image = 0; c.image < images && !status; c.image++)
        draw_cell(sheet, &c, left_of(&l, c.image), top_of(&l, c.image));
    free(c.shown);
    free(c.covering);
    free(c.inside);
    return status;
}

ij_status ij_sheet_images(ij_sheet *sheet, const uint8_t *pixels, int images, int size, int marked)
{
    layout l;
    ij_status status = lay_out(sheet, &l, images, size);
    if (status)
        return status;
    for (int i = 0; i < images; i++) {
        int left = left_of(&l, i), top = top_of(&l, i), line = 4;
        if (i < marked)
            fill(sheet, left - line, top - line, l.edge + 2 * line, l.edge + 2 * line, palette[0]);
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) {
                const uint8_t *p = pixels + (((size_t)i * (size_t)size + (size_t)y) * (size_t)size + (size_t)x) * 3;
                fill(sheet, left + x * l.zoom, top + y * l.zoom, l.zoom, l.zoom, (colour){p[0], p[1], p[2]});
            }
    }
    return IJ_OK;
}

void ij_sheet_free(ij_sheet *sheet)
{
    free(sheet->pixels);
    sheet->pixels = NULL;
}

ij_status ij_sheet_write(const ij_sheet *sheet, const char *path)
{
#ifdef IJ_HAVE_PNG
    png_image image = {.version = PNG_IMAGE_VERSION,
                       .width = (png_uint_32)sheet->width,
                       .height = (png_uint_32)sheet->height,
                       .format = PNG_FORMAT_RGB};
    errno = 0;
    if (!png_image_write_to_file(&image, path, 0, sheet->pixels, 0, NULL))
        return ij_fail(IJ_EIO, "cannot write %s: %s", path, errno ? strerror(errno) : image.message);
    return IJ_OK;
#else
    (void)sheet;
    return ij_fail(IJ_EINVAL, "cannot write %s: this program was built without libpng", path);
#endif
}
