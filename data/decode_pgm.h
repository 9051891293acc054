/* PGM and PPM rows (Netpbm's binary formats P5 and P6, 8 bits): what the images of IDX files are handed on as;
 * decode.h's third kind. Used by decode.c only. */
#ifndef IJ_DATA_DECODE_PGM_H
#define IJ_DATA_DECODE_PGM_H

#include "data/decode.h"

typedef struct ij_pgm ij_pgm;

/* As the ij_decoder functions of the same names; the limit on pixels is the caller's, and both modes are exact. */
ij_status ij_pgm_create(ij_pgm **pgm);
void ij_pgm_destroy(ij_pgm *pgm);
ij_status ij_pgm_open(ij_pgm *pgm, const uint8_t *bytes, size_t size, int *width, int *height);
ij_status ij_pgm_start(ij_pgm *pgm, ij_rect wanted, ij_window *window);
ij_status ij_pgm_row(ij_pgm *pgm, const uint8_t **rgbx);

#endif
