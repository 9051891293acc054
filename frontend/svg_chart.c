#include "frontend/svg_chart.h"

#include "frontend/envelope.h"
#include "frontend/html.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

/* The picture's own units: a phone shows it at about this size. */
enum { WIDTH = 400, HEIGHT = 190, LEFT = 50, RIGHT = 10, TOP = 8, BOTTOM = 24 };
enum { MOST_POINTS = 180, FEW_POINTS = 40, Y_TICKS = 4, X_TICKS = 4, MOST_EPOCH_LINES = 20 };

double ij_chart_tick(double range, int count)
{
    double rough = range / count, power = pow(10, floor(log10(rough))), leading = rough / power;
    return power * (leading < 1.5 ? 1 : leading < 3.5 ? 2 : leading < 7.5 ? 5 : 10);
}

const char *ij_chart_number(double value, double step, char *text, size_t size)
{
    double least = fabs(step), most = fabs(value);
    if (least >= 1e6 || (least >= 1e5 && most >= 1e6))
        snprintf(text, size, "%gM", value / 1e6);
    else if (least >= 1000 || (least >= 100 && most >= 10000))
        snprintf(text, size, "%gk", value / 1e3);
    else if (least < 1e-4 && value != 0 && most < 0.1)
        snprintf(text, size, "%.2g", value);
    else {
        int decimals = least < 1 ? (int)ceil(-log10(least) - 1e-9) : 0;
        snprintf(text, size, "%.*f", decimals > 6 ? 6 : decimals, value);
    }
    return text;
}

/* What is drawn, and where. */
typedef struct frame {
    const ij_chart *chart;
    const ij_envelope_point *points;
    int count;
    double low, high; /* of y */
} frame;

static double place_x(const frame *f, double step)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (f->chart->n > 1 ? step / (double)(f->chart->n - 1) : 0.5);
}

static double place_y(const frame *f, double y)
{
    double at = (y - f->low) / (f->high - f->low);
    at = at < 0 ? 0 : at > 1 ? 1 : at; /* an outlier ends at the edge */
    return HEIGHT - BOTTOM - at * (HEIGHT - TOP - BOTTOM);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The range: all means, and of what lies round them all but the outermost twentieth, so that a single slow step does
 * not flatten the curve. */
static void find_range(frame *f)
{
    double least[MOST_POINTS], most[MOST_POINTS];
    f->low = INFINITY;
    f->high = -INFINITY;
    for (int i = 0; i < f->count; i++) {
        least[i] = f->points[i].least;
        most[i] = f->points[i].most;
        if (i > 0 || f->count < FEW_POINTS) { /* the first step warms caches */
            f->low = fmin(f->low, f->points[i].mean);
            f->high = fmax(f->high, f->points[i].mean);
        }
    }
    qsort(least, (size_t)f->count, sizeof *least, by_value);
    qsort(most, (size_t)f->count, sizeof *most, by_value);
    f->low = fmin(f->low, least[f->count / 20]);
    f->high = fmax(f->high, most[f->count - 1 - f->count / 20]);
    double range = f->high - f->low;
    if (!(range > 1e-6 * fmax(fabs(f->high), fabs(f->low)))) /* constant */
        range = fmax(fabs(f->high), 1e-6);
    bool from_zero = f->low >= 0 && f->low < 0.35 * f->high;
    f->high += 0.05 * range;
    f->low = from_zero ? 0 : f->low - 0.05 * range;
}

static void write_y_axis(FILE *out, const frame *f)
{
    char text[32];
    double step = ij_chart_tick(f->high - f->low, Y_TICKS);
    for (double k = ceil(f->low / step - 1e-9); k * step <= f->high; k++) {
        double y = place_y(f, k * step);
        fprintf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y, y);
        fprintf(out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 6, y + 3.5,
                ij_chart_number(k * step + 0.0, step, text, sizeof text));
    }
}

static void write_x_axis(FILE *out, const frame *f)
{
    char text[32];
    const ij_chart *c = f->chart;
    double last = c->n > 1 ? (double)(c->n - 1) : 1, step = fmax(ij_chart_tick(last, X_TICKS), 1);
    for (double k = 0; k * step <= last; k++) {
        double x = place_x(f, k * step);
        const char *number = ij_chart_number(k * step, step, text, sizeof text);
        fprintf(out, "<line class=\"axis\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", x, x, HEIGHT - BOTTOM,
                HEIGHT - BOTTOM + 4);
        if (k == 0) /* the axis' name is its first label's */
            fprintf(out, "<text x=\"%d\" y=\"%d\">step 0</text>\n", LEFT - 6, HEIGHT - 7);
        else
            fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>\n", x, HEIGHT - 7,
                    x > WIDTH - RIGHT - 10 ? "end" : "middle", number);
    }
    fprintf(out, "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", LEFT, WIDTH - RIGHT,
            HEIGHT - BOTTOM, HEIGHT - BOTTOM);
}

static void write_epochs(FILE *out, const frame *f)
{
    const ij_chart *c = f->chart;
    if (c->epoch_steps < 1 || c->n / c->epoch_steps > MOST_EPOCH_LINES)
        return;
    for (int64_t step = c->epoch_steps; step < c->n; step += c->epoch_steps) {
        double x = place_x(f, (double)step);
        fprintf(out, "<line class=\"epoch\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>\n", x, x, TOP,
                HEIGHT - BOTTOM);
    }
}

static void write_curve(FILE *out, const frame *f)
{
    bool thinned = false;
    for (int i = 0; i < f->count; i++)
        thinned = thinned || f->points[i].values > 1;
    if (thinned) {
        fputs("<path class=\"band\" d=\"", out);
        for (int i = 0; i < f->count; i++)
            fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', place_x(f, f->points[i].at), place_y(f, f->points[i].most));
        for (int i = f->count - 1; i >= 0; i--)
            fprintf(out, "L%.1f %.1f", place_x(f, f->points[i].at), place_y(f, f->points[i].least));
        fputs("Z\"/>\n", out);
    }
    fputs("<path class=\"line\" d=\"", out);
    for (int i = 0; i < f->count; i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', place_x(f, f->points[i].at), place_y(f, f->points[i].mean));
    fputs("\"/>\n", out);
    for (int i = f->count <= FEW_POINTS ? 0 : f->count - 1; i < f->count; i++)
        fprintf(out, "<circle class=\"dot\" r=\"2.6\" cx=\"%.1f\" cy=\"%.1f\"/>\n", place_x(f, f->points[i].at),
                place_y(f, f->points[i].mean));
}

static void write_caption(FILE *out, const frame *f)
{
    const ij_chart *c = f->chart;
    double last = f->points[f->count - 1].mean;
    char text[32];
    fputs("<figcaption><b>", out);
    ij_html_text(out, c->name);
    fprintf(out, "</b> <span class=\"now\">%s", ij_chart_number(last, fabs(last) / 100 + 1e-12, text, sizeof text));
    ij_html_format(out, "%s%s", *c->unit ? " " : "", c->unit);
    fputs("</span>", out);
    if (*c->remark) {
        fputs("<small>", out);
        ij_html_text(out, c->remark);
        fputs("</small>", out);
    }
    fputs("</figcaption>\n", out);
}

int ij_chart_write(FILE *out, const ij_chart *c)
{
    ij_envelope_point points[MOST_POINTS];
    frame f = {.chart = c, .points = points, .count = ij_envelope(c->y, c->n, points, MOST_POINTS)};
    if (!f.count)
        return 0;
    for (int i = 0; i < f.count; i++) {
        points[i].mean *= c->factor;
        points[i].least *= c->factor;
        points[i].most *= c->factor;
    }
    find_range(&f);
    fputs("<figure class=\"chart\">", out);
    write_caption(out, &f);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, HEIGHT);
    ij_html_format(out, "%s over %lld steps", c->name, (long long)c->n);
    fputs("\">\n", out);
    write_y_axis(out, &f);
    write_epochs(out, &f);
    write_x_axis(out, &f);
    write_curve(out, &f);
    fputs("</svg></figure>\n", out);
    return 1;
}
