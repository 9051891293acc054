/* What an evaluation found, from the JSON of `ijepa eval --save` (evaluation_report.c): each head on the features of
 * the trained model and, beside them, on those of its random start and on raw pixels; and what is taken for what. */
#include "engine/base/try.h"
#include "frontend/html.h"
#include "frontend/json_file.h"
#include "frontend/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CLASSES = 40, TEXT = 160 };

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- The table ----------------------------------------------------------------------------------------------------
 */

static void write_share(FILE *out, double share)
{
    if (isfinite(share))
        fprintf(out, "<td class=\"n\">%.1f</td>", 100 * share);
    else
        fputs("<td class=\"n\">&#8211;</td>", out);
}

/* Heads are columns; which there are the first row says. */
static void write_head(FILE *out, const cJSON *row)
{
    const cJSON *item;
    fputs("<tr><th>features</th><th>pooling</th>", out);
    if (member(row, "linear"))
        fputs("<th class=\"n\">linear</th>", out);
    if (isfinite(ij_json_number(member(row, "linear"), "top5")))
        fputs("<th class=\"n\">top&#160;5</th>", out);
    cJSON_ArrayForEach(item, member(row, "knn"))
        fprintf(out, "<th class=\"n\">%.0f-NN</th>", ij_json_number(item, "k"));
    if (member(row, "ridge_classifier"))
        fputs("<th class=\"n\">ridge</th>", out);
    cJSON_ArrayForEach(item, member(row, "few_labels"))
    {
        double share = ij_json_number(item, "share");
        if (isfinite(share))
            fprintf(out, "<th class=\"n\">%g&#160;%% labels</th>", 100 * share);
        else
            fprintf(out, "<th class=\"n\">%.0f labels a class</th>", ij_json_number(item, "shots"));
    }
    if (member(row, "ridge"))
        fputs("<th class=\"n\">R&#178;</th><th class=\"n\">mean error</th>", out);
    fputs("</tr>\n", out);
}

static void write_row(FILE *out, const cJSON *row, const cJSON *first)
{
    char pooling[TEXT] = "";
    const char *features = ij_json_text(row, "features"), *pool = ij_json_text(row, "pool");
    double layers = ij_json_number(row, "layers");
    const cJSON *item;
    if (pool)
        snprintf(pooling, sizeof pooling, "%s, %s", pool, layers > 1 ? "last 4 layers" : "last layer");
    fprintf(out, "<tr%s><td>", features && !strcmp(features, "trained") ? " class=\"ours\"" : "");
    ij_html_text(out, features ? features : "?");
    fputs("</td><td>", out);
    ij_html_text(out, pooling);
    fputs("</td>", out);
    if (member(first, "linear"))
        write_share(out, ij_json_number(member(row, "linear"), "top1"));
    if (isfinite(ij_json_number(member(first, "linear"), "top5")))
        write_share(out, ij_json_number(member(row, "linear"), "top5"));
    cJSON_ArrayForEach(item, member(row, "knn")) write_share(out, ij_json_number(item, "top1"));
    if (member(first, "ridge_classifier"))
        write_share(out, ij_json_number(member(row, "ridge_classifier"), "top1"));
    cJSON_ArrayForEach(item, member(row, "few_labels"))
        fprintf(out, "<td class=\"n\">%.1f&#160;&#177;&#160;%.1f</td>", 100 * ij_json_number(item, "mean"),
                100 * ij_json_number(item, "deviation"));
    if (member(first, "ridge"))
        fprintf(out, "<td class=\"n\">%.3f</td><td class=\"n\">%.3g</td>", ij_json_number(member(row, "ridge"), "r2"),
                ij_json_number(member(row, "ridge"), "mean_absolute_error"));
    fputs("</tr>\n", out);
}

static void write_table(FILE *out, const cJSON *eval, const cJSON *rows)
{
    const cJSON *row;
    const char *target = ij_json_text(eval, "target");
    fputs("<p class=\"soft\">", out);
    ij_html_format(out, "%.0f images to learn from, %.0f to be tested on. ",
                   ij_json_number(member(eval, "train"), "images"), ij_json_number(member(eval, "test"), "images"));
    if (target)
        ij_html_format(out, "What is learnt is the number \"%s\". ", target);
    fputs("The encoder is frozen; shares are right answers in per cent of the test images. The gain is the difference "
          "to the "
          "random start, and to raw pixels, with the same head.</p>\n<div class=\"card scroll\"><table>\n",
          out);
    write_head(out, rows->child);
    cJSON_ArrayForEach(row, rows) write_row(out, row, rows->child);
    fputs("</table></div>\n", out);
}

/* ---- Confusion ----------------------------------------------------------------------------------------------------
 */

static double row_sum(const cJSON *row)
{
    double sum = 0;
    const cJSON *cell;
    cJSON_ArrayForEach(cell, row) sum += cell->valuedouble;
    return sum;
}

static const char *class_name(const cJSON *classes, int number)
{
    const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(classes, number));
    return name ? name : "?";
}

static void write_confusion(FILE *out, const cJSON *classes, const cJSON *confusion)
{
    int count = cJSON_GetArraySize(confusion), c = 0;
    const cJSON *row, *cell;
    fputs("<h3>What is taken for what</h3>\n<p class=\"soft\">Linear probe of the features that did best on held-out "
          "images. A row is a true class, its cells what share of it, in per cent, got which answer.</p>\n"
          "<div class=\"card scroll\"><table class=\"confusion\">\n<tr><td></td>",
          out);
    for (int k = 0; k < count; k++) {
        fputs("<th class=\"top\"><span>", out);
        ij_html_text(out, class_name(classes, k));
        fputs("</span></th>", out);
    }
    fputs("</tr>\n", out);
    cJSON_ArrayForEach(row, confusion)
    {
        double sum = row_sum(row);
        int k = 0;
        fputs("<tr><th>", out);
        ij_html_text(out, class_name(classes, c));
        fputs("</th>", out);
        cJSON_ArrayForEach(cell, row)
        {
            double share = sum > 0 ? cell->valuedouble / sum : 0;
            fprintf(out, "<td style=\"background:rgba(var(--cell),%.2f)%s\">", 0.75 * share,
                    k++ == c ? ";font-weight:600" : "");
            fprintf(out, share >= 0.005 ? "%.0f</td>" : "</td>", 100 * share);
        }
        fputs("</tr>\n", out);
        c++;
    }
    fputs("</table></div>\n", out);
}

/* ---- All ----------------------------------------------------------------------------------------------------------
 */

static ij_status write_eval(FILE *out, const cJSON *eval)
{
    const cJSON *rows = member(eval, "rows");
    double best = ij_json_number(eval, "best_row");
    if (!cJSON_IsArray(rows) || !rows->child)
        return ij_fail(IJ_EFORMAT, "it is no result of `ijepa eval --save`: no rows are in it");
    write_table(out, eval, rows);
    const cJSON *row = isfinite(best) ? cJSON_GetArrayItem(rows, (int)best) : NULL;
    const cJSON *confusion = member(member(row, "linear"), "confusion");
    int classes = cJSON_GetArraySize(confusion);
    if (classes > 1 && classes <= MOST_CLASSES)
        write_confusion(out, member(eval, "classes"), confusion);
    return IJ_OK;
}

ij_status ij_report_eval(const ij_report *r, FILE *out)
{
    char usual[IJ_PATH_MAX];
    const char *path = r->options.eval;
    cJSON *eval;
    fputs("<h2>What it has learnt</h2>\n", out);
    snprintf(usual, sizeof usual, "%s/%s-eval.json", r->folder.base, r->folder.tag);
    if (!path && access(usual, F_OK) != 0) {
        fputs("<p class=\"soft\">Not evaluated. <code>", out);
        ij_html_format(out, "ijepa eval %s --train PATH --test PATH --save %s", r->folder.latest, usual);
        fputs("</code> does; the next report shows it here.</p>\n", out);
        return IJ_OK;
    }
    path = path ? path : usual;
    TRY(ij_json_read(&eval, path));
    ij_status status = write_eval(out, eval);
    cJSON_Delete(eval);
    return status ? ij_fail_in(status, "%s: ", path) : IJ_OK;
}
