/* Prints the features of one image, a number a line. MODEL is a checkpoint, or anything else that `ijepa import` reads.
 *     cc embed.c $(pkg-config --cflags --libs ijepa) -o embed && ./embed MODEL IMAGE */
#include <ijepa.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    ijepa_device *device;
    ijepa_model *model;
    ijepa_encoder *encoder;
    if (argc != 3 || ijepa_device_open(&device, NULL) || ijepa_model_open(&model, argv[1]) ||
        ijepa_encoder_create(&encoder, device, model, NULL))
        return fprintf(stderr, "embed: %s\n", argc == 3 ? ijepa_error() : "usage: embed MODEL IMAGE"), 1;
    size_t size = (size_t)ijepa_encoder_image_size(encoder), width = (size_t)ijepa_encoder_width(encoder);
    uint8_t *pixels = malloc(size * size * 3);
    float *features = malloc(width * sizeof *features);
    if (!pixels || !features || ijepa_image_read(argv[2], (int)size, pixels) ||
        ijepa_encoder_features(encoder, pixels, 1, features))
        return fprintf(stderr, "embed: %s\n", ijepa_error()), 1;
    for (size_t i = 0; i < width; i++)
        printf("%.9g\n", (double)features[i]);
    free(pixels);
    free(features);
    ijepa_encoder_destroy(encoder);
    ijepa_model_close(model);
    ijepa_device_close(device);
    return 0;
}
