/* Writes a zip archive as torch.save does: records stored as they are, nothing compressed, each record's data at a
 * multiple of 64 bytes so that a reader may map it. Archives beyond 4 GiB or 65534 records get the zip64 structures.
 * Source: PKWARE's APPNOTE.TXT 6.3.10. Host memory: the table of contents. */
#ifndef IJ_ZIP_WRITER_H
#define IJ_ZIP_WRITER_H

#include "engine/base/error.h"

#include <stddef.h>

typedef struct ij_zip_writer ij_zip_writer;

/* The archive appears at `path` only with ij_zip_finish: it is written beside it, flushed to disk and renamed. */
ij_status ij_zip_create(ij_zip_writer **writer, const char *path);
/* Adds a record. `bytes` under 4 GiB, or IJ_EINVAL. */
ij_status ij_zip_add(ij_zip_writer *writer, const char *name, const void *data, size_t bytes);
ij_status ij_zip_finish(ij_zip_writer *writer); /* frees the writer, whatever comes of it */
void ij_zip_abandon(ij_zip_writer *writer);     /* removes what was written, frees the writer; NULL is fine */

#endif
