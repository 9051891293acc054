#include "tools/autotune/show.h"

#include "engine/tuning_db.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int show_database(const char *choice)
{
    char path[4096];
    if (!ij_tuning_db_path(path, sizeof path)) {
        puts("there is no tuning database: IJEPA_TUNING is off, or there is no home to keep one in");
        return 0;
    }
    FILE *in = fopen(path, "r");
    if (!in && errno != ENOENT) {
        fprintf(stderr, "ijepa-autotune: %s: %s\n", path, strerror(errno));
        return 1;
    }
    printf("%s%s\n\n", path, in ? ":" : " does not exist yet: every kernel runs with its defaults");
    int c;
    while (in && (c = getc(in)) != EOF)
        putchar(c);
    if (in)
        fclose(in);
    ij_device *device;
    if (ij_device_open(&device, choice)) { /* the text is worth showing where there is no device, too */
        fprintf(stderr, "ijepa-autotune: %s\n", ij_error());
        return 1;
    }
    printf("\nOn %s (driver %s) %d line%s of it hold%s.\n", device->info.name, device->info.driver,
           device->tuning.tuned_count, device->tuning.tuned_count == 1 ? "" : "s",
           device->tuning.tuned_count == 1 ? "s" : "");
    if (*ij_device_notes(device))
        printf("%s\n", ij_device_notes(device));
    ij_device_close(device);
    return 0;
}
