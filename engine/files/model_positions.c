#include "engine/files/model_file_kind.h"
#include "engine/position.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* Whether a table [side side, width] is `scale` times the sine-cosine one; `computed` has room for that. */
static bool matches(const float *table, float *computed, int side, int width, float scale)
{
    size_t n = (size_t)side * (size_t)side * (size_t)width;
    ij_position_table(computed, side, width, scale);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(table[i] - computed[i]) <= 1e-2f * scale)) /* float16 and bfloat16 round to some thousandths */
            return false;
    return true;
}

void ij_model_file_find_position_scale(ij_model_file *file)
{
    static const char *const names[] = {"encoder.pos_embed", "target_encoder.pos_embed"};
    ij_model_config *m = &file->info.model;
    const ij_model_tensor *t = NULL;
    for (int i = 0; i < 2 && !t; i++)
        t = ij_model_file_find(file, names[i]);
    if (!t || m->position_scale > 0 || m->dim % 4)
        return;
    float *table = malloc(2 * (size_t)t->elements * sizeof *table);
    if (table && ij_model_file_read(file, t, table) == IJ_OK) {
        float scale = table[m->dim / 4]; /* cos 0 */
        if (scale > 0 && fabsf(scale - 1) > 1e-2f &&
            matches(table, table + t->elements, ij_model_side(m), m->dim, scale))
            m->position_scale = scale;
    }
    free(table);
}
