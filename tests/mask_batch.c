#include "tests/mask_batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

ij_batch mask_batch_make(const ij_mask_config *config, int images)
{
    ij_batch batch = {.images = images, .contexts = config->n_context, .targets = ij_mask_target_sets(config)};
    ij_mask_bounds(config, &batch.context_capacity, &batch.target_capacity);
    size_t contexts = (size_t)(images * batch.contexts), targets = (size_t)(images * batch.targets);
    batch.context = malloc(contexts * (size_t)batch.context_capacity * sizeof(int32_t));
    batch.context_offset = malloc((contexts + 1) * sizeof(int32_t));
    batch.target = malloc(targets * (size_t)batch.target_capacity * sizeof(int32_t));
    assert_true(batch.context && batch.context_offset && batch.target);
    return batch;
}

void mask_batch_free(ij_batch *batch)
{
    free(batch->context);
    free(batch->context_offset);
    free(batch->target);
}

void mask_batch_sample(const ij_mask_config *config, uint64_t seed, int64_t number, ij_batch *batch)
{
    if (ij_mask_sample(config, seed, number, batch))
        fail_msg("%s", ij_error());
}

void mask_batch_same(const ij_batch *a, const ij_batch *b)
{
    int contexts = a->contexts * a->images, targets = a->targets * a->images * a->target_length;
    assert_int_equal(a->target_length, b->target_length);
    assert_memory_equal(a->target, b->target, (size_t)targets * sizeof(int32_t));
    assert_memory_equal(a->context_offset, b->context_offset, (size_t)(contexts + 1) * sizeof(int32_t));
    assert_memory_equal(a->context, b->context, (size_t)a->context_offset[contexts] * sizeof(int32_t));
}

void masks_refused(ij_mask_config config, const char *a, const char *b)
{
    assert_int_equal(ij_mask_check(&config), IJ_EINVAL);
    if (!strstr(ij_error(), a) || !strstr(ij_error(), b))
        fail_msg("message \"%s\" does not say \"%s\" and \"%s\"", ij_error(), a, b);
}
