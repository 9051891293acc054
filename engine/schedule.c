#include "engine/schedule.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

int64_t ij_schedule_length(const ij_schedule *s)
{
    return s->steps ? s->steps : s->epochs * s->ipe;
}

static double momentum(const ij_schedule *c, int64_t i)
{
    double length = (double)ij_schedule_length(c);
    if (c->ema_horizon > 0)
        return fmax(0, 1 - 1 / (c->ema_horizon * length));
    return c->ema_start + (double)i * (c->ema_final - c->ema_start) / (length * c->ipe_scale);
}

ij_hyper ij_schedule_at(const ij_schedule *c, int64_t i)
{
    /* The official schedulers step before they answer: iteration i uses step s = i + 1. */
    double s = (double)(i + 1);
    double total = floor(c->ipe_scale * (double)ij_schedule_length(c));
    double warmup = floor(c->warmup * (double)c->ipe);
    ij_hyper h;
    if (s < warmup) {
        h.lr = c->lr_start + s / warmup * (c->lr_ref - c->lr_start);
    } else {
        double rest = fmax(1.0, total - warmup);
        h.lr = c->lr_final + (c->lr_ref - c->lr_final) * 0.5 * (1.0 + cos(pi * (s - warmup) / rest));
        h.lr = fmax(h.lr, c->lr_final);
    }
    h.wd = c->wd_final + (c->wd_start - c->wd_final) * 0.5 * (1.0 + cos(pi * s / total));
    h.wd = c->wd_final <= c->wd_start ? fmax(h.wd, c->wd_final) : fmin(h.wd, c->wd_final);
    h.features_from = llround(c->pixel_start * (double)ij_schedule_length(c));
    h.ema = i < h.features_from ? 0 : momentum(c, i);
    return h;
}
