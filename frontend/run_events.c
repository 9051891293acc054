#include "frontend/run_events.h"

#include "engine/base/try.h"
#include "frontend/png_bytes.h"
#include "frontend/sheet.h"

#include <stdlib.h>

void ij_run_events_close(ij_run_events *e)
{
    ij_event_file_close(&e->file);
    ij_feature_watch_close(e->watch);
    e->watch = NULL;
}

ij_status ij_run_events_step(ij_run_events *e, int64_t k, const ij_step_record *r)
{
    const ij_event_scalar scalars[] = {{"loss", r->result.loss},
                                       {"loss/feature", r->result.term[IJ_TERM_FEATURE]},
                                       {"loss/pixel", r->result.term[IJ_TERM_PIXEL]},
                                       {"loss/variance", r->result.term[IJ_TERM_VARIANCE]},
                                       {"loss/covariance", r->result.term[IJ_TERM_COVARIANCE]},
                                       {"loss/sigreg", r->result.term[IJ_TERM_SIGREG]},
                                       {"target_std", r->result.target_std},
                                       {"effective_rank", r->rank},
                                       {"clipped", r->result.clipped},
                                       {"eval/knn", r->knn},
                                       {"eval/ridge", r->ridge},
                                       {"images_per_second", r->images_per_second},
                                       {"schedule/lr", r->hyper.lr},
                                       {"schedule/wd", r->hyper.wd},
                                       {"schedule/ema", r->hyper.ema},
                                       {"masks/context_length", r->context_length},
                                       {"masks/target_length", r->target_length}};
    return ij_event_file_scalars(&e->file, k, scalars, sizeof scalars / sizeof *scalars);
}

static ij_status write_picture(ij_run_events *e, int64_t k, const char *tag, const uint8_t *pixels, int width,
                               int height)
{
    uint8_t *png = NULL;
    size_t size;
    ij_status status = ij_png_bytes(pixels, width, height, &png, &size);
    if (!status)
        status = ij_event_file_picture(&e->file, k, tag, png, size, width, height);
    free(png);
    return status;
}

ij_status ij_run_events_masks(ij_run_events *e, int64_t k, const ij_batch *batch, int side)
{
    enum { CROPS = 12 };
    ij_sheet sheet;
    if (!e->file.file || !ij_png_available())
        return IJ_OK;
    int images = ij_batch_own(batch); /* rank 0's are the first ones */
    TRY(ij_sheet_draw(&sheet, batch, images < CROPS ? images : CROPS, side));
    ij_status status = write_picture(e, k, "masks", sheet.pixels, sheet.width, sheet.height);
    ij_sheet_free(&sheet);
    return status;
}

ij_status ij_run_events_features(ij_run_events *e, int64_t k)
{
    ij_picture sheet;
    if (!e->watch)
        return IJ_OK;
    TRY(ij_feature_watch_draw(e->watch, &sheet));
    ij_status status = write_picture(e, k, "features", sheet.pixels, sheet.width, sheet.height);
    ij_picture_free(&sheet);
    return status;
}
