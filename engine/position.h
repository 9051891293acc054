/* Fixed two-dimensional sine-cosine positions (docs/method.md "From image to tokens", step 3). */
#ifndef IJ_POSITION_H
#define IJ_POSITION_H

#include <stdbool.h>

/* table [side * side, dim], scale times: the first dim/2 entries encode the column, the last the row; each half is
 * [sin | cos]. dim is a multiple of 4. */
void ij_position_table(float *table, int side, int dim, float scale);

/* Whether a file's table [side * side, dim] is that one, but for what float16 and bfloat16 round (some thousandths).
 * room [side * side, dim] is used up. */
bool ij_position_is_table(const float *table, float *room, int side, int dim, float scale);

/* to [to_side to_side, dim] = the table from [from_side from_side, dim] resized as an image, bicubically, as PyTorch's
 * interpolate(mode='bicubic', align_corners=False) to this size does: Keys' kernel with a = -0.75, edges repeated, no
 * antialiasing. The same size gives the same bits. */
void ij_position_interpolate(const float *from, int from_side, float *to, int to_side, int dim);

#endif
