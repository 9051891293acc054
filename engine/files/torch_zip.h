/* The zip archives that torch.save writes: stored entries alone, zip64 where they are large. Only what reading those
 * needs: where an entry's bytes lie in the file, so that a part of a tensor can be read without what is before it. (A
 * library for zip reads entries as streams and holds their sums against them, which PyTorch may leave out.)
 * Source: PKWARE's APPNOTE, sections 4.3 to 4.5. */
#ifndef IJ_TORCH_ZIP_H
#define IJ_TORCH_ZIP_H

#include "engine/base/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct ij_zip ij_zip;

/* Opens an archive and reads its directory. IJ_EIO, or IJ_EFORMAT with the path. */
ij_status ij_zip_open(ij_zip **zip, const char *path);
void ij_zip_close(ij_zip *zip); /* NULL is fine */
int ij_zip_descriptor(const ij_zip *zip);

/* The entries' common folder with its slash, "archive/": what comes before the file `ending` that lies least deep.
 * NULL where there is none. It lives until the next call. */
const char *ij_zip_folder(ij_zip *zip, const char *ending);

/* Where the bytes of the entry FOLDER + NAME lie. IJ_EFORMAT where there is none, where it is compressed or encrypted,
 * or lies outside the file. */
ij_status ij_zip_find(const ij_zip *zip, const char *folder, const char *name, uint64_t *offset, uint64_t *bytes);
/* Whether there is such an entry. */
bool ij_zip_has(const ij_zip *zip, const char *folder, const char *name);

#endif
