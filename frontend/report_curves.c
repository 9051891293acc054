/* The log's columns as curves. Columns are found by name; those that this file does not know are drawn as well. */
#include "frontend/html.h"
#include "frontend/report.h"
#include "frontend/svg_chart.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct curve {
    const char *column, *name, *unit, *remark;
    double factor;
} curve;

static const curve main_curves[] = {
    {"loss", "loss", "", "distance of what was predicted from what it was", 1},
    {"target_std", "target_std", "", "spread of the target features; 0 is collapse", 1},
    {"effective_rank", "effective rank", "", "of the pooled features; low before others tell", 1},
    {"knn", "k-NN", "%", "images whose nearest neighbours give their label", 100},
    {"ridge", "ridge", "%", "images that a ridge classifier labels rightly", 100},
    {"images_per_second", "throughput", "images/s", "", 1}}; /* drawn from the time, where that can be */
static const curve other_curves[] = {
    {"loss_feature", "loss of features", "", "distance of predicted from target features", 1},
    {"loss_pixel", "loss of pixels", "", "of normalised patches; 1: nothing is known", 1},
    {"loss_variance", "variance term", "", "spread that pooled features lack; 0: none", 1},
    {"loss_covariance", "covariance term", "", "of pooled features, squared; 0: they are independent", 1},
    {"loss_sigreg", "SIGReg", "", "how far pooled features are from normal", 1},
    {"clipped", "clipped", "%", "of the gradient's length, taken away by clip_grad", 100},
    {"lr", "learning rate", "", "", 1},
    {"wd", "weight decay", "", "", 1},
    {"ema", "ema", "", "momentum of the target encoder", 1},
    {"mask-A", "context", "patches", "seen of an image, on average", 1},
    {"mask-B", "target", "patches", "predicted at a time", 1}};
/* Places in the run, not measurements; the time is the throughput's inverse. */
static const char *const left_out[] = {"epoch", "itr", "time (ms)"};

static int64_t epoch_steps(const ij_report *r)
{
    int epoch = ij_csv_table_find(&r->log, "epoch");
    for (int64_t i = 0; epoch >= 0 && i < r->log.rows; i++)
        if (r->log.column[epoch][i] > r->log.column[epoch][0])
            return i;
    return 0;
}

static bool has_values(const ij_report *r, const char *name)
{
    int column = ij_csv_table_find(&r->log, name);
    for (int64_t i = 0; column >= 0 && i < r->log.rows; i++)
        if (isfinite(r->log.column[column][i]))
            return true;
    return false;
}

static void write_curve(const ij_report *r, FILE *out, const curve *c, int column, int64_t epoch)
{
    ij_chart chart = {.name = c->name,
                      .unit = c->unit,
                      .remark = c->remark,
                      .y = r->log.column[column],
                      .n = r->log.rows,
                      .epoch_steps = epoch,
                      .factor = c->factor};
    ij_chart_write(out, &chart);
}

/* Images a second as images over time: the mean of single steps' rates would count the short ones too much. Each value
 * is that of the steps before it which a point of the chart stands for, ten at least. False where it cannot be told. */
static bool write_throughput(const ij_report *r, FILE *out, int64_t epoch)
{
    enum { POINTS = 180, LEAST = 10 };
    int column = ij_csv_table_find(&r->log, "time (ms)");
    double *rate = column < 0 || !r->config ? NULL : malloc((size_t)r->log.rows * sizeof *rate);
    if (!rate)
        return false;
    const double *time = r->log.column[column];
    int64_t window = r->log.rows / POINTS > LEAST ? r->log.rows / POINTS : LEAST;
    char remark[64];
    for (int64_t i = 0; i < r->log.rows; i++) {
        double seconds = 0;
        int64_t steps = 0;
        for (int64_t k = i; k >= 0 && k > i - window; k--)
            if (isfinite(time[k])) {
                seconds += time[k] / 1e3;
                steps++;
            }
        rate[i] = seconds > 0 ? (double)steps * r->config->data.batch_size / seconds : (double)NAN;
    }
    snprintf(remark, sizeof remark, "over %lld steps at a time", (long long)window);
    ij_chart_write(out, &(ij_chart){"throughput", "images/s", remark, rate, r->log.rows, epoch, 1});
    free(rate);
    return true;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < sizeof main_curves / sizeof *main_curves; i++)
        if (!strcmp(main_curves[i].column, name))
            return true;
    for (size_t i = 0; i < sizeof other_curves / sizeof *other_curves; i++)
        if (!strcmp(other_curves[i].column, name))
            return true;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (!strcmp(left_out[i], name))
            return true;
    return false;
}

static void write_curves(const ij_report *r, FILE *out, const curve *curves, size_t count, int64_t epoch)
{
    bool terms = has_values(r, "loss_pixel"); /* else the features' is the loss */
    for (size_t i = 0; i < count; i++) {
        int column = ij_csv_table_find(&r->log, curves[i].column);
        if (!strcmp(curves[i].column, "images_per_second") && write_throughput(r, out, epoch))
            continue;
        if (column >= 0 && (strncmp(curves[i].column, "loss_", 5) || terms))
            write_curve(r, out, &curves[i], column, epoch);
    }
}

void ij_report_curves(const ij_report *r, FILE *out)
{
    int64_t epoch = epoch_steps(r);
    fputs("<h2>How the training went</h2>\n", out);
    if (!r->log.rows) {
        fputs("<p class=\"soft\">No step has been logged yet.</p>\n", out);
        return;
    }
    fputs("<p class=\"soft\">Lines are means of neighbouring steps where there are many; the shade behind them reaches "
          "from the least to the most.",
          out);
    fputs(epoch ? " Dotted: where epochs end.</p>\n<div class=\"charts\">\n" : "</p>\n<div class=\"charts\">\n", out);
    write_curves(r, out, main_curves, sizeof main_curves / sizeof *main_curves, epoch);
    for (int i = 0; i < r->log.columns; i++)
        if (!is_known(r->log.names[i]))
            write_curve(r, out, &(curve){"", r->log.names[i], "", "", 1}, i, epoch);
    fputs("</div>\n<details><summary>Schedules and masks</summary><div class=\"charts\">\n", out);
    write_curves(r, out, other_curves, sizeof other_curves / sizeof *other_curves, epoch);
    fputs("</div></details>\n", out);
}
