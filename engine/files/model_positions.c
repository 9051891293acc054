#include "engine/files/model_file_kind.h"
#include "engine/position.h"

#include <math.h>
#include <stdlib.h>

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
            ij_position_is_table(table, table + t->elements, ij_model_side(m), m->dim, scale))
            m->position_scale = scale;
    }
    free(table);
}
