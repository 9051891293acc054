#include "data/augment.h"

#include <math.h>

static double between(const double range[2], ij_random *random)
{
    return range[0] + (range[1] - range[0]) * (double)ij_random_uniform(random);
}

static ij_view whole_box(int x, int y, int width, int height)
{
    return (ij_view){.rect = {x, y, width, height}, .box = {x, y, x + width, y + height}};
}

/* The largest crop in the middle whose ratio is allowed. */
static ij_view centre(const double ratio[2], int width, int height)
{
    double w = width, h = height;
    if (w / h < ratio[0])
        h = rint(w / ratio[0]);
    else if (w / h > ratio[1])
        w = rint(h * ratio[1]);
    int crop_width = w < 1 ? 1 : (int)w, crop_height = h < 1 ? 1 : (int)h;
    return whole_box((width - crop_width) / 2, (height - crop_height) / 2, crop_width, crop_height);
}

static ij_view crop(const ij_augment_config *config, int width, int height, ij_random *random)
{
    double area = (double)width * height, log_ratio[2] = {log(config->ratio[0]), log(config->ratio[1])};
    for (int attempt = 0; attempt < 10; attempt++) {
        double target = area * between(config->scale, random);
        double ratio = exp(between(log_ratio, random));
        double w = rint(sqrt(target * ratio)), h = rint(sqrt(target / ratio));
        if (w < 1 || h < 1 || w > width || h > height)
            continue;
        int crop_width = (int)w, crop_height = (int)h;
        int y = (int)ij_random_below(random, (uint32_t)(height - crop_height + 1));
        int x = (int)ij_random_below(random, (uint32_t)(width - crop_width + 1));
        return whole_box(x, y, crop_width, crop_height);
    }
    return centre(config->ratio, width, height);
}

ij_view ij_augment_draw(const ij_augment_config *config, int width, int height, ij_random *random)
{
    ij_view view = crop(config, width, height, random);
    view.flip = (double)ij_random_uniform(random) < config->flip;
    return view;
}

static bool happens(double probability, ij_random *random)
{
    return probability > 0 && (double)ij_random_uniform(random) < probability;
}

static void add(ij_look *look, ij_colour_change change, double amount)
{
    look->change[look->changes].change = change;
    look->change[look->changes++].amount = amount;
}

/* ColorJitter's get_params: four amounts, and the order of the four changes. */
static void draw_jitter(double strength, ij_random *random, ij_look *look)
{
    double reach = 0.8 * strength;
    const double by[2] = {fmax(1 - reach, 0), 1 + reach}, turn[2] = {-0.2 * strength, 0.2 * strength};
    ij_colour_change order[] = {IJ_COLOUR_BRIGHTNESS, IJ_COLOUR_CONTRAST, IJ_COLOUR_SATURATION, IJ_COLOUR_HUE};
    for (uint32_t i = 3; i > 0; i--) {
        uint32_t other = ij_random_below(random, i + 1);
        ij_colour_change kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (int i = 0; i < 4; i++)
        add(look, order[i], between(order[i] == IJ_COLOUR_HUE ? turn : by, random));
}

ij_look ij_augment_look(const ij_augment_config *config, ij_random *random)
{
    static const double radius[2] = {0.1, 2};
    ij_look look = {0};
    if (config->strength > 0 && happens(config->jitter, random))
        draw_jitter(config->strength, random, &look);
    if (happens(config->grey, random))
        add(&look, IJ_COLOUR_GREY, 0);
    if (happens(config->blur, random))
        look.blur = between(radius, random);
    return look;
}

/* One direction of Resize + CenterCrop: `resized` pixels of which `size` in the middle are shown, from `source`. */
static void eval_axis(int source, int resized, int size, int *first, int *count, double *from, double *to)
{
    double scale = (double)source / resized, reach = fmax(scale, 1);
    double offset = rint((resized - size) / 2.0);
    *from = offset * scale;
    *to = (offset + size) * scale;
    double begin = fmax(floor(*from - reach), 0), end = fmin(ceil(*to + reach), source);
    *first = (int)begin;
    *count = (int)(end - begin);
}

ij_view ij_augment_eval(int width, int height, int size, ij_fit fit)
{
    if (fit != IJ_FIT_SHORTER)
        return whole_box(0, 0, width, height);
    int side = (int)(size * 256LL / 224), resized_width = side, resized_height = side;
    if (width <= height)
        resized_height = (int)((double)side * height / width);
    else
        resized_width = (int)((double)side * width / height);
    ij_view view = {.flip = false};
    eval_axis(width, resized_width, size, &view.rect.x, &view.rect.width, &view.box.left, &view.box.right);
    eval_axis(height, resized_height, size, &view.rect.y, &view.rect.height, &view.box.top, &view.box.bottom);
    return view;
}
