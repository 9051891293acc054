/* A file of JSON as a tree. */
#ifndef IJ_FRONTEND_JSON_FILE_H
#define IJ_FRONTEND_JSON_FILE_H

#include "engine/base/error.h"

#include <cjson/cJSON.h>

/* Reads a file of at most 256 MiB; the caller calls cJSON_Delete. IJ_EIO; IJ_EFORMAT where it is no JSON. */
ij_status ij_json_read(cJSON **json, const char *path);

/* A member that is a number, or NaN; a text, or NULL. */
double ij_json_number(const cJSON *object, const char *name);
const char *ij_json_text(const cJSON *object, const char *name);

#endif
