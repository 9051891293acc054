/* A curve over a run's steps as inline SVG: one line, behind it the range that it stands for where the run is long,
 * axes with few round ticks, the last value as text. Colours are the page's (report_page.c). */
#ifndef IJ_FRONTEND_SVG_CHART_H
#define IJ_FRONTEND_SVG_CHART_H

#include <stdint.h>
#include <stdio.h>

typedef struct ij_chart {
    const char *name;   /* "loss" */
    const char *unit;   /* behind numbers; "" */
    const char *remark; /* one short line below the name; "" */
    const double *y;    /* [n] by step, not finite where nothing was measured */
    int64_t n;
    int64_t epoch_steps; /* dashed lines where epochs end, if there are few; 0: not known */
    double factor;       /* by which y is multiplied before it is shown: 100 for shares in per cent */
} ij_chart;

/* Writes a <figure>; nothing where no value is finite. Returns whether it wrote. */
int ij_chart_write(FILE *out, const ij_chart *chart);

/* The round distance (1, 2 or 5 times a power of ten) at which about `count` ticks cover `range` > 0. */
double ij_chart_tick(double range, int count);

/* The value as short text for an axis with ticks `step` apart: "0.05", "12k", "3e-5". Returns `text`. */
const char *ij_chart_number(double value, double step, char *text, size_t size);

#endif
