/* The table of every section and key that a configuration may hold. Adding a key means: a field in config.h and a row
 * here; reading, checking, printing and the help follow from the row. */
#ifndef IJ_INI_SCHEMA_H
#define IJ_INI_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

typedef enum ij_key_type {
    IJ_KEY_INT,    /* int */
    IJ_KEY_LONG,   /* int64_t */
    IJ_KEY_REAL,   /* double */
    IJ_KEY_PAIR,   /* double[2] */
    IJ_KEY_BOOL,   /* bool */
    IJ_KEY_TEXT,   /* char[IJ_CONFIG_TEXT] */
    IJ_KEY_CHOICE, /* int: the position in `choices` */
    IJ_KEY_BYTES,  /* int64_t: "6G", "512M"; K, M, G and T are powers of 1024 */
} ij_key_type;

enum {
    IJ_OPEN_MIN = 1,  /* the minimum itself is not allowed */
    IJ_OPEN_MAX = 2,  /* the maximum itself is not allowed */
    IJ_ASCENDING = 4, /* a pair's second number is not under its first */
    IJ_CUSTOM = 8,    /* counts only where model_name = custom */
    IJ_FREE = 16,     /* does not decide what a run computes: a continuation may have another value ... */
    IJ_LATER = 32,    /* ... decides it from then on: likewise, but it is said */
    IJ_AUTO = 64      /* a whole number may be "auto", which is 0 */
};

typedef struct ij_key {
    const char *section, *name;
    ij_key_type type;
    size_t offset; /* in ij_config */
    double min, max;
    int flags;
    const char *const *choices; /* ends with NULL */
    const char *fallback;       /* the default, as one would write it */
    const char *help;           /* one line */
} ij_key;

extern const ij_key ij_schema[];
extern const int ij_schema_keys;

/* The key's row; -1 where there is none. */
int ij_schema_find(const char *section, const char *name);
bool ij_schema_has_section(const char *section);

/* The closest known name, for messages; NULL where nothing is near. `section` may be NULL: any section. */
const char *ij_schema_nearest_section(const char *section);
const ij_key *ij_schema_nearest_key(const char *section, const char *name);

/* Reads `text` as the key's value into the ij_config at `config`. On failure returns false and writes what is wrong,
 * without the location, into `why`. */
bool ij_key_read(const ij_key *key, const char *text, void *config, char *why, size_t why_size);

/* Writes the key's value as one would write it in a file. */
void ij_key_format(const ij_key *key, const void *config, char *text, size_t size);

/* Describes what the key accepts, e.g. "a number above 0, at most 1". */
void ij_key_describe(const ij_key *key, char *text, size_t size);

#endif
