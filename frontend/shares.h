/* How many images of a batch each of several ranks computes. */
#ifndef IJ_FRONTEND_SHARES_H
#define IJ_FRONTEND_SHARES_H

#include "engine/base/error.h"

/* Shares [ranks] of `images` in the proportion of rates [ranks], which are above 0: whole images, one at least, what is
 * left over to those that were cut most. IJ_EINVAL where there are fewer images than ranks. */
ij_status ij_shares_by_rates(int images, int ranks, const double *rates, int *shares);

/* Reads [run] share where it is a list, "3,1": a rate for each rank. IJ_EINVAL where it is none, or of another length.
 */
ij_status ij_shares_read(const char *text, int ranks, double *rates);

#endif
