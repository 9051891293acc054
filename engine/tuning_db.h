/* The tuning database: the parameters that tools/autotune measured to be the fastest, for each device, driver and
 * kernel source. Found at $XDG_DATA_HOME/ijepa-cl/tuning.txt, or ~/.local/share/ijepa-cl/tuning.txt; environment
 * variable IJEPA_TUNING names another file, and IJEPA_TUNING=off means none. In a device's block:
 *
 *     device: VW=16 TN=32                                           the device's own group
 *     sources gemm: 8f14e45fceea167a                                what the lines of a group were measured with
 *     gemm 1152 384: TM=12  # 431.2 GFLOP/s, +3.1 %, 2025-01-31     for one shape
 *     clblast gemm 1152 384: slower  # 24.1 GFLOP/s, 2025-01-31     CLBlast's product of the same shape
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
 * kernel source), unknown or illegal is left out, and ij_device_notes says so. */
void ij_tuning_db_load(ij_device *device);

/* Puts one measured choice into the database at `path`: read, changed, written atomically. Lines of the group that
 * other kernel sources were measured with are dropped. `remark` says how fast it was; the date is added. */
ij_status ij_tuning_db_keep(const ij_device *device, const char *path, const ij_tuned *tuned, const char *remark);

/* The same for CLBlast: whether its product is faster for a shape ... */
ij_status ij_tuning_db_keep_clblast(const ij_device *device, const char *path, ij_group group, const int shape[2],
                                    bool faster, const char *remark);
/* ... and its kernel's parameters "MWG=64 NWG=64 ..." on this device. */
ij_status ij_tuning_db_keep_clblast_parameters(const ij_device *device, const char *path, const char *kernel,
                                               const char *parameters, const char *remark);

/* Sets the parameters of a CLBlast kernel on this device, for this process; CLBlast wants all of them at once. */
ij_status ij_tuning_db_override_clblast(const ij_device *device, const char *kernel, const char *parameters);

/* Changes the device's group: forgets what was tuned beside the old one, and replaces defaults of the other groups that
 * are not possible beside the new one. Before any kernel is made. */
void ij_tuning_db_set_layout(ij_device *device, const ij_choice *choice);

/* Whether the database says that CLBlast is the faster one for a product shape. */
bool ij_tuning_db_clblast(const ij_device *device, ij_group group, int shape0, int shape1);

/* "MACRO=value MACRO=value" of a group, in the table's order. */
void ij_choice_print(const ij_group_info *info, const ij_choice *choice, char *text, size_t size);
/* The reverse: NULL, or why not, a static string. Every parameter of the group must be there, with a value of its
 * table. */
const char *ij_choice_parse(const ij_group_info *info, const char *text, ij_choice *choice);

/* All choices of a group, legal or not, the last parameter running fastest; false after the last one. */
ij_choice ij_choice_first(const ij_group_info *info);
bool ij_choice_next(const ij_group_info *info, ij_choice *choice);

/* Tells the sources of a group's kernels, and the device's layout of weights, from others. */
uint64_t ij_tuning_db_sources(const ij_device *device, ij_group group);

#endif
