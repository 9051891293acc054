#include "engine/base/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool folder(char *path, size_t size, const char *part)
{
    const char *own = getenv("IJEPA_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *slash = *part ? "/" : "";
    int length = -1;
    if (own && strcmp(own, "off") == 0)
        return false;
    if (own && *own)
        length = snprintf(path, size, "%s%s%s", own, slash, part);
    else if (xdg && *xdg)
        length = snprintf(path, size, "%s/ijepa-cl%s%s", xdg, slash, part);
    else if (home && *home)
        length = snprintf(path, size, "%s/.cache/ijepa-cl%s%s", home, slash, part);
    return length >= 0 && (size_t)length < size;
}

bool ij_cache_path(char *path, size_t size, const char *part, const char *name)
{
    char in[3072];
    if (!folder(in, sizeof in, part))
        return false;
    for (char *slash = strchr(in + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(in, 0700);
        *slash = '/';
    }
    mkdir(in, 0700);
    int length = snprintf(path, size, "%s/%s", in, name);
    return length >= 0 && (size_t)length < size && access(in, W_OK | X_OK) == 0;
}

bool ij_cache_begin(ij_cache_file *f, const char *path)
{
    snprintf(f->path, sizeof f->path, "%s", path);
    snprintf(f->temporary, sizeof f->temporary, "%s.%ld", f->path, (long)getpid());
    f->file = fopen(f->temporary, "wb");
    return f->file != NULL;
}

void ij_cache_end(ij_cache_file *f, bool whole)
{
    whole = fclose(f->file) == 0 && whole;
    if (!whole || rename(f->temporary, f->path) != 0)
        unlink(f->temporary);
}
