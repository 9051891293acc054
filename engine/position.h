/* Fixed two-dimensional sine-cosine positions (docs/method.md "From image to tokens", step 3). */
#ifndef IJ_POSITION_H
#define IJ_POSITION_H

/* table [side * side, dim]: the first dim/2 entries encode the column, the last the row; each half is [sin | cos].
 * dim is a multiple of 4. */
void ij_position_table(float *table, int side, int dim);

#endif
