/* One batch in host memory: what data/ fills and engine/ trains on. The memory belongs to whoever made it (the
 * trainer's staging slots, or a test); neither side allocates. */
#ifndef IJ_BASE_BATCH_H
#define IJ_BASE_BATCH_H

#include <stdint.h>

typedef struct ij_batch {
    int images;             /* B */
    int crop;               /* S, pixels */
    int contexts;           /* context blocks per image (num_enc_masks) */
    int targets;            /* target blocks per image (num_pred_masks) */
    int context_capacity;   /* patches per context block that `context` has room for: contexts*B*context_capacity in all
                             */
    int target_capacity;    /* patches per target block that `target` has room for */
    int64_t most_context;   /* context tokens of a whole batch that are planned for; 0: contexts*B*context_capacity */
    int64_t most_predictor; /* tokens of all its predictor sequences: targets*(context tokens + contexts*B*T); 0: any */

    int first, own;          /* images that there are pixels of: first .. first + own - 1; own 0: all B of them */
    uint8_t *pixels;         /* [own, S, S, 3] RGB before normalisation */
    int32_t *context;        /* packed ascending patch numbers; sequence s = block*B + image */
    int32_t *context_offset; /* [contexts*B + 1]: sequence s is context[context_offset[s] .. context_offset[s+1]) */
    int32_t *target;         /* [targets, B, target_length] ascending patch numbers, packed */
    int target_length;       /* T: all target blocks of a batch have one size */
} ij_batch;

/* Images that a batch has pixels of. */
static inline int ij_batch_own(const ij_batch *b)
{
    return b->own ? b->own : b->images;
}

#endif
