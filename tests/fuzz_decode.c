/* libFuzzer target: any bytes through the decoder and the resizer. The last eight bytes choose the rectangle, the mode
 * and the output's size, so that any JPEG is a seed. */
#include "data/decode.h"
#include "data/resize.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    enum { LARGEST = 64 };
    static ij_decoder *decoder;
    static ij_resizer *resizer;
    static uint8_t out[LARGEST * LARGEST * 3];
    uint8_t choice[8] = {0};
    int width, height;
    if (!decoder && (ij_decoder_create(&decoder, 1 << 20) || ij_resizer_create(&resizer)))
        abort();
    if (size >= sizeof choice)
        memcpy(choice, bytes + size - sizeof choice, sizeof choice);
    if (ij_decoder_open(decoder, bytes, size, &width, &height))
        return 0;
    ij_rect rect = {choice[0] * width / 256, choice[1] * height / 256, 0, 0};
    rect.width = 1 + choice[2] * (width - rect.x - 1) / 255;
    rect.height = 1 + choice[3] * (height - rect.y - 1) / 255;
    int output = 1 + choice[4] % LARGEST;
    ij_window window;
    if (ij_decoder_start(decoder, rect, output, output, choice[5] & 1 ? IJ_DECODE_EXACT : IJ_DECODE_FAST, &window))
        return 0;
    ij_box box = {0, 0, window.rect.width, window.rect.height};
    if (ij_resizer_start(resizer, window.rect.width, window.rect.height, box, output, choice[6] & 1, out))
        return 0;
    const uint8_t *row;
    for (int y = 0; y < window.rect.height && !ij_decoder_row(decoder, &row); y++)
        ij_resizer_push(resizer, row);
    return 0;
}
