/* The tuning database: the parameters that tools/autotune measured to be the fastest, for each device, driver and
 * kernel source. Found at $XDG_DATA_HOME/ijepa-cl/tuning.txt, or ~/.local/share/ijepa-cl/tuning.txt; environment
 * variable IJEPA_TUNING names another file, and IJEPA_TUNING=off means none. In a device's block:
 *
 *     device: item VW=16 TN=32                                      what kernels have in common
 *     sources gemm panel: 8f14e45fceea167a                          what its lines were measured with
 *     gemm 1152 384: panel TM=12  # 431.2 GFLOP/s, +3.1 %, 2025-01-31      for one shape
 *     gemm 384 1152: clblast  # 24.1 GFLOP/s, 2025-01-31
 *     clblast Xgemm: MWG=64 NWG=64 ...                              CLBlast's parameters on this device
 */
#ifndef IJ_TUNING_DB_H
#define IJ_TUNING_DB_H

#include "engine/opencl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the database is; false where there is none (IJEPA_TUNING=off, or no home). */
bool ij_tuning_db_path(char *path, size_t size);

/* Refines a device's tuning by what the database holds for it. Never fails: what is stale (another driver, changed
 * kernel source), unknown or illegal is left out, and ij_device_notes says so. Lines of an implementation that wants
 * weights in another layout than the device's do not hold beside it, and wait. */
void ij_tuning_db_load(ij_device *device);

/* Puts one measured choice into the database at `path`: read, changed, written atomically. Lines of the implementation
 * that other kernel sources were measured with are dropped. `remark` says how fast it was; the date is added. */
ij_status ij_tuning_db_keep(const ij_device *device, const char *path, const ij_tuned *tuned, const char *remark);
/* CLBlast's parameters "MWG=64 NWG=64 ..." of one of its kernels on this device. */
ij_status ij_tuning_db_keep_clblast_parameters(const ij_device *device, const char *path, const char *kernel,
                                               const char *parameters, const char *remark);

/* Sets the parameters of a CLBlast kernel on this device, for this process; CLBlast wants all of them at once. */
ij_status ij_tuning_db_override_clblast(const ij_device *device, const char *kernel, const char *parameters);

/* Changes what kernels have in common: forgets what was tuned beside the old parameters, and replaces those that others
 * begin with and that are not possible beside the new ones. Before any kernel is made. */
void ij_tuning_db_set_common(ij_device *device, const ij_implementation *common, const ij_choice *choice);

/* "tile WGM=64 ...": an implementation and its choice. */
void ij_tuned_print(const ij_tuned *tuned, char *text, size_t size);
/* The reverse, for an operation: NULL, or why not, a static string. */
const char *ij_tuned_parse(ij_group group, const char *text, ij_tuned *tuned);

/* Tells the sources of an implementation's kernels, and the parameters it has in common with others, from others. */
uint64_t ij_tuning_db_sources(const ij_device *device, const ij_implementation *of);

#endif
