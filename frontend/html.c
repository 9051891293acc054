#include "frontend/html.h"

#include "engine/base/try.h"
#include "frontend/png_bytes.h"

#include <stdarg.h>
#include <stdlib.h>

void ij_html_text(FILE *out, const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        switch (*c) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            putc(*c < 32 && *c != '\n' && *c != '\t' ? ' ' : *c, out);
        }
}

void ij_html_format(FILE *out, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ij_html_text(out, text);
}

/* RFC 4648. */
static void write_base64(FILE *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        unsigned a = bytes[i], b = left > 1 ? bytes[i + 1] : 0, c = left > 2 ? bytes[i + 2] : 0;
        unsigned bits = a << 16 | b << 8 | c;
        putc(digits[bits >> 18], out);
        putc(digits[bits >> 12 & 63], out);
        putc(left > 1 ? digits[bits >> 6 & 63] : '=', out);
        putc(left > 2 ? digits[bits & 63] : '=', out);
    }
}

ij_status ij_html_picture(FILE *out, const uint8_t *pixels, int width, int height, const char *class_name,
                          const char *description)
{
    uint8_t *bytes;
    size_t size;
    TRY(ij_png_bytes(pixels, width, height, &bytes, &size));
    fprintf(out, "<img class=\"%s\" width=\"%d\" height=\"%d\" alt=\"", class_name, width, height);
    ij_html_text(out, description);
    fputs("\" src=\"data:image/png;base64,", out);
    write_base64(out, bytes, size);
    fputs("\"/>", out);
    free(bytes);
    return IJ_OK;
}
