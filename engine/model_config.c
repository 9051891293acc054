#include "engine/model_config.h"

#include <string.h>

ij_status ij_model_config_named(ij_model_config *c, const char *name)
{
    static const struct {
        const char *name;
        int dim, depth, heads, hidden;
    } table[] = {
        {"vit_tiny", 192, 12, 3, 768},     {"vit_small", 384, 12, 6, 1536},  {"vit_base", 768, 12, 12, 3072},
        {"vit_large", 1024, 24, 16, 4096}, {"vit_huge", 1280, 32, 16, 5120}, {"vit_giant", 1408, 40, 16, 6144},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) {
            c->dim = table[i].dim;
            c->depth = table[i].depth;
            c->heads = table[i].heads;
            c->hidden = table[i].hidden;
            return IJ_OK;
        }
    return ij_fail(IJ_EINVAL,
                   "there is no model \"%s\": use vit_tiny, vit_small, vit_base, vit_large, vit_huge or vit_giant",
                   name);
}

static ij_status check_width(const char *what, int dim, int heads)
{
    if (dim % 4)
        return ij_fail(IJ_EINVAL, "%s %d is not a multiple of 4, which its position table needs", what, dim);
    if (dim % heads)
        return ij_fail(IJ_EINVAL, "%s %d is not divisible by the %d heads", what, dim, heads);
    if (dim / heads % 8 || dim / heads > 128)
        return ij_fail(IJ_EINVAL, "%s %d with %d heads makes heads %d wide; possible are multiples of 8 up to 128",
                       what, dim, heads, dim / heads);
    return IJ_OK;
}

ij_status ij_model_config_check(const ij_model_config *c)
{
    if (c->crop < 1 || c->patch < 1 || c->dim < 1 || c->depth < 1 || c->heads < 1 || c->hidden < 1 || c->pred_dim < 1 ||
        c->pred_depth < 1)
        return ij_fail(IJ_EINVAL, "every size of a model is at least 1");
    if (c->crop % c->patch)
        return ij_fail(IJ_EINVAL, "crop_size %d is not a multiple of patch_size %d", c->crop, c->patch);
    ij_status status = check_width("the encoder's width", c->dim, c->heads);
    return status ? status : check_width("the predictor's width", c->pred_dim, c->heads);
}
