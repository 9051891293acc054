#include "engine/probe/lbfgs.h"

#include "engine/probe/vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VECTORS = 5 + 2 * IJ_LBFGS_MEMORY, MOST_TRIES = 30 };

/* A step ends where the slope is between these shares of its start: less steep, and not as steep uphill. */
static const double steep = 0.9, uphill = -0.8;

ij_status ij_lbfgs_create(ij_lbfgs *m, size_t n)
{
    *m = (ij_lbfgs){.n = n};
    m->memory = calloc(VECTORS * n + 1, sizeof *m->memory);
    if (!m->memory)
        return ij_fail(IJ_ENOMEM, "no host memory for %d vectors of %zu weights", (int)VECTORS, n);
    float **own[] = {&m->point, &m->base, &m->gradient, &m->direction, &m->room}, *at = m->memory;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++, at += n)
        *own[i] = at;
    for (int i = 0; i < IJ_LBFGS_MEMORY; i++, at += 2 * n) {
        m->step[i] = at;
        m->change[i] = at + n;
    }
    ij_lbfgs_begin(m);
    return IJ_OK;
}

void ij_lbfgs_destroy(ij_lbfgs *m)
{
    free(m->memory);
    *m = (ij_lbfgs){0};
}

void ij_lbfgs_begin(ij_lbfgs *m)
{
    m->known = m->next = 0;
    m->scale = 1;
    m->begun = false;
}

/* Keeps the pair that the step from `base` to `point` gave, where the curvature along it shows. */
static void remember(ij_lbfgs *m, const float *gradient, ij_lbfgs_precondition *precondition, const void *how)
{
    float *step = m->step[m->next], *change = m->change[m->next];
    for (size_t i = 0; i < m->n; i++) {
        step[i] = m->point[i] - m->base[i];
        change[i] = gradient[i] - m->gradient[i];
    }
    double curvature = ij_dot(step, change, m->n);
    if (!(curvature > 0))
        return;
    memcpy(m->room, change, m->n * sizeof *change);
    precondition(how, m->room);
    double expected = ij_dot(change, m->room, m->n);
    m->scale = expected > 0 ? curvature / expected : 1;
    m->curvature[m->next] = curvature;
    m->next = (m->next + 1) % IJ_LBFGS_MEMORY;
    m->known += m->known < IJ_LBFGS_MEMORY;
}

/* The way to go: minus the inverse of the curvature, as far as it is known, times the gradient. */
static void choose_direction(ij_lbfgs *m, ij_lbfgs_precondition *precondition, const void *how)
{
    double part[IJ_LBFGS_MEMORY];
    float *d = m->direction;
    for (size_t i = 0; i < m->n; i++)
        d[i] = -m->gradient[i];
    for (int k = 1; k <= m->known; k++) {
        int at = (m->next - k + IJ_LBFGS_MEMORY) % IJ_LBFGS_MEMORY;
        part[at] = ij_dot(m->step[at], d, m->n) / m->curvature[at];
        ij_add_scaled(d, -part[at], m->change[at], m->n);
    }
    precondition(how, d);
    for (size_t i = 0; i < m->n; i++)
        d[i] *= (float)m->scale;
    for (int k = m->known; k >= 1; k--) {
        int at = (m->next - k + IJ_LBFGS_MEMORY) % IJ_LBFGS_MEMORY;
        ij_add_scaled(d, part[at] - ij_dot(m->change[at], d, m->n) / m->curvature[at], m->step[at], m->n);
    }
}

static void place(ij_lbfgs *m)
{
    float length = (float)m->length;
    for (size_t i = 0; i < m->n; i++)
        m->point[i] = m->base[i] + length * m->direction[i];
}

/* Makes `point`, whose gradient this is, the base of the next step. */
static bool begin_step(ij_lbfgs *m, const float *gradient, ij_lbfgs_precondition *precondition, const void *how)
{
    memcpy(m->base, m->point, m->n * sizeof *m->base);
    memcpy(m->gradient, gradient, m->n * sizeof *m->gradient);
    choose_direction(m, precondition, how);
    m->start = ij_dot(m->gradient, m->direction, m->n);
    if (!(m->start < 0) && m->known) { /* rounding: begin anew from here */
        ij_lbfgs_begin(m);
        choose_direction(m, precondition, how);
        m->start = ij_dot(m->gradient, m->direction, m->n);
    }
    if (!(m->start < 0))
        return false;
    m->begun = true;
    m->length = 1;
    m->near = m->far = m->far_slope = 0;
    m->near_slope = m->start;
    m->tries = 0;
    place(m);
    return true;
}

bool ij_lbfgs_advance(ij_lbfgs *m, const float *gradient, ij_lbfgs_precondition *precondition, const void *how)
{
    if (!m->begun)
        return begin_step(m, gradient, precondition, how);
    double slope = ij_dot(gradient, m->direction, m->n);
    bool too_short = slope < steep * m->start, too_long = !(slope <= uphill * m->start);
    if (!too_short && !too_long) {
        remember(m, gradient, precondition, how);
        return begin_step(m, gradient, precondition, how);
    }
    if (++m->tries > MOST_TRIES) {
        memcpy(m->point, m->base, m->n * sizeof *m->point);
        return false;
    }
    if (too_short) {
        m->near = m->length;
        m->near_slope = slope;
    } else {
        m->far = m->length;
        m->far_slope = slope;
    }
    if (m->far > 0) { /* where the slope is zero if it changes evenly, but well between the two */
        double share = m->near_slope / (m->near_slope - m->far_slope);
        share = isfinite(share) ? fmin(fmax(share, 0.1), 0.9) : 0.1;
        m->length = m->near + share * (m->far - m->near);
    } else
        m->length *= 4;
    place(m);
    return true;
}
