/* What a training batch looks like: crops with their context and target blocks. */
#include "engine/base/try.h"
#include "frontend/example_batch.h"
#include "frontend/html.h"
#include "frontend/png_bytes.h"
#include "frontend/report.h"
#include "frontend/sheet.h"

enum { CROPS = 8 };

static void say_why_not(FILE *out, const char *why)
{
    fputs("<p class=\"soft\">", out);
    ij_html_text(out, why);
    fputs("</p>\n", out);
}

static ij_status draw(const ij_report *r, FILE *out)
{
    ij_batch batch;
    ij_sheet sheet;
    int side;
    if (ij_example_batch_load(&batch, r->config, r->dataset, CROPS, &side)) {
        say_why_not(out, ij_error()); /* the images are others than the run's, and may not do for training */
        return IJ_OK;
    }
    ij_status status = ij_sheet_draw(&sheet, &batch, batch.images, side);
    ij_example_batch_free(&batch);
    if (status)
        return status;
    fputs("<p class=\"soft\">Crops as the training sees them. Bright: the context, all that the encoder gets. "
          "Outlined: the "
          "targets, whose features the predictor has to guess. The rest nobody sees.</p>\n",
          out);
    status = ij_html_picture(out, sheet.pixels, sheet.width, sheet.height, "round",
                             "Eight crops with their context and targets");
    fputs("\n", out);
    ij_sheet_free(&sheet);
    return status;
}

ij_status ij_report_masks(const ij_report *r, FILE *out)
{
    fputs("<h2>What it learns from</h2>\n", out);
    if (!r->config)
        say_why_not(out, "The configuration, and with it crops and masks, is not known.");
    else if (!r->dataset)
        say_why_not(out, r->no_images);
    else if (!ij_png_available())
        say_why_not(out, "Pictures are left out: this program was built without libpng.");
    else
        return draw(r, out);
    return IJ_OK;
}
