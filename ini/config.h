/* The configuration of a run: an INI file with the official I-JEPA YAML's sections and keys, and a few of ours beside
 * them. One table (schema.c) holds every key's type, range, default and help; reading checks every value and every
 * relation between values, and reports all errors at once, each with its file and line. Prints nothing by itself. */
#ifndef IJ_INI_CONFIG_H
#define IJ_INI_CONFIG_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { IJ_CONFIG_TEXT = 1024, IJ_CONFIG_MAX_KEYS = 96, IJ_CONFIG_MAX_NOTES = 8 };

/* The values of the choices, in the order of their names in schema.c. */
typedef enum ij_config_decode { IJ_CONFIG_DECODE_FAST, IJ_CONFIG_DECODE_EXACT } ij_config_decode;
typedef enum ij_config_sampler { IJ_CONFIG_SAMPLER_MULTIBLOCK, IJ_CONFIG_SAMPLER_SCATTER } ij_config_sampler;
typedef enum ij_config_truncate { IJ_CONFIG_TRUNCATE_BATCH, IJ_CONFIG_TRUNCATE_NONE } ij_config_truncate;
typedef enum ij_config_init { IJ_CONFIG_INIT_OFFICIAL, IJ_CONFIG_INIT_XAVIER } ij_config_init;
typedef enum ij_config_loss { IJ_CONFIG_LOSS_SMOOTH_L1, IJ_CONFIG_LOSS_L2 } ij_config_loss;
typedef enum ij_config_recompute {
    IJ_CONFIG_RECOMPUTE_AUTO,
    IJ_CONFIG_RECOMPUTE_NONE,
    IJ_CONFIG_RECOMPUTE_BLOCKS
} ij_config_recompute;
typedef enum ij_config_offload {
    IJ_CONFIG_OFFLOAD_AUTO,
    IJ_CONFIG_OFFLOAD_NONE,
    IJ_CONFIG_OFFLOAD_MOMENTS
} ij_config_offload;
typedef enum ij_config_gemm { IJ_CONFIG_GEMM_AUTO, IJ_CONFIG_GEMM_OWN, IJ_CONFIG_GEMM_CLBLAST } ij_config_gemm;
typedef enum ij_config_model {
    IJ_CONFIG_CUSTOM,
    IJ_CONFIG_VIT_TINY,
    IJ_CONFIG_VIT_SMALL,
    IJ_CONFIG_VIT_BASE,
    IJ_CONFIG_VIT_LARGE,
    IJ_CONFIG_VIT_HUGE,
    IJ_CONFIG_VIT_GIANT
} ij_config_model;

typedef struct ij_config_data {
    int batch_size;
    double color_jitter_strength;
    double crop_scale[2];
    int crop_size;
    char image_folder[IJ_CONFIG_TEXT];
    int num_workers;
    bool pin_mem;
    char root_path[IJ_CONFIG_TEXT];
    bool use_color_distortion, use_gaussian_blur, use_horizontal_flip;
    int decode;      /* ij_config_decode */
    int micro_batch; /* 0: auto */
    double max_bad_share;
    int64_t max_pixels;
} ij_config_data;

typedef struct ij_config_mask {
    bool allow_overlap;
    double aspect_ratio[2];
    double enc_mask_scale[2];
    int min_keep;
    int num_enc_masks, num_pred_masks;
    int patch_size;
    double pred_mask_scale[2];
    int truncate; /* ij_config_truncate */
    int sampler;  /* ij_config_sampler */
    int block_side, context_patches, target_patches;
    bool joint;
} ij_config_mask;

typedef struct ij_config_meta {
    bool copy_data, load_checkpoint;
    int model_name; /* ij_config_model */
    int pred_depth, pred_emb_dim;
    char read_checkpoint[IJ_CONFIG_TEXT];
    bool use_bfloat16;
    int width, depth, heads; /* of a custom encoder; a named one fills them in */
    double mlp_ratio;
    bool rescale_residual;
    int init; /* ij_config_init */
    double position_scale;
} ij_config_meta;

typedef struct ij_config_optimization {
    double ema[2];
    int epochs;
    int64_t steps; /* 0: as many as the epochs hold */
    double final_lr, final_weight_decay, ipe_scale, lr, start_lr, warmup, weight_decay;
    int loss; /* ij_config_loss */
    double pixel_start, pixel_weight;
    int target_layers;
    double clip_grad; /* 0: none */
    double variance_weight, covariance_weight, sigreg_weight;
    double ema_horizon; /* 0: ema counts; else ema has its default */
    double betas[2];
    double eps;
    int64_t max_steps; /* 0: as many as the epochs hold */
} ij_config_optimization;

typedef struct ij_config_logging {
    char folder[IJ_CONFIG_TEXT];
    char write_tag[IJ_CONFIG_TEXT];
    int checkpoint_freq;       /* epochs; 0: none at an epoch's end */
    int64_t checkpoint_steps;  /* 0: none by steps */
    double checkpoint_minutes; /* 0: none by time */
    int keep_last, keep_every; /* checkpoints; epochs */
    bool tensorboard;
} ij_config_logging;

typedef struct ij_config_eval {
    char root_path[IJ_CONFIG_TEXT]; /* "": none */
    int every;                      /* epochs; 0: never */
    int images;
} ij_config_eval;

typedef struct ij_config_run {
    char device[IJ_CONFIG_TEXT];
    int gemm;       /* ij_config_gemm */
    int64_t memory; /* bytes; 0: no limit */
    int recompute;  /* ij_config_recompute */
    int offload;    /* ij_config_offload */
    char share[IJ_CONFIG_TEXT];
    int64_t seed;
} ij_config_run;

/* A configuration that was read and checked. A plain value: no clean-up. */
typedef struct ij_config {
    ij_config_data data;
    ij_config_mask mask;
    ij_config_meta meta;
    ij_config_optimization optimization;
    ij_config_logging logging;
    ij_config_eval eval;
    ij_config_run run;

    char path[IJ_CONFIG_TEXT];            /* as the caller named it */
    int origin[IJ_CONFIG_MAX_KEYS];       /* per key of the schema: the line that set it, or an ij_config_origin */
    char notes[IJ_CONFIG_MAX_NOTES][256]; /* what is accepted but worth telling */
    int n_notes;
} ij_config;

/* Where a value comes from when it is no line of the file. */
typedef enum ij_config_origin { IJ_ORIGIN_DEFAULT = 0, IJ_ORIGIN_SET = -1 } ij_config_origin;

/* Reads the file at `path`, or where there is none and `path` is a plain name the preset that is called so; then
 * applies n_sets overrides "section.key=value" (the last one of a key wins), then checks everything. IJ_EIO where the
 * file cannot be read; IJ_EINVAL with one line per error otherwise. */
ij_status ij_config_read(ij_config *config, const char *path, const char *const *sets, int n_sets);

/* The same for text in memory; `name` stands for the file's name in messages. `size` bytes, no terminator needed. */
ij_status ij_config_parse(ij_config *config, const char *name, const char *text, size_t size, const char *const *sets,
                          int n_sets);

/* Writes every key with its effective value, its help as a comment, and where the value comes from. What is written
 * can be read back and yields the same configuration. */
void ij_config_print(const ij_config *config, FILE *out);

/* The same without comments: equal configurations give equal texts, wherever their values come from. */
void ij_config_print_values(const ij_config *config, FILE *out);

/* Writes every section and key with type, range and default: the reference for `--help`. */
void ij_config_print_keys(FILE *out);

/* Compares the configuration of a run with the one it is to go on with. What decides the numbers and differs is written
 * into `contradictions`, one line "  [data] batch_size = 64 (run.ini:12), the run's is 32" each; what decides them from
 * now on (epochs) into `changes` likewise; what decides nothing (folders, threads) is passed over. Returns how many
 * contradictions there are. */
int ij_config_compare(const ij_config *run, const ij_config *now, char *contradictions, char *changes, size_t size);

/* Where the value of "section.key" was set: "run.ini:12", "--set" or "run.ini, default". For messages about values that
 * turn out wrong only later, when the data or the device are known. Returns `buffer`. */
const char *ij_config_where(const ij_config *config, const char *dotted_key, char *buffer, size_t size);

#endif
