#include "engine/implementation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ij_choice_value(const ij_implementation *of, const ij_choice *choice, const char *macro)
{
    for (int i = 0; i < of->count; i++)
        if (strcmp(of->params[i].macro, macro) == 0)
            return choice->value[i];
    return 0;
}

const char *ij_source_file(const ij_implementation *of, const char *source)
{
    const char *prefix = ij_common_of(of)->prefix ? ij_common_of(of)->prefix : "";
    size_t skipped = strlen(prefix);
    for (int i = 0; i < IJ_MOST_SOURCES && of->sources[i]; i++) {
        const char *file = of->sources[i];
        if (strcmp(file, source) == 0 || (strncmp(file, prefix, skipped) == 0 && strcmp(file + skipped, source) == 0))
            return file;
    }
    return NULL;
}

const ij_implementation *ij_common_of(const ij_implementation *of)
{
    return of->common ? of->common : of;
}

const char *ij_group_name(ij_group group)
{
    static const char *const names[IJ_GROUPS] = {[IJ_GROUP_DEVICE] = "device",
                                                 [IJ_GROUP_GEMM] = "gemm",
                                                 [IJ_GROUP_GRADIENT] = "gradient",
                                                 [IJ_GROUP_ATTENTION] = "attention",
                                                 [IJ_GROUP_ATTENTION_BACKWARD] = "attention_backward",
                                                 [IJ_GROUP_ROWS] = "rows"};
    return names[group];
}

const ij_implementation *ij_implementation_named(ij_group group, const char *name, size_t length)
{
    for (const ij_implementation *const *i = ij_implementations; *i; i++)
        if ((*i)->group == group && strlen((*i)->name) == length && strncmp((*i)->name, name, length) == 0)
            return *i;
    return NULL;
}

/* ---- Choices as text --------------------------------------------------------------------------------------------- */

void ij_choice_print(const ij_implementation *of, const ij_choice *choice, char *text, size_t size)
{
    size_t used = 0;
    *text = 0;
    for (int i = 0; i < of->count && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s=%d", i ? " " : "", of->params[i].macro, choice->value[i]);
}

static bool has_value(const ij_param *param, int value)
{
    for (int i = 0; i < IJ_MOST_VALUES && param->values[i]; i++)
        if (param->values[i] == value)
            return true;
    return false;
}

const char *ij_choice_parse(const ij_implementation *of, const char *text, ij_choice *choice)
{
    int found = 0;
    memset(choice, 0, sizeof *choice);
    while (*(text += strspn(text, " \t"))) {
        size_t name = strcspn(text, "= \t");
        int i = 0;
        while (i < of->count && (strlen(of->params[i].macro) != name || strncmp(of->params[i].macro, text, name) != 0))
            i++;
        if (i == of->count)
            return "a parameter that these kernels do not have";
        if (text[name] != '=')
            return "a parameter without a value";
        char *end;
        long value = strtol(text + name + 1, &end, 10);
        bool ends = end != text + name + 1 && (!*end || *end == ' ' || *end == '\t');
        if (!ends || !has_value(&of->params[i], (int)value))
            return "a value that the parameter does not have";
        choice->value[i] = (int)value;
        found |= 1 << i;
        text = end;
    }
    return found == (1 << of->count) - 1 ? NULL : "a parameter is missing";
}

ij_choice ij_choice_first(const ij_implementation *of)
{
    ij_choice choice = {{0}};
    for (int i = 0; i < of->count; i++)
        choice.value[i] = of->params[i].values[0];
    return choice;
}

bool ij_choice_next(const ij_implementation *of, ij_choice *choice)
{
    for (int i = of->count - 1; i >= 0; i--) {
        const int *values = of->params[i].values;
        int at = 0;
        while (at < IJ_MOST_VALUES && values[at] && values[at] != choice->value[i])
            at++;
        if (at + 1 < IJ_MOST_VALUES && values[at + 1]) {
            choice->value[i] = values[at + 1];
            return true;
        }
        choice->value[i] = values[0];
    }
    return false;
}
