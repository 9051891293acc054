/* What examples/embed.c should print, by the engine itself: the features of image number INDEX of the data set IMAGES.
 *     embed_reference MODEL IMAGES INDEX */
#include "data/reader.h"
#include "engine/base/try.h"
#include "engine/encoder.h"
#include "tests/skip.h"

#include <stdbool.h>
#include <stdint.h>

static ij_status read_image(const char *images, int64_t index, int size, uint8_t *pixels)
{
    ij_dataset *dataset;
    ij_reader *reader;
    TRY(ij_dataset_open(&dataset, images));
    TRY(ij_reader_create(&reader, 0, false));
    TRY(ij_reader_eval(reader, dataset, index, IJ_FIT_SHORTER, IJ_DECODE_EXACT, size, pixels));
    ij_reader_destroy(reader);
    ij_dataset_close(dataset);
    return IJ_OK;
}

static ij_status embed(ij_device *device, char **argv)
{
    static uint8_t pixels[1 << 20];
    static float features[1 << 16];
    ij_model_file *file;
    ij_encoder *encoder;
    TRY(ij_model_file_open(&file, argv[1]));
    TRY(ij_encoder_create(&encoder, device, file, &(ij_encoder_options){.which = IJ_ENCODER_TARGET}));
    const ij_model_config *m = ij_encoder_model(encoder);
    TRY(read_image(argv[2], atoi(argv[3]), m->crop, pixels));
    TRY(ij_encoder_run(encoder, pixels, 1, features));
    for (int i = 0; i < m->dim; i++)
        printf("%.9g\n", (double)features[i]);
    ij_encoder_destroy(encoder);
    ij_model_file_close(file);
    return IJ_OK;
}

int main(int argc, char **argv)
{
    ij_device *device;
    if (argc != 4)
        return 2;
    if (ij_device_open(&device, NULL)) {
        skip_without_device();
        return 77;
    }
    ij_status status = embed(device, argv);
    if (status)
        fprintf(stderr, "embed_reference: %s\n", ij_error());
    ij_device_close(device);
    return status != IJ_OK;
}
