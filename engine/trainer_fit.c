#include "engine/trainer_fit.h"

#include "engine/base/try.h"
#include "engine/model.h"
#include "engine/trainer_state.h"

/* The index lists hold at most eight ints a token, and are one buffer numbered by ints. */
static bool can_number(const ij_trainer_config *micro)
{
    double tokens = (double)micro->targets *
                    ((double)ij_most_context(micro) + (double)micro->contexts * micro->batch * micro->target_capacity);
    double widest = 4.0 * (micro->model.pred_dim > micro->model.dim ? micro->model.pred_dim : micro->model.dim);
    double patches = (double)micro->batch * ij_model_patches(&micro->model);
    return tokens <= 2.5e8 && tokens <= 2e9 / widest * 1024 && patches <= 1e9;
}

ij_status ij_trainer_check(const ij_trainer_config *c)
{
    TRY(ij_model_config_check(&c->model));
    int patches = ij_model_patches(&c->model);
    if (c->batch < 1 || c->contexts < 1 || c->targets < 1)
        return ij_fail(IJ_EINVAL, "batch, context blocks and target blocks are at least 1");
    if (c->target_layers < 0 || c->target_layers > c->model.depth)
        return ij_fail(IJ_EINVAL, "the targets cannot be of the last %d blocks: the encoder has %d", c->target_layers,
                       c->model.depth);
    if (c->context_capacity < 1 || c->context_capacity > patches || c->target_capacity < 1 ||
        c->target_capacity > patches)
        return ij_fail(IJ_EINVAL, "masks of up to %d context and %d target patches do not fit %d patches an image",
                       c->context_capacity, c->target_capacity, patches);
    if (!(c->pixel_weight >= 0) || (c->pixel_weight > 0 && !c->model.pixel_head))
        return ij_fail(IJ_EINVAL, "the pixels' weight is 0, or above where the model has a head for them");
    if (!(c->variance_weight >= 0 && c->covariance_weight >= 0 && c->sigreg_weight >= 0))
        return ij_fail(IJ_EINVAL, "the weights of variance, covariance and SIGReg are 0 or above");
    if ((c->variance_weight > 0 || c->covariance_weight > 0) && c->batch * c->contexts < 2)
        return ij_fail(IJ_EINVAL, "a batch of one context has neither variance nor covariance");
    if (!(c->clip_grad >= 0))
        return ij_fail(IJ_EINVAL, "the norm that gradients are shortened to is 0, for none, or above");
    if (c->share < 0 || c->share > c->batch)
        return ij_fail(IJ_EINVAL, "a share of a batch has 1 to %d images, not %d", c->batch, c->share);
    if (c->micro_batch < 0 || c->micro_batch > ij_most_share(c))
        return ij_fail(IJ_EINVAL, "a micro-batch has 1 to %d images, as the batch has, not %d", ij_most_share(c),
                       c->micro_batch);
    if (((c->micro_batch && c->micro_batch < c->batch) || ij_most_share(c) < c->batch) && ij_is_regularised(c))
        return ij_fail(IJ_EINVAL, "variance, covariance and SIGReg are of a whole batch: they cannot be computed in "
                                  "micro-batches, nor by several ranks");
    double all =
        (double)c->targets * ((double)ij_most_context(c) + (double)c->contexts * c->batch * c->target_capacity);
    if (all > 2e9)
        return ij_fail(IJ_EINVAL, "a batch of %d images is more than this program can number: use a smaller batch",
                       c->batch);
    ij_trainer_config micro = ij_micro_config(c);
    if (!can_number(&micro))
        return ij_fail(IJ_EINVAL,
                       "a micro-batch of %d images is more than this program can number: use a smaller "
                       "batch or micro-batch",
                       micro.batch);
    return IJ_OK;
}

/* All of the share, else of one half, a third, and so on, what fits. */
static ij_status create_largest(ij_trainer **trainer, ij_device *device, ij_trainer_config config)
{
    int share = ij_most_share(&config), images = share, least = ij_is_regularised(&config) ? share : 1;
    if (config.micro_batch != IJ_MICRO_AUTO || share < 1)
        return ij_trainer_create_as(trainer, device, &config);
    TRY(ij_model_config_check(&config.model));
    for (int parts = 1;; images = (share + parts - 1) / parts) {
        config.micro_batch = images;
        ij_trainer_config micro = ij_micro_config(&config);
        if (images <= least || can_number(&micro)) {
            ij_status status = ij_trainer_create_as(trainer, device, &config);
            if (status != IJ_ENOMEM || images <= least)
                return status;
        }
        while ((share + parts - 1) / parts == images)
            parts++;
    }
}

/* What is given up for memory, in this order: first smaller micro-batches, which cost little, then blocks that are
 * computed again, then moments that travel. */
ij_status ij_trainer_create(ij_trainer **trainer, ij_device *device, const ij_trainer_config *config)
{
    static const struct {
        ij_recompute recompute;
        ij_offload_what offload;
    } tries[] = {{IJ_RECOMPUTE_NONE, IJ_OFFLOAD_NONE},
                 {IJ_RECOMPUTE_BLOCKS, IJ_OFFLOAD_NONE},
                 {IJ_RECOMPUTE_NONE, IJ_OFFLOAD_MOMENTS},
                 {IJ_RECOMPUTE_BLOCKS, IJ_OFFLOAD_MOMENTS}};
    ij_status status = ij_fail(IJ_EINVAL, "there is no such way to save memory");
    *trainer = NULL;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        ij_trainer_config c = *config;
        bool either = c.recompute == IJ_RECOMPUTE_AUTO || c.recompute == tries[i].recompute;
        bool other = c.offload == IJ_OFFLOAD_AUTO || c.offload == tries[i].offload;
        bool saves = tries[i].offload == IJ_OFFLOAD_NONE || c.offload == IJ_OFFLOAD_MOMENTS ||
                     !device->info.unified_memory || c.memory; /* else the host's memory is the device's */
        if (!either || !other || !saves)
            continue;
        c.recompute = tries[i].recompute;
        c.offload = tries[i].offload;
        status = create_largest(trainer, device, c);
        if (!status && (status = ij_trainer_agree_on_order(*trainer))) {
            ij_trainer_destroy(*trainer);
            *trainer = NULL;
            return status;
        }
        if (status != IJ_ENOMEM)
            return status;
    }
    return status;
}
