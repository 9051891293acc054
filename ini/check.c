#include "ini/check.h"

#include "ini/convert.h"
#include "ini/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct checking {
    ij_config *config;
    const bool *bad;
    ij_findings *findings;
} checking;

static bool usable(const checking *k, const char *section, const char *name)
{
    int index = ij_schema_find(section, name);
    return index >= 0 && !k->bad[index];
}

/* Adds an error at the place where `dotted_key` was set. */
static void IJ_PRINTF(3, 4) refuse(const checking *k, const char *dotted_key, const char *format, ...)
{
    char where[IJ_CONFIG_TEXT + 32], message[1500];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    ij_config_where(k->config, dotted_key, where, sizeof where);
    ij_findings_add(k->findings, where, "%s", message);
}

static void IJ_PRINTF(2, 3) note(const checking *k, const char *format, ...)
{
    ij_config *c = k->config;
    if (c->n_notes == IJ_CONFIG_MAX_NOTES)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(c->notes[c->n_notes++], sizeof c->notes[0], format, args);
    va_end(args);
}

/* The line of a key for the middle of a message: "line 12", "--set" or "default". */
static const char *place(const checking *k, const char *section, const char *name, char buffer[32])
{
    int index = ij_schema_find(section, name);
    int origin = index < 0 ? IJ_ORIGIN_DEFAULT : k->config->origin[index];
    if (origin > 0)
        snprintf(buffer, 32, "line %d", origin);
    else
        snprintf(buffer, 32, "%s", origin == IJ_ORIGIN_SET ? "--set" : "default");
    return buffer;
}

/* ---- What this version does not have --------------------------------------------------------------------------- */

static void check_available(const checking *k)
{
    const ij_config *c = k->config;
    if (*c->meta.read_checkpoint && !c->meta.load_checkpoint)
        note(k, "[meta] read_checkpoint has no effect: load_checkpoint is false");
    if (c->meta.use_bfloat16)
        note(k, "[meta] use_bfloat16 = true: this version trains in float32 all the same");
}

/* ---- The images ------------------------------------------------------------------------------------------------- */

/* Parts of a batch that there are, for terms of the loss that are sums over images. */
static void check_micro_batch(const checking *k)
{
    const ij_config *c = k->config;
    const ij_config_optimization *o = &c->optimization;
    int images = c->data.micro_batch;
    if (!usable(k, "data", "batch_size") || !usable(k, "data", "micro_batch") || !images)
        return;
    if (images > c->data.batch_size)
        refuse(k, "data.micro_batch", "[data] micro_batch = %d: batch_size is %d", images, c->data.batch_size);
    else if (images < c->data.batch_size &&
             (o->variance_weight > 0 || o->covariance_weight > 0 || o->sigreg_weight > 0))
        refuse(k, "data.micro_batch",
               "[data] micro_batch = %d: variance, covariance and SIGReg are of a whole batch of %d images", images,
               c->data.batch_size);
}

/* How many ranks there are is only known when they start. */
static void check_share(const checking *k)
{
    const char *share = k->config->run.share, *at = share;
    if (!usable(k, "run", "share") || !strcmp(share, "auto") || !strcmp(share, "equal"))
        return;
    for (char *end; *at; at = end + 1) {
        if (!(strtod(at, &end) > 0) || (*end && *end != ',') || (*end && !end[1]))
            break;
        if (!*end)
            return;
    }
    refuse(k, "run.share", "[run] share = %s: auto, equal or numbers above 0, one for each rank, are expected", share);
}

static void check_colours(const checking *k)
{
    const ij_config_data *d = &k->config->data;
    char at[32];
    if (!usable(k, "data", "use_color_distortion") || !usable(k, "data", "color_jitter_strength"))
        return;
    if (d->use_color_distortion && !(d->color_jitter_strength > 0))
        note(k,
             "[data] color_jitter_strength = 0 (%s): use_color_distortion = true makes one image in five grey, no more",
             place(k, "data", "color_jitter_strength", at));
    if (!d->use_color_distortion && d->color_jitter_strength > 0)
        note(k, "[data] color_jitter_strength = %g (%s) has no effect: use_color_distortion is false",
             d->color_jitter_strength, place(k, "data", "color_jitter_strength", at));
}

/* ---- The model ------------------------------------------------------------------------------------------------- */

/* Width, depth, heads and MLP ratio belong to custom encoders. A named one has its own: values in the file beside it
 * would be ignored, so they are an error, unless the name came by --set and so replaces the file's model as a whole. */
static void check_custom_keys(const checking *k, const char *model)
{
    const ij_config *c = k->config;
    int name_origin = c->origin[ij_schema_find("meta", "model_name")];
    for (int i = 0; i < ij_schema_keys; i++) {
        if (!(ij_schema[i].flags & IJ_CUSTOM) || c->origin[i] == IJ_ORIGIN_DEFAULT || k->bad[i])
            continue;
        if (name_origin == IJ_ORIGIN_SET && c->origin[i] != IJ_ORIGIN_SET)
            continue;
        char dotted[64];
        snprintf(dotted, sizeof dotted, "meta.%s", ij_schema[i].name);
        refuse(k, dotted, "[meta] %s has no effect: model_name = %s fixes it; use model_name = custom to choose it",
               ij_schema[i].name, model);
    }
}

/* Returns whether the encoder's shape is known. */
static bool resolve_model(const checking *k)
{
    ij_config *c = k->config;
    if (!usable(k, "meta", "model_name"))
        return false;
    if (c->meta.model_name == IJ_CONFIG_CUSTOM)
        return usable(k, "meta", "width") && usable(k, "meta", "depth") && usable(k, "meta", "heads") &&
               usable(k, "meta", "mlp_ratio");

    const ij_key *key = &ij_schema[ij_schema_find("meta", "model_name")];
    const char *name = key->choices[c->meta.model_name];
    check_custom_keys(k, name);
    ij_model_config shape = {0};
    if (ij_model_config_named(&shape, name)) {
        refuse(k, "meta.model_name", "%s", ij_error());
        return false;
    }
    c->meta.width = shape.dim;
    c->meta.depth = shape.depth;
    c->meta.heads = shape.heads;
    c->meta.mlp_ratio = (double)shape.hidden / shape.dim;
    return true;
}

/* A width must suit the positions (a multiple of 4) and the heads. Returns whether it does. */
static bool check_width(const checking *k, const char *name, int width, int heads)
{
    char dotted[64], at[32];
    snprintf(dotted, sizeof dotted, "meta.%s", name);
    bool fits = true;
    if (width % 4) {
        refuse(k, dotted, "[meta] %s = %d is not a multiple of 4, as the sine-cosine positions need it", name, width);
        fits = false;
    }
    if (width % heads) {
        refuse(k, dotted, "[meta] %s = %d is not divisible by heads = %d (%s)", name, width, heads,
               place(k, "meta", "heads", at));
        fits = false;
    }
    return fits;
}

static bool check_grid(const checking *k)
{
    if (!usable(k, "data", "crop_size") || !usable(k, "mask", "patch_size"))
        return false;
    int crop = k->config->data.crop_size, patch = k->config->mask.patch_size;
    char at[32];
    if (crop % patch) {
        int below = crop / patch * patch;
        char instead[48];
        if (below)
            snprintf(instead, sizeof instead, "%d or %d", below, below + patch);
        else
            snprintf(instead, sizeof instead, "%d", patch);
        refuse(k, "data.crop_size",
               "[data] crop_size = %d is not a multiple of [mask] patch_size = %d (%s); %s would be", crop, patch,
               place(k, "mask", "patch_size", at), instead);
        return false;
    }
    if (crop / patch > 256) {
        refuse(k, "mask.patch_size",
               "[mask] patch_size = %d cuts crop_size = %d (%s) into %d x %d patches; 256 x 256 is "
               "the limit",
               patch, crop, place(k, "data", "crop_size", at), crop / patch, crop / patch);
        return false;
    }
    return true;
}

static void check_model(const checking *k, bool grid_fits)
{
    bool encoder_known = resolve_model(k);
    bool heads_known = encoder_known || (usable(k, "meta", "model_name") && usable(k, "meta", "heads"));
    const ij_config_meta *m = &k->config->meta;
    char at[32];
    bool fits = true;
    if (encoder_known && usable(k, "optimization", "target_layers") && k->config->optimization.target_layers > m->depth)
        refuse(k, "optimization.target_layers",
               "[optimization] target_layers = %d: an encoder of depth %d (%s) has no more blocks",
               k->config->optimization.target_layers, m->depth,
               place(k, "meta", m->model_name == IJ_CONFIG_CUSTOM ? "depth" : "model_name", at));
    if (encoder_known && m->model_name == IJ_CONFIG_CUSTOM)
        fits = check_width(k, "width", m->width, m->heads);
    if (heads_known && usable(k, "meta", "pred_emb_dim"))
        fits = check_width(k, "pred_emb_dim", m->pred_emb_dim, m->heads) && fits;
    if (!fits || !encoder_known || !grid_fits || !usable(k, "meta", "pred_emb_dim") || !usable(k, "meta", "pred_depth"))
        return;
    ij_model_config shape = ij_config_model_shape(k->config);
    if (ij_model_config_check(&shape))
        refuse(k, "meta.model_name", "%s", ij_error());
}

/* ---- The masks ------------------------------------------------------------------------------------------------- */

/* Section and name of a key. */
typedef struct key_name {
    const char *section, *name;
} key_name;

/* What each sampler's masks depend on; a name of NULL ends the list. */
static const key_name multiblock_keys[] = {
    {"data", "crop_size"},       {"mask", "patch_size"},     {"mask", "min_keep"},
    {"mask", "pred_mask_scale"}, {"mask", "enc_mask_scale"}, {"mask", "aspect_ratio"},
    {"mask", "num_pred_masks"},  {"mask", "num_enc_masks"},  {NULL, NULL}};
static const key_name scatter_keys[] = {
    {"data", "crop_size"},      {"mask", "patch_size"},      {"mask", "block_side"},
    {"mask", "target_patches"}, {"mask", "context_patches"}, {"mask", "num_pred_masks"},
    {"mask", "joint"},          {"mask", "num_enc_masks"},   {NULL, NULL}};

/* Where masks that cannot exist are most likely wrong. */
static const char *blamed_key(const ij_config *c)
{
    int side = c->data.crop_size / c->mask.patch_size;
    if (c->mask.sampler == IJ_CONFIG_SAMPLER_MULTIBLOCK)
        return "mask.min_keep";
    if (c->mask.num_enc_masks != 1)
        return "mask.num_enc_masks";
    if (c->mask.block_side > side)
        return "mask.block_side";
    if (!c->mask.target_patches)
        return "mask.sampler";
    bool targets_fit = c->mask.target_patches < side * side;
    return targets_fit && c->mask.target_patches + c->mask.context_patches > side * side ? "mask.context_patches"
                                                                                         : "mask.target_patches";
}

static void check_scatter_values(const checking *k)
{
    const ij_config_mask *m = &k->config->mask;
    char at[32];
    if (m->sampler == IJ_CONFIG_SAMPLER_SCATTER) {
        if (m->allow_overlap)
            note(k, "[mask] allow_overlap = true (%s) has no effect: sampler = scatter never lets them overlap",
                 place(k, "mask", "allow_overlap", at));
        return;
    }
    const struct {
        const char *name;
        int value, without;
    } given[] = {{"block_side", m->block_side, 1},
                 {"context_patches", m->context_patches, 0},
                 {"target_patches", m->target_patches, 0}};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].value != given[i].without)
            note(k, "[mask] %s = %d (%s) has no effect: sampler is multiblock", given[i].name, given[i].value,
                 place(k, "mask", given[i].name, at));
}

static void check_masks(const checking *k)
{
    if (!usable(k, "mask", "sampler"))
        return;
    const key_name *keys = k->config->mask.sampler == IJ_CONFIG_SAMPLER_SCATTER ? scatter_keys : multiblock_keys;
    for (int i = 0; keys[i].name; i++)
        if (!usable(k, keys[i].section, keys[i].name))
            return;
    check_scatter_values(k);
    ij_mask_config masks = ij_config_masks(k->config);
    if (!ij_mask_check(&masks))
        return;

    char values[512], value[96], at[32];
    size_t used = 0;
    values[0] = '\0';
    for (int i = 0; keys[i].name && used < sizeof values; i++) {
        const char *section = keys[i].section, *name = keys[i].name;
        ij_key_format(&ij_schema[ij_schema_find(section, name)], k->config, value, sizeof value);
        used += (size_t)snprintf(values + used, sizeof values - used, "%s%s = %s (%s)", i ? "; " : "", name, value,
                                 place(k, section, name, at));
    }
    refuse(k, blamed_key(k->config), "no valid masks exist: %s. The values: %s", ij_error(), values);
}

/* ---- The rest -------------------------------------------------------------------------------------------------- */

static void check_schedule(const checking *k)
{
    const ij_config_optimization *o = &k->config->optimization;
    char at[32];
    if (!usable(k, "optimization", "epochs") || !usable(k, "optimization", "warmup") ||
        !usable(k, "optimization", "ipe_scale"))
        return;
    if (!o->steps && o->warmup > o->epochs * o->ipe_scale)
        refuse(k, "optimization.warmup", "[optimization] warmup = %g epochs does not fit into epochs = %d (%s)%s",
               o->warmup, o->epochs, place(k, "optimization", "epochs", at),
               o->ipe_scale < 1 ? " times ipe_scale" : "");
}

/* ema and ema_horizon are two ways to say one thing: of both, the one by --set counts, and the other is as if it were
 * not there. */
static void check_momentum(const checking *k)
{
    ij_config *c = k->config;
    int pair = ij_schema_find("optimization", "ema"), share = ij_schema_find("optimization", "ema_horizon");
    char at[32], why[256];
    if (k->bad[pair] || k->bad[share] || !(c->optimization.ema_horizon > 0) || c->origin[pair] == IJ_ORIGIN_DEFAULT)
        return;
    bool pair_set = c->origin[pair] == IJ_ORIGIN_SET, share_set = c->origin[share] == IJ_ORIGIN_SET;
    if (pair_set == share_set) {
        refuse(k, "optimization.ema_horizon",
               "[optimization] ema_horizon = %g stands for a momentum, as does ema (%s): leave one of them out",
               c->optimization.ema_horizon, place(k, "optimization", "ema", at));
        return;
    }
    int other = pair_set ? share : pair;
    ij_key_read(&ij_schema[other], ij_schema[other].fallback, c, why, sizeof why);
    c->origin[other] = IJ_ORIGIN_DEFAULT;
}

static void check_logging(const checking *k)
{
    const ij_config_logging *l = &k->config->logging;
    if (usable(k, "logging", "folder") && !*l->folder)
        refuse(k, "logging.folder", "[logging] folder is empty: name a folder, or . for this one");
    if (usable(k, "logging", "write_tag") && (!*l->write_tag || strchr(l->write_tag, '/') || *l->write_tag == '.'))
        refuse(k, "logging.write_tag",
               "[logging] write_tag = %s cannot begin file names: no '/', no '.' in front, not "
               "empty",
               l->write_tag);
}

void ij_config_check(ij_config *config, const bool *bad, ij_findings *findings)
{
    checking k = {config, bad, findings};
    bool grid_fits = check_grid(&k);
    check_available(&k);
    check_micro_batch(&k);
    check_share(&k);
    check_colours(&k);
    check_model(&k, grid_fits);
    if (grid_fits)
        check_masks(&k);
    check_schedule(&k);
    check_momentum(&k);
    check_logging(&k);
}
