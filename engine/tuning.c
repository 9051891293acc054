#include "engine/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int index_of(const ij_implementation *of)
{
    int i = 0;
    while (ij_implementations[i] != of)
        i++;
    return i;
}

static bool can_build(const ij_device_info *device, const ij_implementation *of)
{
    return !of->lacks || !of->lacks(device);
}

/* ---- The start --------------------------------------------------------------------------------------------------- */

ij_choice *ij_tuning_start_of(ij_tuning *t, const ij_implementation *of)
{
    return &t->start[index_of(of)];
}

/* The first that offers itself and wants weights as the products have them; where none offers itself, the first that
 * can be built. */
static const ij_implementation *first_of(const ij_tuning *t, ij_group group)
{
    const ij_implementation *gemm = t->row[IJ_GROUP_GEMM], *built = NULL;
    for (const ij_implementation *const *i = ij_implementations; *i; i++) {
        bool fits = group != IJ_GROUP_GRADIENT || !gemm || gemm->layout == (*i)->layout;
        if ((*i)->group != group || !fits || !can_build(t->device, *i))
            continue;
        if (!(*i)->offers || (*i)->offers(t->device))
            return *i;
        built = built ? built : *i;
    }
    return built;
}

/* An implementation begins anew where what is common changes. */
static void begin(ij_tuning *t, const ij_implementation *of)
{
    t->start[index_of(of)] = of->start ? of->start(t) : (ij_choice){{0}};
}

void ij_tuning_start(ij_tuning *t, const ij_device_info *device)
{
    memset(t, 0, sizeof *t);
    t->device = device;
    for (int g = IJ_GROUP_GEMM; g < IJ_GROUPS; g++)
        t->row[g] = first_of(t, (ij_group)g);
    t->row[IJ_GROUP_DEVICE] = t->row[IJ_GROUP_GEMM]->common;
    for (int common = 1; common >= 0; common--) /* the common ones first: others begin beside them */
        for (const ij_implementation *const *i = ij_implementations; *i; i++)
            if (((*i)->group == IJ_GROUP_DEVICE) == common)
                begin(t, *i);
}

void ij_tuning_take_one(ij_tuning *t, const ij_implementation *of)
{
    t->row[of->group] = of;
    if (of->group != IJ_GROUP_GEMM)
        return;
    if (of->common)
        t->row[IJ_GROUP_DEVICE] = of->common;
    if (t->row[IJ_GROUP_GRADIENT]->layout != of->layout)
        t->row[IJ_GROUP_GRADIENT] = first_of(t, IJ_GROUP_GRADIENT);
}

/* ---- Other implementations --------------------------------------------------------------------------------------- */

/* Whether a word before "=" means the operation; length 0: any word does. */
static bool means(const char *word, size_t length, ij_group group)
{
    static const struct {
        const char *word;
        ij_group group;
    } more[] = {{"product", IJ_GROUP_GEMM}, {"product", IJ_GROUP_GRADIENT}, {"attention", IJ_GROUP_ATTENTION_BACKWARD}};
    if (group == IJ_GROUP_DEVICE)
        return false;
    const char *name = ij_group_name(group);
    bool same = length == 0 || (strlen(name) == length && strncmp(name, word, length) == 0);
    for (size_t i = 0; i < sizeof more / sizeof *more && !same; i++)
        same = more[i].group == group && strlen(more[i].word) == length && strncmp(more[i].word, word, length) == 0;
    return same;
}

static const char *take_word(ij_tuning *t, const char *word, size_t length)
{
    static char why[256];
    const char *equals = memchr(word, '=', length), *name = equals ? equals + 1 : word;
    size_t operation = equals ? (size_t)(equals - word) : 0, rest = length - (size_t)(name - word);
    int taken = 0;
    for (int g = 0; g < IJ_GROUPS; g++) {
        if (!means(word, operation, (ij_group)g))
            continue;
        const ij_implementation *of = ij_implementation_named((ij_group)g, name, rest);
        if (!of && equals) {
            snprintf(why, sizeof why, "there is no %s called \"%.*s\"", ij_group_name((ij_group)g), (int)rest, name);
            return why;
        }
        if (!of)
            continue;
        const char *lacks = of->lacks ? of->lacks(t->device) : NULL;
        if (lacks) {
            snprintf(why, sizeof why, "%s=%s cannot be built on this device: %s", ij_group_name((ij_group)g), of->name,
                     lacks);
            return why;
        }
        ij_tuning_take_one(t, of);
        taken++;
    }
    if (taken)
        return NULL;
    snprintf(why, sizeof why, "nothing is called \"%.*s\"", (int)length, word);
    return why;
}

const char *ij_tuning_take(ij_tuning *t, const char *words)
{
    while (*(words += strspn(words, " "))) {
        size_t length = strcspn(words, " ");
        const char *why = take_word(t, words, length);
        if (why)
            return why;
        words += length;
    }
    if (t->row[IJ_GROUP_GEMM]->layout != t->row[IJ_GROUP_GRADIENT]->layout)
        return "gemm and gradient want weights in different layouts";
    return NULL;
}

/* ---- Questions --------------------------------------------------------------------------------------------------- */

bool ij_tuning_allows(const ij_tuning *t, const ij_implementation *of)
{
    return can_build(t->device, of) && of->layout == t->row[of->group]->layout;
}

const char *ij_choice_illegal(const ij_tuning *t, const ij_implementation *of, const ij_choice *choice)
{
    return of->illegal ? of->illegal(t, choice) : NULL;
}

size_t ij_tuning_local_bytes(const ij_tuning *t, const ij_implementation *of, const ij_choice *choice, int width)
{
    return of->local_bytes ? of->local_bytes(t, choice, width) : 0;
}

static const ij_tuned *tuned_for(const ij_tuning *t, ij_group group, int shape0, int shape1)
{
    for (int i = 0; i < t->tuned_count; i++)
        if (t->tuned[i].of->group == group && t->tuned[i].shape[0] == shape0 && t->tuned[i].shape[1] == shape1)
            return &t->tuned[i];
    return NULL;
}

const ij_implementation *ij_row_for(const ij_tuning *t, ij_group group, int shape0, int shape1)
{
    const ij_tuned *tuned = tuned_for(t, group, shape0, shape1);
    return tuned ? tuned->of : t->row[group];
}

const ij_choice *ij_choice_for(const ij_tuning *t, const ij_implementation *of, int shape0, int shape1)
{
    const ij_tuned *tuned = tuned_for(t, of->group, shape0, shape1);
    if (tuned && tuned->of == of)
        return &tuned->choice;
    const ij_choice *start = &t->start[index_of(of)];
    return of->fit ? of->fit(t, start, shape0) : start;
}

int ij_param_value(const ij_tuning *t, const ij_implementation *of, const char *macro, int shape0, int shape1)
{
    int value = ij_choice_value(of, ij_choice_for(t, of, shape0, shape1), macro);
    return value || !of->common ? value : ij_choice_value(of->common, &t->start[index_of(of->common)], macro);
}

static bool append(const ij_implementation *of, const ij_choice *choice, char *options, size_t size)
{
    size_t used = strlen(options);
    for (int i = 0; i < of->count && used < size; i++)
        used += (size_t)snprintf(options + used, size - used, " -D%s=%d", of->params[i].macro, choice->value[i]);
    return used < size;
}

bool ij_tuning_options(const ij_tuning *t, const ij_implementation *of, int shape0, int shape1, char *options,
                       size_t size)
{
    return (!of->common || append(of->common, &t->start[index_of(of->common)], options, size)) &&
           append(of, ij_choice_for(t, of, shape0, shape1), options, size);
}

static bool forget(ij_tuning *t, const ij_implementation *of)
{
    int kept = 0, before = t->tuned_count;
    for (int k = 0; k < before; k++)
        if (t->tuned[k].of != of)
            t->tuned[kept++] = t->tuned[k];
    t->tuned_count = kept;
    return kept < before;
}

bool ij_tuning_shrink(ij_tuning *t, const ij_implementation *of)
{
    if (forget(t, of))
        return true;
    int i = index_of(of), *used = &t->shrunk[i];
    const ij_choice *next = NULL;
    while (*used < of->smaller_count && !next) {
        const ij_choice *choice = &of->smaller[(*used)++];
        bool other = memcmp(choice, &t->start[i], sizeof *choice) != 0;
        next = other && !ij_choice_illegal(t, of, choice) ? choice : NULL;
    }
    if (next)
        t->start[i] = *next;
    return next != NULL;
}

bool ij_tuning_put(ij_tuning *t, ij_tuned tuned)
{
    for (int i = 0; i < t->tuned_count; i++)
        if (t->tuned[i].of->group == tuned.of->group &&
            memcmp(t->tuned[i].shape, tuned.shape, sizeof tuned.shape) == 0) {
            t->tuned[i] = tuned;
            return true;
        }
    ij_tuned *longer = realloc(t->tuned, (size_t)(t->tuned_count + 1) * sizeof *longer);
    if (!longer)
        return false;
    t->tuned = longer;
    t->tuned[t->tuned_count++] = tuned;
    return true;
}
