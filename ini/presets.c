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
    int n = snprintf(folder, size, "%s/" IJEPA_PRESETS_FROM_PROGRAM, program);
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
