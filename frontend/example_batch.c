#include "frontend/example_batch.h"

#include "data/loader.h"
#include "engine/base/try.h"
#include "ini/convert.h"

#include <stdlib.h>

void ij_example_batch_free(ij_batch *b)
{
    free(b->pixels);
    free(b->context);
    free(b->context_offset);
    free(b->target);
    *b = (ij_batch){0};
}

static ij_status make_batch(ij_batch *b, const ij_loader_config *c)
{
    *b = (ij_batch){
        .images = c->batch, .crop = c->crop, .contexts = c->mask.n_context, .targets = ij_mask_target_sets(&c->mask)};
    ij_mask_bounds(&c->mask, &b->context_capacity, &b->target_capacity);
    size_t images = (size_t)b->images;
    b->pixels = malloc(images * (size_t)b->crop * (size_t)b->crop * 3);
    b->context = malloc(images * (size_t)b->contexts * (size_t)b->context_capacity * sizeof *b->context);
    b->context_offset = malloc((images * (size_t)b->contexts + 1) * sizeof *b->context_offset);
    b->target = malloc(images * (size_t)b->targets * (size_t)b->target_capacity * sizeof *b->target);
    if (b->pixels && b->context && b->context_offset && b->target)
        return IJ_OK;
    ij_example_batch_free(b);
    return ij_fail(IJ_ENOMEM, "no memory for %d crops of %d pixels", b->images, b->crop);
}

/* The first batch that a run with this configuration and this many images a batch would begin with. */
static ij_status load_batch(const ij_loader_config *config, ij_batch *batch)
{
    ij_loader *loader;
    ij_status status = ij_loader_open(&loader, config);
    if (status)
        return status;
    status = ij_loader_begin(loader, 0, batch);
    if (!status)
        status = ij_loader_finish(loader);
    ij_loader_close(loader);
    return status;
}

ij_status ij_example_batch_load(ij_batch *batch, const ij_config *config, const ij_dataset *dataset, int images,
                                int *side)
{
    ij_loader_config c = ij_config_loader(config, dataset);
    int64_t count = ij_dataset_count(dataset);
    c.batch = count < images ? (int)count : images;
    c.max_bad_share = 1;
    *side = c.mask.side;
    TRY(make_batch(batch, &c));
    ij_status status = load_batch(&c, batch);
    if (status)
        ij_example_batch_free(batch);
    return status;
}
