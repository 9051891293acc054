/* Finds the presets that were installed with the programs: ../share/ijepa-cl/presets as seen from the program's folder.
 * A build's folder has a link there to its source's ini/. Where the system has no /proc none are found. */
#ifndef IJ_INI_PRESETS_H
#define IJ_INI_PRESETS_H

#include <stdbool.h>
#include <stddef.h>

/* The folder of the presets; false where there is none. */
bool ij_presets_folder(char *folder, size_t size);

/* The path of the preset `name` ("cifar10.ini"); false where it is no plain file name, or no preset. */
bool ij_presets_find(const char *name, char *path, size_t size);

#endif
