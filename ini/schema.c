/* The one table: every key's section, name, type, place, range, default and help. Rows are in the order in which a
 * configuration is printed; the official I-JEPA keys of a section come first, ours after them. */
#include "ini/schema.h"

#include "ini/config.h"

#include <stddef.h>

static const char *const decode_names[] = {"fast", "exact", NULL};
static const char *const truncate_names[] = {"batch", "none", NULL};
static const char *const sampler_names[] = {"multiblock", "scatter", NULL};
static const char *const init_names[] = {"official", "xavier", NULL};
static const char *const loss_names[] = {"smooth_l1", "l2", NULL};
static const char *const recompute_names[] = {"auto", "none", "blocks", NULL};
static const char *const offload_names[] = {"auto", "none", "moments", NULL};
static const char *const gemm_names[] = {"auto", "own", "clblast", NULL};
static const char *const model_names[] = {"custom",    "vit_tiny", "vit_small", "vit_base",
                                          "vit_large", "vit_huge", "vit_giant", NULL};

#define INT(s, n, min, max, flags, fallback, help)                                                                     \
    {                                                                                                                  \
#s, #n, IJ_KEY_INT, offsetof(ij_config, s.n), min, max, flags, NULL, fallback, help                            \
    }
#define LONG(s, n, min, max, flags, fallback, help)                                                                    \
    {                                                                                                                  \
#s, #n, IJ_KEY_LONG, offsetof(ij_config, s.n), min, max, flags, NULL, fallback, help                           \
    }
#define BYTES(s, n, flags, fallback, help)                                                                             \
    {                                                                                                                  \
#s, #n, IJ_KEY_BYTES, offsetof(ij_config, s.n), 0, 9e15, flags, NULL, fallback, help                           \
    }
#define REAL(s, n, min, max, flags, fallback, help)                                                                    \
    {                                                                                                                  \
#s, #n, IJ_KEY_REAL, offsetof(ij_config, s.n), min, max, flags, NULL, fallback, help                           \
    }
#define PAIR(s, n, min, max, flags, fallback, help)                                                                    \
    {                                                                                                                  \
#s, #n, IJ_KEY_PAIR, offsetof(ij_config, s.n), min, max, flags, NULL, fallback, help                           \
    }
#define BOOL(s, n, flags, fallback, help)                                                                              \
    {                                                                                                                  \
#s, #n, IJ_KEY_BOOL, offsetof(ij_config, s.n), 0, 1, flags, NULL, fallback, help                               \
    }
#define TEXT(s, n, flags, fallback, help)                                                                              \
    {                                                                                                                  \
#s, #n, IJ_KEY_TEXT, offsetof(ij_config, s.n), 0, 0, flags, NULL, fallback, help                               \
    }
#define CHOICE(s, n, names, flags, fallback, help)                                                                     \
    {                                                                                                                  \
#s, #n, IJ_KEY_CHOICE, offsetof(ij_config, s.n), 0, 0, flags, names, fallback, help                            \
    }

const ij_key ij_schema[] = {
    INT(data, batch_size, 1, 65536, 0, "128", "images a training step"),
    REAL(data, color_jitter_strength, 0, 2, 0, "0",
         "strength s of the colour jitter, where there is distortion: 0.8s, hue 0.2s"),
    PAIR(data, crop_scale, 0, 1, IJ_OPEN_MIN | IJ_ASCENDING, "0.3, 1",
         "share of an image's area that a random crop takes"),
    INT(data, crop_size, 4, 4096, 0, "224", "side of the training images, in pixels"),
    TEXT(data, image_folder, IJ_FREE, "", "folder of the images inside root_path; empty: root_path itself"),
    INT(data, num_workers, 0, 256, IJ_FREE, "0", "threads that decode images; 0: one per processor, less one"),
    BOOL(data, pin_mem, IJ_FREE, "false", "official key without a meaning here: staging memory is the device's own"),
    TEXT(data, root_path, IJ_FREE, "",
         "the images: a folder, tar shards (a-{000..146}.tar), a list of paths, an IDX file"),
    BOOL(data, use_color_distortion, 0, "false", "colour jitter for 4 images in 5, grey for 1 in 5, at random"),
    BOOL(data, use_gaussian_blur, 0, "false", "blur every other image at random, by a radius of 0.1 to 2 pixels"),
    BOOL(data, use_horizontal_flip, 0, "false", "mirror every other image at random"),
    CHOICE(data, decode, decode_names, 0, "fast", "JPEG decoding: fast, at reduced size where that suffices, or exact"),
    INT(data, micro_batch, 1, 65536, IJ_LATER | IJ_AUTO, "auto",
        "images of a batch that are computed on at a time, for less memory; auto: as many as fit"),
    REAL(data, max_bad_share, 0, 1, IJ_FREE, "0.05", "share of unreadable images above which a run stops"),
    LONG(data, max_pixels, 1, 9e15, 0, "178956970", "an image of more counts as unreadable; the default is Pillow's"),

    BOOL(mask, allow_overlap, 0, "false", "let context blocks keep the patches of target blocks"),
    PAIR(mask, aspect_ratio, 0.01, 100, IJ_ASCENDING, "0.75, 1.5", "height to width of a target block"),
    PAIR(mask, enc_mask_scale, 0, 1, IJ_OPEN_MIN | IJ_ASCENDING, "0.85, 1", "share of the patches in a context block"),
    INT(mask, min_keep, 0, 65536, 0, "10", "a block with this many patches or fewer is drawn again"),
    INT(mask, num_enc_masks, 1, 16, 0, "1", "context blocks per image"),
    INT(mask, num_pred_masks, 1, 64, 0, "4", "target blocks per image"),
    INT(mask, patch_size, 1, 256, 0, "14", "side of a patch, in pixels"),
    PAIR(mask, pred_mask_scale, 0, 1, IJ_OPEN_MIN | IJ_ASCENDING, "0.15, 0.2",
         "share of the patches in a target block"),
    CHOICE(mask, truncate, truncate_names, 0, "batch",
           "cut contexts to the batch's shortest (official), or keep them whole"),
    CHOICE(mask, sampler, sampler_names, 0, "multiblock",
           "targets are whole rectangles (I-JEPA), or scatter: many small squares, as SimMIM and MAE hide"),
    INT(mask, block_side, 1, 256, 0, "1", "scatter: side of a block, in patches"),
    INT(mask, context_patches, 0, 65536, 0, "0", "scatter: patches in an image's context; 0: all but the targets"),
    INT(mask, target_patches, 0, 65536, 0, "0", "scatter: patches in an image's targets together; to be named"),
    BOOL(mask, joint, 0, "false", "predict all targets of an image in one pass, each patch once"),

    BOOL(meta, copy_data, IJ_FREE, "false", "official key without a meaning here: images are read where they lie"),
    BOOL(meta, load_checkpoint, IJ_FREE, "false",
         "start from read_checkpoint; where that is empty, go on as --resume does"),
    CHOICE(meta, model_name, model_names, IJ_FREE, "vit_huge",
           "the encoder; custom takes width, depth, heads and mlp_ratio"),
    INT(meta, pred_depth, 1, 256, 0, "12", "blocks of the predictor"),
    INT(meta, pred_emb_dim, 4, 16384, 0, "384", "width of the predictor"),
    TEXT(meta, read_checkpoint, IJ_FREE, "", "weights to start from, as --init; a file in folder, or a path"),
    BOOL(meta, use_bfloat16, IJ_FREE, "false", "official key, accepted: training runs in float32 all the same"),
    INT(meta, width, 4, 16384, IJ_CUSTOM, "192", "width of a custom encoder"),
    INT(meta, depth, 1, 256, IJ_CUSTOM, "12", "blocks of a custom encoder"),
    INT(meta, heads, 1, 256, IJ_CUSTOM, "3", "attention heads of a custom encoder and of its predictor"),
    REAL(meta, mlp_ratio, 0, 16, IJ_OPEN_MIN | IJ_CUSTOM, "4", "hidden width of a custom encoder's MLP, in widths"),
    BOOL(meta, rescale_residual, 0, "false", "divide block l's first proj and fc2 by sqrt(2l), as the paper says"),
    CHOICE(meta, init, init_names, 0, "official",
           "first weights: normals of std 0.02, or uniform within Glorot's bound (xavier)"),
    REAL(meta, position_scale, 1e-6, 1000, 0, "1", "what the position tables, sines and cosines, are multiplied by"),

    PAIR(optimization, ema, 0, 1, 0, "0.996, 1", "target encoder's momentum at the first and last step"),
    INT(optimization, epochs, 1, 1000000, IJ_LATER, "300", "passes over the data set"),
    LONG(optimization, steps, 0, 9e15, IJ_LATER, "0",
         "steps of the run, whatever the epochs, which then do not count; 0: epochs"),
    REAL(optimization, final_lr, 0, 1000, 0, "1e-6", "learning rate at the end"),
    REAL(optimization, final_weight_decay, 0, 1000, 0, "0.4", "weight decay at the end"),
    REAL(optimization, ipe_scale, 0, 100, IJ_OPEN_MIN, "1", "stretches the schedules beyond the run's end"),
    REAL(optimization, lr, 0, 1000, 0, "1e-3", "learning rate after the warm-up"),
    REAL(optimization, start_lr, 0, 1000, 0, "2e-4", "learning rate at the start"),
    REAL(optimization, warmup, 0, 1000000, 0, "40", "epochs of linear warm-up"),
    REAL(optimization, weight_decay, 0, 1000, 0, "0.04", "weight decay at the start"),
    CHOICE(optimization, loss, loss_names, 0, "smooth_l1", "smooth_l1 as the official code, l2 as the paper"),
    REAL(optimization, pixel_start, 0, 1, 0, "0",
         "share of the run, at its start, in which pixels are predicted instead of features"),
    REAL(optimization, pixel_weight, 0, 1000, 0, "0", "weight of the pixels' loss beside the features' after that"),
    PAIR(optimization, betas, 0, 1, IJ_OPEN_MAX, "0.9, 0.999", "AdamW's decay rates"),
    REAL(optimization, eps, 0, 1, IJ_OPEN_MIN, "1e-8", "AdamW's epsilon"),
    LONG(optimization, max_steps, 0, 9e15, IJ_FREE, "0", "stop after this many steps; 0: when the epochs are done"),
    REAL(optimization, ema_horizon, 0, 1, 0, "0",
         "instead of ema: how far back the target encoder remembers, as a share of the run"),
    INT(optimization, target_layers, 1, 256, 0, "1",
        "targets are the mean over so many last blocks of the target encoder, each normed"),
    REAL(optimization, clip_grad, 0, 1e9, 0, "0", "norm that a longer gradient is shortened to; 0: it stays as it is"),
    REAL(optimization, variance_weight, 0, 1e6, 0, "0",
         "weight of VICReg's variance term of the pooled context features, beside the features' loss"),
    REAL(optimization, covariance_weight, 0, 1e6, 0, "0", "weight of its covariance term"),
    REAL(optimization, sigreg_weight, 0, 1e6, 0, "0", "weight of LeJEPA's SIGReg of the same features"),

    TEXT(logging, folder, IJ_FREE, "run", "where the log and the checkpoints go; made if missing"),
    TEXT(logging, write_tag, IJ_FREE, "jepa", "how the files in it begin"),
    INT(logging, checkpoint_freq, 0, 1000000, IJ_FREE, "1",
        "epochs between the checkpoints at epochs' ends; 0: none there"),
    LONG(logging, checkpoint_steps, 0, 9e15, IJ_FREE, "0", "steps between checkpoints; 0: not by steps"),
    REAL(logging, checkpoint_minutes, 0, 1e6, IJ_FREE, "15", "minutes between checkpoints; 0: not by time"),
    INT(logging, keep_last, 1, 1000000, IJ_FREE, "2", "newest checkpoints that are kept"),
    INT(logging, keep_every, 0, 1000000, IJ_FREE, "0",
        "every so many epochs the checkpoint at the end is kept; 0: none"),
    BOOL(logging, tensorboard, IJ_FREE, "false", "event files for TensorBoard beside the log"),

    TEXT(eval, root_path, IJ_FREE, "", "labelled images to look at while training, as data.root_path; empty: none"),
    INT(eval, every, 0, 1000000, IJ_FREE, "1", "epochs between looks: k-NN and ridge accuracy into the log; 0: none"),
    INT(eval, images, 20, 1000000, IJ_FREE, "1000", "how many of them: half to learn from, half to be right about"),

    TEXT(run, device, IJ_FREE, "",
         "device: its number, part of its name, or a type, a list of them for ranks; empty: IJEPA_DEVICE or a GPU"),
    CHOICE(run, gemm, gemm_names, IJ_LATER, "auto", "whose matrix products: ours, CLBlast's, or what suits the device"),
    BYTES(run, memory, IJ_LATER, "0", "memory of the device that training may take, such as 6G; 0: all there is"),
    CHOICE(run, recompute, recompute_names, IJ_FREE, "auto",
           "compute blocks again on the way back, for less memory; auto: where nothing else fits"),
    CHOICE(run, offload, offload_names, IJ_FREE, "auto",
           "keep AdamW's moments in the host's memory; auto: where nothing else fits"),
    TEXT(run, share, IJ_FREE, "auto",
         "of a batch for each rank: equal, 3,1 and the like, or auto: by speed where their devices differ, else equal"),
    LONG(run, seed, 0, 9e15, 0, "0", "of weights, order, crops and masks"),
};

const int ij_schema_keys = (int)(sizeof ij_schema / sizeof ij_schema[0]);
_Static_assert(sizeof ij_schema / sizeof ij_schema[0] <= IJ_CONFIG_MAX_KEYS, "raise IJ_CONFIG_MAX_KEYS");
