#include "ini/presets.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool ij_presets_folder(char *folder, size_t size)
{
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program);
    if (length <= 0 || (size_t)length == sizeof program)
        return false;
    program[length] = 0;
    *strrchr(program, '/') = 0;
    const char *from = IJEPA_PRESETS_FROM_PROGRAM;
    for (char *end; !strncmp(from, "../", 3) && (end = strrchr(program, '/')); from += 3)
        *end = 0; /* messages show this path: as people would write it */
    int n = snprintf(folder, size, "%s/%s", program, from);
    return n > 0 && (size_t)n < size && access(folder, X_OK) == 0;
}

bool ij_presets_find(const char *name, char *path, size_t size)
{
    char folder[4096];
    if (!*name || strchr(name, '/') || !ij_presets_folder(folder, sizeof folder))
        return false;
    int n = snprintf(path, size, "%s/%s", folder, name);
    return n > 0 && (size_t)n < size && access(path, R_OK) == 0;
}
