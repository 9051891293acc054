#include "engine/files/checksum.h"

#include "engine/files/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char ij_checksum_open[IJ_CHECKSUM_DIGITS + 1] = "0000000000000000";

char *ij_checksum_find(char *header)
{
    static const char key[] = "\"" IJ_ST_CHECKSUM "\":\"";
    char *at = strstr(header, key);
    if (!at || strlen(at) < sizeof key + IJ_CHECKSUM_DIGITS)
        return NULL;
    at += sizeof key - 1;
    return at[IJ_CHECKSUM_DIGITS] == '"' ? at : NULL;
}

void ij_checksum_print(uint64_t sum, char digits[IJ_CHECKSUM_DIGITS + 1])
{
    snprintf(digits, IJ_CHECKSUM_DIGITS + 1, "%016" PRIx64, sum);
}
