/* What an evaluation found, from the JSON of `ijepa eval`. */
#include "frontend/html.h"
#include "frontend/report.h"

ij_status ij_report_eval(const ij_report *r, FILE *out)
{
    (void)r, (void)out;
    return IJ_OK;
}
