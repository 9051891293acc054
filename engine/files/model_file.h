/* A model's weights in a file, whoever wrote it: our checkpoints (safetensors), Hugging Face's folders or files
 * (config.json, model.safetensors, sharded ones with their index), the official code's .pth.tar. Whatever the file, the
 * tensors have the official names without "module." and the official shapes:
 *     encoder.*, target_encoder.*, predictor.*   weights, and the tables pos_embed and predictor_pos_embed
 *     optimizer.exp_avg.*, optimizer.exp_avg_sq.*   AdamW's first and second moments, "encoder." or "predictor." behind
 * A Hugging Face file holds one encoder: it is "target_encoder.*". Opening reads names and shapes only; data is read
 * a tensor at a time, so host memory stays within a few tensors whatever the file's size. Knows no OpenCL. */
#ifndef IJ_MODEL_FILE_H
#define IJ_MODEL_FILE_H

#include "engine/base/error.h"
#include "engine/files/safetensors.h"
#include "engine/model_config.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_model_file ij_model_file;

typedef enum ij_model_file_kind {
    IJ_MODEL_FILE_OWN,         /* safetensors with our names */
    IJ_MODEL_FILE_HUGGINGFACE, /* transformers' IJepaModel */
    IJ_MODEL_FILE_OFFICIAL     /* facebookresearch/ijepa's .pth.tar */
} ij_model_file_kind;

typedef struct ij_model_file_info {
    ij_model_file_kind kind;
    ij_model_config model; /* from names, shapes and what the file says; pred_dim, pred_depth 0 without a predictor */
    bool encoder, target_encoder, predictor, moments; /* which of them the file holds, each whole */
    int64_t epoch;                                    /* complete epochs; -1: the file does not say */
    int64_t iteration;                                /* optimiser steps taken; -1: the file does not say */
} ij_model_file_info;

/* One tensor. */
typedef struct ij_model_tensor {
    const char *name; /* official, without "module."; lives as long as the file */
    ij_dtype dtype;   /* as stored: IJ_F32, IJ_F16 or IJ_BF16 (also F64 in official files) */
    int dims;
    int64_t shape[8];
    int64_t elements;
} ij_model_tensor;

/* Opens `path`, a file or a folder, and finds out what it is. IJ_EIO where it cannot be read; IJ_EFORMAT where it is no
 * model file of any of these kinds, is damaged, or contradicts itself, with the reason. Executes nothing in it. */
ij_status ij_model_file_open(ij_model_file **file, const char *path);
void ij_model_file_close(ij_model_file *file); /* NULL is fine */

const ij_model_file_info *ij_model_file_describe(const ij_model_file *file);
/* As it was opened. */
const char *ij_model_file_path(const ij_model_file *file);

/* Tensors by number, in the official order, or by name (NULL where there is none). */
int ij_model_file_count(const ij_model_file *file);
const ij_model_tensor *ij_model_file_at(const ij_model_file *file, int index);
const ij_model_tensor *ij_model_file_find(const ij_model_file *file, const char *name);

/* Reads a tensor as float32 in its official shape (a Hugging Face file's query, key and value become one qkv). */
ij_status ij_model_file_read(ij_model_file *file, const ij_model_tensor *tensor, float *values);

/* Compares the checksum of a file that has one: begin, read the tensors (in the order of ij_model_file_at they are read
 * once), end. IJ_EFORMAT where the content is not what was written; IJ_OK where the file has none, which has_checksum
 * tells. */
bool ij_model_file_has_checksum(const ij_model_file *file);
ij_status ij_model_file_check_begin(ij_model_file *file);
ij_status ij_model_file_check_end(ij_model_file *file);
/* Both at once, with nothing else read: for a file that says what cannot be, whether that is because it is damaged. */
ij_status ij_model_file_check(ij_model_file *file);

/* A value of a safetensors file's __metadata__; NULL where there is none, or none of that name. */
const char *ij_model_file_metadata(const ij_model_file *file, const char *key);

/* What a person should know: what is missing or was passed over, a line each ("holds no predictor"). */
int ij_model_file_notes(const ij_model_file *file);
const char *ij_model_file_note(const ij_model_file *file, int index);

#endif
