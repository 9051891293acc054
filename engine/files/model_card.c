#include "engine/files/model_card.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char front_matter[] = "---\n"
                                   "library_name: transformers\n"
                                   "pipeline_tag: image-feature-extraction\n"
                                   "tags:\n"
                                   "- i-jepa\n"
                                   "- ijepa-cl\n"
                                   "- self-supervised-learning\n"
                                   "- vision\n"
                                   "---\n\n";

static const char *dtype_name(ij_dtype dtype)
{
    return dtype == IJ_F16 ? "float16" : dtype == IJ_BF16 ? "bfloat16" : "float32";
}

/* Weights of one encoder, the position table not counted. */
static int64_t weights(const ij_model_config *m)
{
    int64_t d = m->dim, h = m->hidden, patch = 3 * (int64_t)m->patch * m->patch;
    int64_t block = 4 * d + (3 * d * d + 3 * d) + (d * d + d) + (2 * d * h + h + d);
    return d * patch + d + m->depth * block + 2 * d;
}

static void write_model(FILE *out, const ij_model_file_info *info, ij_network network, ij_dtype dtype)
{
    static const char *const origins[] = {[IJ_MODEL_FILE_OWN] = "a safetensors file with the official names",
                                          [IJ_MODEL_FILE_HUGGINGFACE] = "a model of transformers",
                                          [IJ_MODEL_FILE_OFFICIAL] = "a checkpoint of the official code"};
    const ij_model_config *m = &info->model;
    fputs("# I-JEPA image encoder\n\n"
          "A Vision Transformer pre-trained on images without labels by the method of I-JEPA\n"
          "([Assran et al. 2023](https://arxiv.org/abs/2301.08243)): a predictor guesses the features of hidden blocks "
          "of\n"
          "an image from the rest of it. Written by `ijepa export` of ijepa-cl.\n\n"
          "| | |\n|---|---|\n",
          out);
    fprintf(out, "| encoder | %s |\n",
            network == IJ_NETWORK_TARGET ? "the target encoder, the moving average that features are taken from"
                                         : "the context encoder, as the optimiser left it");
    fprintf(out, "| made from | %s |\n", origins[info->kind]);
    fprintf(out, "| image | %d x %d pixels, patches of %d x %d |\n", m->crop, m->crop, m->patch, m->patch);
    fprintf(out, "| width, blocks, heads, MLP | %d, %d, %d, %d |\n", m->dim, m->depth, m->heads, m->hidden);
    fprintf(out, "| weights | %" PRId64 ", %s |\n\n", weights(m), dtype_name(dtype));
}

static void write_use(FILE *out)
{
    fputs("## Use\n\n"
          "```python\n"
          "import torch\n"
          "from PIL import Image\n"
          "from transformers import AutoImageProcessor, AutoModel\n\n"
          "folder = \".\"  # this folder, or its name on the Hub\n"
          "processor = AutoImageProcessor.from_pretrained(folder)\n"
          "model = AutoModel.from_pretrained(folder)\n"
          "inputs = processor(Image.open(\"image.jpg\"), return_tensors=\"pt\")\n"
          "with torch.no_grad():\n"
          "    patches = model(**inputs).last_hidden_state  # [1, patches, width]\n"
          "feature = patches.mean(dim=1)\n"
          "```\n\n",
          out);
}

/* Indented, so that nothing in it can be taken for Markdown. */
static void write_indented(FILE *out, const char *text)
{
    fputs("    ", out);
    for (const char *c = text; *c; c++) {
        fputc(*c, out);
        if (*c == '\n' && c[1])
            fputs("    ", out);
    }
    fputs("\n", out);
}

static void write_training(FILE *out, const ij_model_file *file)
{
    const ij_model_file_info *info = ij_model_file_describe(file);
    const char *seed = ij_model_file_metadata(file, "seed"), *config = ij_model_file_metadata(file, "config");
    fputs("## Training\n\n", out);
    if (info->epoch >= 0)
        fprintf(out, "- complete epochs: %" PRId64 "\n", info->epoch);
    else
        fputs("- epochs: not recorded\n", out);
    if (info->iteration >= 0)
        fprintf(out, "- optimiser steps: %" PRId64 "\n", info->iteration);
    else
        fputs("- optimiser steps: not recorded\n", out);
    fprintf(out, "- seed: %s\n", seed ? seed : "not recorded");
    if (config) {
        fputs("- configuration, the data's path in `[data]` included:\n\n", out);
        write_indented(out, config);
    } else {
        fputs("- configuration and data: not recorded in the file this was made from\n", out);
    }
    fputs("\n## Evaluation\n\nNot recorded in the file this was made from.\n", out);
}

ij_status ij_model_card(const ij_model_file *file, ij_network network, ij_dtype dtype, char **text)
{
    size_t length;
    *text = NULL;
    FILE *out = open_memstream(text, &length);
    if (!out)
        return ij_fail(IJ_ENOMEM, "no memory for a model card");
    fputs(front_matter, out);
    write_model(out, ij_model_file_describe(file), network, dtype);
    write_use(out);
    write_training(out, file);
    int failed = ferror(out);
    if (fclose(out) || failed) {
        free(*text);
        *text = NULL;
        return ij_fail(IJ_ENOMEM, "no memory for a model card");
    }
    return IJ_OK;
}
