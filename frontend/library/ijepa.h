/* libijepa: features of images from I-JEPA models, on any OpenCL device. The one header that is installed.
 *
 *     cc program.c $(pkg-config --cflags --libs ijepa)
 *
 * Open a device and a model, make an encoder of both, read images, ask for features. examples/embed.c does just that.
 *
 * Functions that can fail return an ijepa_status, and ijepa_error() then tells what happened; pointers they were to set
 * are NULL, other output is undefined. Nothing is printed, and no signal or locale is touched. A model, or a device
 * with all its encoders, may be used by one thread at a time; different ones by different threads.
 *
 * Structures begin with their size, which the caller sets: later versions add fields at the end, and programs that were
 * compiled before go on working. Enumerations get new values at their end. */
#ifndef IJEPA_H
#define IJEPA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define IJEPA_API __attribute__((visibility("default")))
#else
#define IJEPA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors and version ----------------------------------------------------------------------------------------- */

typedef enum ijepa_status {
    IJEPA_OK = 0,
    IJEPA_EINVAL,  /* the caller asks for something impossible */
    IJEPA_EIO,     /* a file or folder could not be read */
    IJEPA_EFORMAT, /* a file is not what it should be, or is damaged */
    IJEPA_ENOMEM,  /* host or device memory does not suffice */
    IJEPA_EDEVICE, /* no device, a lost device, or a call that OpenCL refused */
    IJEPA_EBUILD   /* a kernel did not compile */
} ijepa_status;

/* What the last failure in this thread was, for people: what happened, to what, and what to do. "" where nothing
 * failed. Valid until the thread's next failure. */
IJEPA_API const char *ijepa_error(void);

/* The library's version, "0.1.0". */
IJEPA_API const char *ijepa_version(void);

/* ---- Devices ---------------------------------------------------------------------------------------------------- */

typedef struct ijepa_device ijepa_device;

typedef enum ijepa_device_type { IJEPA_DEVICE_CPU, IJEPA_DEVICE_GPU, IJEPA_DEVICE_OTHER } ijepa_device_type;

typedef struct ijepa_device_info {
    size_t size; /* sizeof(ijepa_device_info), set by the caller */
    int type;    /* ijepa_device_type */
    char name[256], platform[128], driver[128];
    uint64_t memory_bytes;
} ijepa_device_info;

/* How many OpenCL devices there are. IJEPA_EDEVICE, with advice on what to install, where there is none. */
IJEPA_API ijepa_status ijepa_device_count(int *count);

/* Describes device `index` (0 .. count - 1, as `ijepa devices` numbers them). */
IJEPA_API ijepa_status ijepa_device_describe(int index, ijepa_device_info *info);

/* Opens the device that `choice` names: its index ("1"), "gpu", "cpu", or a part of its name or its platform's in any
 * case. NULL or "": what the environment variable IJEPA_DEVICE names, and without it the first GPU, else the first
 * device. It must outlive the encoders made on it. */
IJEPA_API ijepa_status ijepa_device_open(ijepa_device **device, const char *choice);
IJEPA_API void ijepa_device_close(ijepa_device *device); /* NULL is fine */

/* ---- Models ----------------------------------------------------------------------------------------------------- */

typedef struct ijepa_model ijepa_model;

typedef struct ijepa_model_info {
    size_t size;     /* sizeof(ijepa_model_info), set by the caller */
    int image_size;  /* S, pixels: images are S x S */
    int patch_size;  /* P, pixels */
    int width;       /* D */
    int depth;       /* blocks */
    int heads;       /* a block */
    int has_context; /* whether the file holds the encoder that was trained, */
    int has_target;  /* and its moving average, from which features are taken */
    int64_t epoch;   /* complete epochs of training; -1: the file does not say */
    int64_t step;    /* optimiser steps; -1: the file does not say */
} ijepa_model_info;

/* Opens a model file of any kind: a checkpoint of ijepa (.safetensors), a folder or file of Hugging Face's transformers
 * with an IJepaModel, a .pth.tar of the official code (nothing in it is executed). Reads names and shapes only. */
IJEPA_API ijepa_status ijepa_model_open(ijepa_model **model, const char *path);
IJEPA_API void ijepa_model_close(ijepa_model *model); /* NULL is fine */

IJEPA_API ijepa_status ijepa_model_describe(const ijepa_model *model, ijepa_model_info *info);

/* ---- Encoders --------------------------------------------------------------------------------------------------- */

typedef struct ijepa_encoder ijepa_encoder;

/* What becomes of an image's N tokens, patches row by row. */
typedef enum ijepa_pool {
    IJEPA_POOL_MEAN, /* their mean: one row */
    IJEPA_POOL_2X2,  /* the means of the four quadrants, upper ones first: four rows */
    IJEPA_POOL_NONE  /* all of them: N rows */
} ijepa_pool;

/* The position table for images of another size than the training's. */
typedef enum ijepa_positions {
    IJEPA_POSITIONS_COMPUTED,    /* sine-cosine for the grid, as training at that size would have had it */
    IJEPA_POSITIONS_INTERPOLATED /* the model's table, bicubically, as PyTorch's interpolate */
} ijepa_positions;

typedef struct ijepa_encoder_options {
    size_t size;    /* sizeof(ijepa_encoder_options), set by the caller; all that is 0 behind it is the default */
    int context;    /* 0: the target encoder; 1: the context encoder. A file that has only one gives that one */
    int batch;      /* images at a time at most; 0: as many as suit the device, see ijepa_encoder_batch */
    int pool;       /* ijepa_pool */
    int layers;     /* the last so many blocks' results, side by side, the last one last; 0 is 1 */
    int image_size; /* pixels, a multiple of the patch size; 0: the model's */
    int positions;  /* ijepa_positions */
} ijepa_encoder_options;

/* Loads an encoder into the device's memory. options NULL: all defaults. IJEPA_ENOMEM, before anything is allocated,
 * where it does not fit. The model may be closed afterwards, the device may not. */
IJEPA_API ijepa_status ijepa_encoder_create(ijepa_encoder **encoder, ijepa_device *device, ijepa_model *model,
                                            const ijepa_encoder_options *options);
IJEPA_API void ijepa_encoder_destroy(ijepa_encoder *encoder); /* NULL is fine */

/* What it takes and gives: the side S of its images in pixels; the most images at a time; rows of features an image, as
 * the pooling says; floats a row, each layer's after the final LayerNorm. */
IJEPA_API int ijepa_encoder_image_size(const ijepa_encoder *encoder);
IJEPA_API int ijepa_encoder_batch(const ijepa_encoder *encoder);
IJEPA_API int ijepa_encoder_rows(const ijepa_encoder *encoder);
IJEPA_API int ijepa_encoder_width(const ijepa_encoder *encoder);

/* features [images, rows, width] of `images` images (1 .. batch) in pixels [images, S, S, 3], bytes R, G, B. */
IJEPA_API ijepa_status ijepa_encoder_features(ijepa_encoder *encoder, const uint8_t *pixels, int images,
                                              float *features);

/* ---- Images ----------------------------------------------------------------------------------------------------- */

/* Reads a JPEG, PNG, PGM or PPM file into pixels [size, size, 3] as the paper's evaluation does: the shorter side to
 * size * 256/224, bilinearly with antialiasing, then the centre. The pixels are those of Pillow and torchvision.
 * IJEPA_EFORMAT where it is no such image, or damaged. */
IJEPA_API ijepa_status ijepa_image_read(const char *path, int size, uint8_t *pixels);

#ifdef __cplusplus
}
#endif

#endif
