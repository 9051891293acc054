/* JSON that nobody vouches for, read with cJSON: before cJSON allocates anything the text is seen to be UTF-8, not
 * deep, and of a bounded number of values. */
#ifndef IJ_JSON_TEXT_H
#define IJ_JSON_TEXT_H

#include "engine/base/error.h"

#include <cjson/cJSON.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parses a JSON object of `length` bytes, with white space behind it at most; freed by cJSON_Delete. cJSON needs some
 * 80 bytes a value and a copy of each string: with at most a million values that is `length` + 80 MB. IJ_EFORMAT, with
 * `what` (a path, and what in it) before the reason. */
ij_status ij_json_parse(cJSON **object, const char *what, const char *text, size_t length);

/* IJ_EFORMAT where two members of an object have one name: JSON does not say which counts. */
ij_status ij_json_unique(const cJSON *object, const char *what);

/* Replaces every byte that keeps `text` from being UTF-8, and every control character but white space, by "?". */
void ij_text_make_valid(char *text);

/* A non-negative whole number that a double holds exactly. */
bool ij_json_whole(const cJSON *item, int64_t *value);

#endif
