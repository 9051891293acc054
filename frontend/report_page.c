/* The page around the sections: style, title, the run in a few figures. */
#include "engine/base/try.h"
#include "frontend/clock.h"
#include "frontend/html.h"
#include "frontend/report.h"
#include "ini/convert.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Two sets of colours; blue and orange can be told apart by everybody, and nothing is said by colour alone. */
static const char style_of_all[] =
    ":root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1b1f26;--soft:#5c6470;--rule:#dfe3e8;"
    "--line:#1f6feb;--band:#1f6feb33;--mark:#b35c00;--cell:31,111,235}\n"
    "@media(prefers-color-scheme:dark){:root{--page:#101318;--card:#181c23;--ink:#e8ebf0;--soft:#9aa4b2;"
    "--rule:#2b313b;--line:#79b0ff;--band:#79b0ff33;--mark:#ffb057;--cell:90,150,255}}\n"
    "@media print{:root{color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#ccc;--line:#0b57d0;"
    "--band:#0b57d033;--mark:#8a4700;--cell:31,111,235}\n"
    "body{font-size:10pt}main{max-width:none;padding:0}.card,figure,tr{break-inside:avoid}h2{break-after:avoid}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,\"Segoe UI\",Roboto,"
    "\"Helvetica Neue\",Arial,sans-serif;-webkit-text-size-adjust:100%;print-color-adjust:exact}\n"
    "main{max-width:1180px;margin:0 auto;padding:28px 20px 60px}\n"
    "h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}\n"
    "h2{font-size:1.2rem;margin:44px 0 2px}h3{font-size:1rem;margin:22px 0 8px}\n"
    "p{margin:4px 0 14px;max-width:75ch}small,.soft{color:var(--soft)}small{font-size:.84rem}\n"
    "figure{margin:0}img{display:block;max-width:100%;height:auto}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:10px;margin:20px 0 0}\n"
    ".tile{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:10px 14px}\n"
    ".tile "
    "b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums;line-height:1.25;overflow-wrap:anywhere}\n";
static const char style_of_sections[] =
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,350px),1fr));gap:14px}\n"
    ".chart,.card{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:12px 14px}\n"
    ".chart{padding-bottom:6px;display:flex;flex-direction:column}.chart "
    "svg{margin-top:auto;display:block;width:100%;height:auto;overflow:visible}\n"
    "figcaption small{display:block}.now{color:var(--soft);font-variant-numeric:tabular-nums;margin-left:.4em}\n"
    "svg text{font:11px system-ui,sans-serif;fill:var(--soft);font-variant-numeric:tabular-nums}\n"
    ".grid{stroke:var(--rule)}.axis{stroke:var(--soft)}.epoch{stroke:var(--soft);stroke-dasharray:2 4;opacity:.55}\n"
    ".line{fill:none;stroke:var(--line);stroke-width:1.8;stroke-linejoin:round}.band{fill:var(--band)}"
    ".dot{fill:var(--line)}\n"
    ".pixels{image-rendering:pixelated}.round{border-radius:8px}\n"
    ".pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:14px 16px}\n"
    ".pair{display:grid;grid-template-columns:1fr 1fr;gap:3px}.pair img{width:100%;border-radius:4px}"
    ".pair figcaption{grid-column:1/-1}\n"
    ".looks{display:grid;gap:18px 28px;grid-template-columns:repeat(auto-fill,minmax(min(100%,520px),1fr))}\n"
    ".heads{display:grid;gap:3px}.look{display:grid;gap:10px;grid-template-columns:repeat(3,1fr)}\n"
    ".look img{width:100%;border-radius:4px}.look figcaption{font-size:.84rem;color:var(--soft)}\n"
    ".scroll{overflow-x:auto;max-width:100%;width:fit-content}.scroll td,.scroll th{white-space:nowrap}\n"
    ".scroll td:first-child,.scroll th:first-child{position:sticky;left:0;background:var(--card)}\n"
    ".near{display:grid;gap:14px 28px;grid-template-columns:repeat(auto-fill,minmax(min(100%,500px),1fr))}\n"
    ".near div{display:grid;gap:6px;grid-template-columns:repeat(7,1fr)}.near img{width:100%;border-radius:4px}"
    ".near .query img{outline:2px solid var(--ink);outline-offset:1px}"
    ".near figcaption{line-height:1.25;font-size:.76rem;margin-top:4px;color:var(--soft);hyphens:auto;"
    "overflow-wrap:anywhere}\n"
    ".near .query figcaption{color:var(--ink);font-weight:600}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.92rem}\n"
    "td,th{padding:4px 12px 4px 0;text-align:left;border-bottom:1px solid var(--rule);vertical-align:baseline}\n"
    "td.n,th.n{text-align:right}th{font-weight:600}tr.ours td{font-weight:600}\n"
    ".confusion td,.confusion th{padding:3px 6px;text-align:right;border:0;font-size:.8rem}\n"
    ".confusion th.top{vertical-align:bottom;text-align:center;font-weight:400}\n"
    ".confusion th.top span{writing-mode:vertical-rl;transform:rotate(180deg)}\n"
    ".bars td{border:0;padding:2px 12px 2px 0}.bars .bar{min-width:90px;width:22em}\n"
    ".bars .bar span{display:block;height:12px;border-radius:3px;background:var(--line)}\n"
    "details{background:var(--card);border:1px solid var(--rule);border-radius:10px;padding:10px 14px;margin:14px 0}\n"
    "summary{cursor:pointer;font-weight:600}details .charts{margin-top:12px}\n"
    "details table{width:100%;margin-bottom:8px}details td{overflow-wrap:anywhere}\n"
    "code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}\n"
    "@media(max-width:600px){main{padding:18px 14px 40px}.card{padding:10px}"
    ".confusion td,.confusion th{padding:2px 4px;font-size:.7rem}table{font-size:.84rem}"
    ".help{display:none}"
    ".near div{grid-template-columns:repeat(6,1fr)}.near figure:last-child{display:none}.look{gap:6px}"
    ".pairs{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}.charts{gap:10px}}\n"
    "@media print{.charts{grid-template-columns:1fr 1fr}.scroll{overflow:visible}table{font-size:7pt}"
    ".scroll td,.scroll "
    "th{padding-right:6px}.near>div,.look,.pair,h2+p{break-inside:avoid}h2+p,h3,h3+p{break-after:avoid}"
    ".tiles{grid-template-columns:repeat(6,1fr)}.tile{padding:6px 8px}}\n";

/* ---- The run in a few figures -------------------------------------------------------------------------------------
 */

static void tile(FILE *out, const char *value, const char *name)
{
    fputs("<div class=\"tile\"><b>", out);
    ij_html_text(out, value);
    fputs("</b><small>", out);
    ij_html_text(out, name);
    fputs("</small></div>\n", out);
}

/* The mean of a column's newest `most` finite values; NaN where there is none. */
static double newest(const ij_csv_table *log, const char *name, int most)
{
    int column = ij_csv_table_find(log, name), count = 0;
    double sum = 0;
    for (int64_t i = log->rows - 1; column >= 0 && i >= 0 && count < most; i--)
        if (isfinite(log->column[column][i])) {
            sum += log->column[column][i];
            count++;
        }
    return count ? sum / count : NAN;
}

static void number_tile(FILE *out, double value, const char *format, const char *name)
{
    char text[48];
    if (isnan(value))
        return;
    snprintf(text, sizeof text, format, value);
    tile(out, text, name);
}

static double training_seconds(const ij_csv_table *log)
{
    int column = ij_csv_table_find(log, "time (ms)");
    double sum = 0;
    for (int64_t i = 0; column >= 0 && i < log->rows; i++)
        sum += isfinite(log->column[column][i]) ? log->column[column][i] / 1e3 : 0;
    return sum;
}

static int64_t steps_planned(const ij_report *r)
{
    const char *epoch = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "epoch.iterations") : NULL;
    if (!epoch || !r->config)
        return 0;
    const ij_config_optimization *o = &r->config->optimization;
    int64_t steps = o->steps ? o->steps : o->epochs * strtoll(epoch, NULL, 10);
    int64_t most = r->config->optimization.max_steps;
    return most && most < steps ? most : steps;
}

static void write_tiles(const ij_report *r, FILE *out)
{
    char text[80], time[32];
    const ij_csv_table *log = &r->log;
    int64_t planned = steps_planned(r);
    fputs("<div class=\"tiles\">\n", out);
    snprintf(text, sizeof text, planned > log->rows ? "%lld of %lld" : "%lld", (long long)log->rows,
             (long long)planned);
    tile(out, text, "steps");
    number_tile(out, newest(log, "epoch", 1), "%.0f", "epoch");
    number_tile(out, newest(log, "loss", 20), "%.4f", "loss, mean of the last 20");
    number_tile(out, newest(log, "target_std", 20), "%.3f", "target_std (0: collapse)");
    number_tile(out, newest(log, "effective_rank", 1), "%.1f", "effective rank");
    number_tile(out, 100 * newest(log, "knn", 1), "%.1f %%", "k-NN accuracy");
    if (r->config)
        number_tile(out, r->config->data.batch_size / newest(log, "time (ms)", 20) * 1e3, "%.0f", "images a second");
    double seconds = training_seconds(log);
    if (seconds > 0)
        tile(out, ij_clock_format(seconds, time, sizeof time), "spent on steps");
    fputs("</div>\n", out);
}

static void write_lead(const ij_report *r, FILE *out)
{
    const char *numbers = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "numbers") : NULL;
    const char *version = r->checkpoint ? ij_model_file_metadata(r->checkpoint, "ijepa.version") : NULL;
    char when[64];
    time_t now = time(NULL);
    struct tm local;
    strftime(when, sizeof when, "%Y-%m-%d %H:%M", localtime_r(&now, &local));
    fputs("<p class=\"soft\">I-JEPA run in <code>", out);
    ij_html_text(out, r->folder.base);
    fputs("</code>. ", out);
    if (r->config) {
        ij_model_config m = ij_config_model_shape(r->config);
        ij_html_format(out, "Encoder %d wide, %d deep, %d heads; %d x %d patches of %d pixels. ", m.dim, m.depth,
                       m.heads, ij_model_side(&m), ij_model_side(&m), m.patch);
    }
    if (numbers)
        ij_html_format(out, "Computed by %.*s. ", (int)strcspn(numbers, ","), numbers);
    if (version)
        ij_html_format(out, "Trained with ijepa %s. ", version);
    ij_html_format(out, "Report of %s by ijepa " IJEPA_VERSION "%s%s", when, *IJEPA_COMMIT ? ", commit " : "",
                   IJEPA_COMMIT);
    fputs(r->going_on ? "; <b>the run is going on</b>.</p>\n" : ".</p>\n", out);
}

ij_status ij_report_write(const ij_report *r, FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
          out);
    ij_html_format(out, "%s: I-JEPA run", r->folder.tag);
    fprintf(out, "</title>\n<style>\n%s%s</style></head>\n<body><main>\n<h1>", style_of_all, style_of_sections);
    ij_html_text(out, r->folder.tag);
    fputs("</h1>\n", out);
    write_lead(r, out);
    write_tiles(r, out);
    ij_report_curves(r, out);
    TRY(ij_report_eval(r, out));
    TRY(ij_report_features(r, out));
    TRY(ij_report_masks(r, out));
    TRY(ij_report_time(r, out));
    ij_report_config(r, out);
    fputs("</main></body></html>\n", out);
    return IJ_OK;
}
