#include "ini/convert.h"

ij_model_config ij_config_model_shape(const ij_config *c)
{
    ij_model_config m = {.crop = c->data.crop_size,
                         .patch = c->mask.patch_size,
                         .dim = c->meta.width,
                         .depth = c->meta.depth,
                         .heads = c->meta.heads,
                         .pred_dim = c->meta.pred_emb_dim,
                         .pred_depth = c->meta.pred_depth,
                         .pixel_head = c->optimization.pixel_start > 0 || c->optimization.pixel_weight > 0,
                         .position_scale = (float)c->meta.position_scale,
                         .norm_eps = 1e-6f,
                         .target_eps = 1e-5f};
    /* A ratio like 48/11 is a rounded number: without the nudge, 1408 * 48/11 could fall just under 6144. */
    m.hidden = (int)(m.dim * c->meta.mlp_ratio + 1e-6);
    return m;
}

ij_mask_config ij_config_masks(const ij_config *c)
{
    const ij_config_mask *m = &c->mask;
    int side = c->data.crop_size / m->patch_size, rest = side * side - m->target_patches;
    return (ij_mask_config){.sampler = m->sampler == IJ_CONFIG_SAMPLER_SCATTER ? IJ_MASK_SCATTER : IJ_MASK_MULTIBLOCK,
                            .side = side,
                            .scatter = {.block_side = m->block_side,
                                        .target_patches = m->target_patches,
                                        .context_patches = m->context_patches ? m->context_patches : rest},
                            .n_context = m->num_enc_masks,
                            .n_target = m->num_pred_masks,
                            .joint = m->joint,
                            .enc_scale = {m->enc_mask_scale[0], m->enc_mask_scale[1]},
                            .pred_scale = {m->pred_mask_scale[0], m->pred_mask_scale[1]},
                            .aspect = {m->aspect_ratio[0], m->aspect_ratio[1]},
                            .min_keep = m->min_keep,
                            .allow_overlap = m->allow_overlap,
                            .truncate_batch = m->truncate == IJ_CONFIG_TRUNCATE_BATCH};
}

ij_schedule ij_config_schedule(const ij_config *c, int64_t ipe)
{
    const ij_config_optimization *o = &c->optimization;
    return (ij_schedule){.lr_start = o->start_lr,
                         .lr_ref = o->lr,
                         .lr_final = o->final_lr,
                         .wd_start = o->weight_decay,
                         .wd_final = o->final_weight_decay,
                         .ema_start = o->ema[0],
                         .ema_final = o->ema[1],
                         .warmup = o->warmup,
                         .ipe_scale = o->ipe_scale,
                         .epochs = o->epochs,
                         .ipe = ipe,
                         .steps = o->steps,
                         .pixel_start = o->pixel_start,
                         .ema_horizon = o->ema_horizon};
}

static ij_gemm_backend gemm_backend(int gemm)
{
    switch (gemm) {
    case IJ_CONFIG_GEMM_OWN:
        return IJ_GEMM_OWN;
    case IJ_CONFIG_GEMM_CLBLAST:
        return IJ_GEMM_CLBLAST;
    default:
        return IJ_GEMM_AUTO;
    }
}

ij_drawing ij_config_drawing(const ij_config *c)
{
    return (ij_drawing){.seed = (uint64_t)c->run.seed,
                        .rescale_residual = c->meta.rescale_residual,
                        .init = c->meta.init == IJ_CONFIG_INIT_XAVIER ? IJ_INIT_XAVIER : IJ_INIT_OFFICIAL};
}

static ij_recompute recompute(int choice)
{
    switch (choice) {
    case IJ_CONFIG_RECOMPUTE_NONE:
        return IJ_RECOMPUTE_NONE;
    case IJ_CONFIG_RECOMPUTE_BLOCKS:
        return IJ_RECOMPUTE_BLOCKS;
    default:
        return IJ_RECOMPUTE_AUTO;
    }
}

static ij_offload_what offload(int choice)
{
    switch (choice) {
    case IJ_CONFIG_OFFLOAD_NONE:
        return IJ_OFFLOAD_NONE;
    case IJ_CONFIG_OFFLOAD_MOMENTS:
        return IJ_OFFLOAD_MOMENTS;
    default:
        return IJ_OFFLOAD_AUTO;
    }
}

ij_trainer_config ij_config_trainer(const ij_config *c)
{
    ij_drawing drawing = ij_config_drawing(c);
    ij_trainer_config t = {.model = ij_config_model_shape(c),
                           .batch = c->data.batch_size,
                           .micro_batch = c->data.micro_batch ? c->data.micro_batch : IJ_MICRO_AUTO,
                           .memory = (uint64_t)c->run.memory,
                           .recompute = recompute(c->run.recompute),
                           .offload = offload(c->run.offload),
                           .contexts = c->mask.num_enc_masks,
                           .loss = c->optimization.loss == IJ_CONFIG_LOSS_L2 ? IJ_LOSS_L2 : IJ_LOSS_SMOOTH_L1,
                           .gemm = gemm_backend(c->run.gemm),
                           .beta1 = c->optimization.betas[0],
                           .beta2 = c->optimization.betas[1],
                           .eps = c->optimization.eps,
                           .clip_grad = c->optimization.clip_grad,
                           .target_layers = c->optimization.target_layers,
                           .pixel_weight = c->optimization.pixel_weight,
                           .variance_weight = c->optimization.variance_weight,
                           .covariance_weight = c->optimization.covariance_weight,
                           .sigreg_weight = c->optimization.sigreg_weight,
                           .seed = drawing.seed,
                           .rescale_residual = drawing.rescale_residual,
                           .init = drawing.init};
    ij_mask_config masks = ij_config_masks(c);
    t.targets = ij_mask_target_sets(&masks);
    ij_mask_bounds(&masks, &t.context_capacity, &t.target_capacity);
    ij_mask_most_tokens(&masks, t.batch, &t.most_context, &t.most_predictor);
    return t;
}

ij_loader_config ij_config_loader(const ij_config *c, const ij_dataset *dataset)
{
    ij_loader_config l = ij_loader_defaults();
    l.dataset = dataset;
    l.batch = c->data.batch_size;
    l.crop = c->data.crop_size;
    l.augment.scale[0] = c->data.crop_scale[0];
    l.augment.scale[1] = c->data.crop_scale[1];
    l.augment.flip = c->data.use_horizontal_flip ? 0.5 : 0;
    if (c->data.use_color_distortion) {
        l.augment.jitter = 0.8;
        l.augment.strength = c->data.color_jitter_strength;
        l.augment.grey = 0.2;
    }
    l.augment.blur = c->data.use_gaussian_blur ? 0.5 : 0;
    l.decode = c->data.decode == IJ_CONFIG_DECODE_EXACT ? IJ_DECODE_EXACT : IJ_DECODE_FAST;
    l.mask = ij_config_masks(c);
    l.seed = (uint64_t)c->run.seed;
    l.workers = c->data.num_workers;
    l.max_bad_share = c->data.max_bad_share;
    l.max_pixels = c->data.max_pixels;
    return l;
}
