/* Fuzzes the configuration's reader: any text, and the text's last line as a --set, is accepted or refused, never more;
 * what is accepted prints. Built with IJEPA_FUZZ; run as `fuzz_config CORPUS ini/`. */
#include "ini/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ij_config config;
    static FILE *nowhere;
    if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
        abort();
    const char *text = (const char *)data;
    size_t start = size;
    while (start && text[start - 1] != '\n')
        start--;
    char *set = malloc(size - start + 1);
    if (!set)
        return 0;
    memcpy(set, text + start, size - start);
    set[size - start] = '\0';
    const char *sets[1] = {set};
    if (!ij_config_parse(&config, "fuzz.ini", text, start, sets, *set != '\0'))
        ij_config_print(&config, nowhere);
    free(set);
    return 0;
}
