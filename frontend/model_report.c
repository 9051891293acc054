#include "frontend/model_report.h"

#include "frontend/message.h"

#include <stdio.h>

const char *ij_model_report_kind(ij_model_file_kind kind)
{
    static const char *const names[] = {[IJ_MODEL_FILE_OWN] = "own",
                                        [IJ_MODEL_FILE_HUGGINGFACE] = "huggingface",
                                        [IJ_MODEL_FILE_OFFICIAL] = "official"};
    return names[kind];
}

static void print_holdings(const ij_model_file_info *info)
{
    const struct {
        bool there;
        const char *name;
    } parts[] = {{info->encoder, "encoder"},
                 {info->predictor, "predictor"},
                 {info->target_encoder, "target encoder"},
                 {info->moments, "optimiser's moments"}};
    const char *comma = "";
    printf("holds:     ");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].there) {
            printf("%s%s", comma, parts[i].name);
            comma = ", ";
        }
    puts("");
}

static void print_count(const char *title, int64_t count)
{
    if (count >= 0)
        printf("%-10s %lld\n", title, (long long)count);
    else
        printf("%-10s unknown\n", title);
}

void ij_model_report(const ij_model_file *file)
{
    static const char *const kinds[] = {[IJ_MODEL_FILE_OWN] = "a checkpoint of this program (safetensors)",
                                        [IJ_MODEL_FILE_HUGGINGFACE] = "Hugging Face's (transformers' IJepaModel)",
                                        [IJ_MODEL_FILE_OFFICIAL] = "the official code's checkpoint (.pth.tar)"};
    const ij_model_file_info *info = ij_model_file_describe(file);
    const ij_model_config *m = &info->model;
    printf("kind:      %s\n", kinds[info->kind]);
    printf("encoder:   width %d, blocks %d, heads %d, MLP %d\n", m->dim, m->depth, m->heads, m->hidden);
    if (info->predictor)
        printf("predictor: width %d, blocks %d\n", m->pred_dim, m->pred_depth);
    printf("images:    %d x %d pixels in patches of %d x %d\n", m->crop, m->crop, m->patch, m->patch);
    print_holdings(info);
    print_count("epoch:", info->epoch);
    print_count("step:", info->iteration);
    for (int i = 0; i < ij_model_file_notes(file); i++)
        ij_complain("note: %s", ij_model_file_note(file, i));
}
