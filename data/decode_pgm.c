#include "data/decode_pgm.h"

#include <stdbool.h>
#include <stdlib.h>

enum { LARGEST_SIDE = 65500 };

struct ij_pgm {
    const uint8_t *pixels; /* [height, width, channels] in the caller's bytes */
    int width, channels;
    ij_rect rect;
    int next; /* row of `rect` */
    uint8_t *row;
    size_t row_capacity;
};

ij_status ij_pgm_create(ij_pgm **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? IJ_OK : ij_fail(IJ_ENOMEM, "no memory for a PGM decoder");
}

void ij_pgm_destroy(ij_pgm *pgm)
{
    if (!pgm)
        return;
    free(pgm->row);
    free(pgm);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The next number after blanks and comments; -1 where there is none or it is above LARGEST_SIDE. */
static int parse_number(const uint8_t *bytes, size_t size, size_t *at)
{
    while (*at < size && (is_blank(bytes[*at]) || bytes[*at] == '#')) {
        if (bytes[*at] == '#')
            while (*at + 1 < size && bytes[*at] != '\n')
                ++*at;
        ++*at;
    }
    int value = 0;
    size_t first = *at;
    for (; *at < size && bytes[*at] >= '0' && bytes[*at] <= '9' && value <= LARGEST_SIDE; ++*at)
        value = value * 10 + (bytes[*at] - '0');
    return *at > first && value <= LARGEST_SIDE ? value : -1;
}

ij_status ij_pgm_open(ij_pgm *pgm, const uint8_t *bytes, size_t size, int *width, int *height)
{
    size_t at = 2;
    pgm->channels = size > 1 && bytes[1] == '6' ? 3 : 1;
    *width = parse_number(bytes, size, &at);
    *height = parse_number(bytes, size, &at);
    int most = parse_number(bytes, size, &at);
    if (*width < 1 || *height < 1 || most != 255 || at >= size || !is_blank(bytes[at]))
        return ij_fail(IJ_EFORMAT, "a PGM or PPM file of another kind than 8 bits, or damaged");
    at++;
    if ((uint64_t)*width * (uint64_t)*height * (uint64_t)pgm->channels > size - at)
        return ij_fail(IJ_EFORMAT, "truncated PGM or PPM file");
    pgm->pixels = bytes + at;
    pgm->width = *width;
    return IJ_OK;
}

ij_status ij_pgm_start(ij_pgm *pgm, ij_rect wanted, ij_window *window)
{
    size_t bytes = (size_t)wanted.width * 4;
    if (bytes > pgm->row_capacity) {
        uint8_t *larger = realloc(pgm->row, bytes);
        if (!larger)
            return ij_fail(IJ_ENOMEM, "no memory for a row of %d pixels", wanted.width);
        pgm->row = larger;
        pgm->row_capacity = bytes;
    }
    pgm->rect = wanted;
    pgm->next = 0;
    *window = (ij_window){wanted, 8};
    return IJ_OK;
}

ij_status ij_pgm_row(ij_pgm *pgm, const uint8_t **rgbx)
{
    size_t channels = (size_t)pgm->channels;
    size_t first = (size_t)(pgm->rect.y + pgm->next++) * (size_t)pgm->width + (size_t)pgm->rect.x;
    const uint8_t *pixel = pgm->pixels + first * channels;
    for (int i = 0; i < pgm->rect.width; i++, pixel += channels) {
        uint8_t *out = pgm->row + 4 * (size_t)i;
        out[0] = pixel[0];
        out[1] = pixel[channels / 2];
        out[2] = pixel[channels - 1];
        out[3] = 0;
    }
    *rgbx = pgm->row;
    return IJ_OK;
}
