/* Writing HTML: text that cannot be mistaken for markup, and pictures that are part of the page. */
#ifndef IJ_FRONTEND_HTML_H
#define IJ_FRONTEND_HTML_H

#include "engine/base/error.h"

#include <stdint.h>
#include <stdio.h>

/* Writes text, its special characters as entities and control characters as spaces; for attributes too. */
void ij_html_text(FILE *out, const char *text);
void ij_html_format(FILE *out, const char *format, ...) IJ_PRINTF(2, 3);

/* Writes <img> with the pixels [height, width, 3] as a PNG within the page. `class_name` may be "". */
ij_status ij_html_picture(FILE *out, const uint8_t *pixels, int width, int height, const char *class_name,
                          const char *description);

#endif
