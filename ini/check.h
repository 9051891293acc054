/* The relations between a configuration's values that one row of the schema cannot express. */
#ifndef IJ_INI_CHECK_H
#define IJ_INI_CHECK_H

#include "ini/config.h"
#include "ini/findings.h"

/* Adds what does not fit together to `findings`, and notes to the configuration. `bad[i]` tells that key i has no valid
 * value: relations that involve it are passed over. Fills width, depth, heads and mlp_ratio from a named model. */
void ij_config_check(ij_config *config, const bool *bad, ij_findings *findings);

#endif
