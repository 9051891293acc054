#include "frontend/json_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BYTES = 1 << 28 };

ij_status ij_json_read(cJSON **json, const char *path)
{
    *json = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return ij_fail(IJ_EIO, "cannot read %s: %s", path, strerror(errno));
    long size = fseek(file, 0, SEEK_END) ? -1 : ftell(file);
    rewind(file);
    char *text = size >= 0 && size <= MOST_BYTES ? malloc((size_t)size + 1) : NULL;
    if (text) {
        text[fread(text, 1, (size_t)size, file)] = '\0';
        *json = cJSON_Parse(text);
    }
    free(text);
    fclose(file);
    return *json ? IJ_OK : ij_fail(IJ_EFORMAT, "%s is no JSON, or not of a size that can be read", path);
}

double ij_json_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

const char *ij_json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}
