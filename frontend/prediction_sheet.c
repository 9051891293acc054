#include "frontend/prediction_sheet.h"

#include "engine/base/try.h"

#include <string.h>

/* Pixels: what a panel should measure at least, between panels, round all, and the scale's width. */
enum { PANEL = 224, GAP = 12, MARGIN = 20, SCALE = 18, ALL = -1 };
static const uint8_t background[3] = {16, 19, 24}, ink[3] = {235, 238, 242};

/* Where the next panel goes. */
typedef struct panel {
    ij_picture *sheet;
    const ij_prediction *p;
    int zoom, left, top;
} panel;

static void pixel_of(const panel *a, int x, int y, uint8_t colour[3])
{
    memcpy(colour, a->p->pixels + ((size_t)y * (size_t)a->p->model.crop + (size_t)x) * 3, 3);
}

static void make_dim(uint8_t colour[3])
{
    int luma = (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) / 1000;
    for (int c = 0; c < 3; c++)
        colour[c] = (uint8_t)((background[c] * 3 + luma) / 4);
}

/* Which patches of the image are shown as they are; the others are dim. */
typedef enum part { EVERYTHING, CONTEXT, NOTHING } part;

static void draw_image(const panel *a, part shown)
{
    const ij_model_config *m = &a->p->model;
    for (int y = 0; y < m->crop; y++)
        for (int x = 0; x < m->crop; x++) {
            uint8_t colour[3];
            pixel_of(a, x, y, colour);
            if (shown == NOTHING ||
                (shown == CONTEXT && !a->p->context[y / m->patch * ij_model_side(m) + x / m->patch]))
                make_dim(colour);
            ij_picture_fill(a->sheet, a->left + x * a->zoom, a->top + y * a->zoom, a->zoom, a->zoom, colour);
        }
}

static void place_of(const panel *a, int32_t patch, int *x, int *y)
{
    const ij_model_config *m = &a->p->model;
    *x = a->left + patch % ij_model_side(m) * m->patch * a->zoom;
    *y = a->top + patch / ij_model_side(m) * m->patch * a->zoom;
}

/* The mean cosine of all predictions of a patch, or that of one block. */
static double cosine_at(const ij_prediction *p, int32_t patch, int block)
{
    double sum = 0;
    int count = 0;
    for (int i = 0; i < p->blocks * p->length; i++)
        if (p->patch[i] == patch && (block == ALL || i / p->length == block)) {
            sum += p->cosine[i];
            count++;
        }
    return sum / count;
}

static void draw_cosines(const panel *a, int block)
{
    const ij_prediction *p = a->p;
    int unit = p->model.patch * a->zoom;
    draw_image(a, NOTHING);
    for (int i = 0; i < p->blocks * p->length; i++) {
        uint8_t colour[3];
        int x, y;
        if (block != ALL && i / p->length != block)
            continue;
        place_of(a, p->patch[i], &x, &y);
        ij_heat_colour(cosine_at(p, p->patch[i], block), colour);
        ij_picture_fill(a->sheet, x, y, unit, unit, colour);
    }
}

/* Where blocks overlap, the stand-in that is nearest to its prediction. */
static void draw_stand_ins(const panel *a, const ij_stand_ins *found, int block)
{
    const ij_prediction *p = a->p;
    size_t bytes = (size_t)p->model.patch * (size_t)p->model.patch * 3;
    draw_image(a, CONTEXT);
    for (int i = 0; i < p->blocks * p->length; i++) {
        bool best = block == ALL || i / p->length == block;
        for (int k = 0; block == ALL && k < p->blocks * p->length; k++)
            best = best && !(p->patch[k] == p->patch[i] && found->cosine[k] > found->cosine[i]);
        int x, y;
        place_of(a, p->patch[i], &x, &y);
        if (best)
            ij_picture_paste(a->sheet, x, y, found->pixels + (size_t)i * bytes, p->model.patch, a->zoom);
    }
}

static void draw_scale(const panel *a, int height)
{
    int left = a->sheet->width - MARGIN - SCALE;
    for (int y = 0; y < height; y++) {
        uint8_t colour[3];
        ij_heat_colour(1 - (double)y / (height - 1), colour);
        ij_picture_fill(a->sheet, left, MARGIN + y, SCALE - 6, 1, colour);
    }
    for (int quarter = 0; quarter <= 4; quarter++)
        ij_picture_fill(a->sheet, left + SCALE - 5, MARGIN + (height - 1) * quarter / 4, 5, 1, ink);
}

static void move(panel *a, int edge, int column, int row)
{
    a->left = MARGIN + column * (edge + GAP);
    a->top = MARGIN + row * (edge + GAP);
}

ij_status ij_prediction_sheet(ij_picture *sheet, const ij_prediction *p, const ij_stand_ins *found)
{
    int crop = p->model.crop, zoom = crop < PANEL ? (PANEL + crop / 2) / crop : 1, edge = crop * zoom;
    int columns = p->blocks > 3 + (found != NULL) ? p->blocks : 3 + (found != NULL), rows = found ? 3 : 2;
    if (p->blocks == 1) /* the first row shows it already */
        rows = 1;
    TRY(ij_picture_create(sheet, columns * (edge + GAP) + 2 * MARGIN + SCALE, rows * (edge + GAP) - GAP + 2 * MARGIN));
    ij_picture_fill(sheet, 0, 0, sheet->width, sheet->height, background);
    panel a = {.sheet = sheet, .p = p, .zoom = zoom};
    move(&a, edge, 0, 0);
    draw_image(&a, EVERYTHING);
    move(&a, edge, 1, 0);
    draw_image(&a, CONTEXT);
    move(&a, edge, 2, 0);
    draw_cosines(&a, ALL);
    if (found) {
        move(&a, edge, 3, 0);
        draw_stand_ins(&a, found, ALL);
    }
    for (int block = 0; block < p->blocks && rows > 1; block++) {
        move(&a, edge, block, 1);
        draw_cosines(&a, block);
        if (found) {
            move(&a, edge, block, 2);
            draw_stand_ins(&a, found, block);
        }
    }
    draw_scale(&a, edge);
    return IJ_OK;
}
