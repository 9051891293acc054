/* A folder that transformers loads as IJepaModel. Its names are older than today's transformers, which writes and
 * renames them the same way, so every version that knows I-JEPA reads them. */
#include "engine/files/export.h"
#include "engine/files/export_tensors.h"
#include "engine/files/model_card.h"
#include "engine/files/whole_folder.h"

#include "engine/base/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Tensors
 * ---------------------------------------------------------------------------------------------------------- */

/* What stands before .weight or .bias there, within a block behind its number. */
static const char *const theirs[IJ_PLACES] = {[IJ_AT_EMBED] = "embeddings.patch_embeddings.projection",
                                              [IJ_AT_NORM1] = "layernorm_before",
                                              [IJ_AT_PROJ] = "attention.output.dense",
                                              [IJ_AT_NORM2] = "layernorm_after",
                                              [IJ_AT_FC1] = "intermediate.dense",
                                              [IJ_AT_FC2] = "output.dense",
                                              [IJ_AT_NORM] = "layernorm"};
static const char *const projections[] = {"query", "key", "value"};

/* Appends a tensor under its name there, or the three tensors that it is there. */
static ij_status append(ij_export_list *list, ij_network network, const ij_layer_tensor *tensor)
{
    char source[IJ_EXPORT_NAME], block[32] = "", name[IJ_EXPORT_NAME];
    const char *kind = tensor->bias ? "bias" : "weight";
    snprintf(source, sizeof source, "%s.%s", ij_network_name(network), tensor->name);
    if (tensor->table)
        return ij_export_append(list, "embeddings.position_embeddings", tensor, source, 0, 1);
    if (tensor->block >= 0)
        snprintf(block, sizeof block, "encoder.layer.%d.", tensor->block);
    if (tensor->place == IJ_AT_QKV) {
        for (int part = 0; part < 3; part++) {
            snprintf(name, sizeof name, "%sattention.attention.%s.%s", block, projections[part], kind);
            TRY(ij_export_append(list, name, tensor, source, part, 3));
        }
        return IJ_OK;
    }
    snprintf(name, sizeof name, "%s%s.%s", block, theirs[tensor->place], kind);
    return ij_export_append(list, name, tensor, source, 0, 1);
}

static ij_status append_encoder(ij_export_list *list, ij_network network)
{
    ij_layer_tensor *tensors;
    int count;
    TRY(ij_export_network(list->file, network, false, &tensors, &count));
    ij_status status = IJ_OK;
    for (int i = 0; i < count && !status; i++)
        status = append(list, network, &tensors[i]);
    free(tensors);
    return status;
}

/* ---- The JSON files
 * --------------------------------------------------------------------------------------------------- */

/* The shortest decimal number that is this float: 1e-06, not the 9.99999997e-07 that its double prints as. */
static const char *print_float(float value, char text[32])
{
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, 32, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return text;
}

/* torch_dtype was the only name for it before version 5 of transformers; later ones take it too. */
static ij_status write_config(ij_whole_folder *folder, const ij_model_config *m, ij_dtype dtype)
{
    char text[1024], eps[32];
    snprintf(text, sizeof text,
             "{\n"
             "  \"model_type\": \"ijepa\",\n"
             "  \"architectures\": [\"IJepaModel\"],\n"
             "  \"image_size\": %d,\n"
             "  \"patch_size\": %d,\n"
             "  \"num_channels\": 3,\n"
             "  \"hidden_size\": %d,\n"
             "  \"num_hidden_layers\": %d,\n"
             "  \"num_attention_heads\": %d,\n"
             "  \"intermediate_size\": %d,\n"
             "  \"hidden_act\": \"gelu\",\n"
             "  \"qkv_bias\": true,\n"
             "  \"layer_norm_eps\": %s,\n"
             "  \"hidden_dropout_prob\": 0.0,\n"
             "  \"attention_probs_dropout_prob\": 0.0,\n"
             "  \"initializer_range\": 0.02,\n"
             "  \"torch_dtype\": \"%s\"\n"
             "}\n",
             m->crop, m->patch, m->dim, m->depth, m->heads, m->hidden, print_float(m->norm_eps, eps),
             dtype == IJ_F16    ? "float16"
             : dtype == IJ_BF16 ? "bfloat16"
                                : "float32");
    return ij_whole_folder_write(folder, "config.json", text);
}

/* The normalisation that training uses; resample 2 is Pillow's number of bilinear. */
static ij_status write_preprocessor(ij_whole_folder *folder, const ij_model_config *m)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\n"
             "  \"image_processor_type\": \"ViTImageProcessor\",\n"
             "  \"do_convert_rgb\": true,\n"
             "  \"do_resize\": true,\n"
             "  \"size\": {\"height\": %d, \"width\": %d},\n"
             "  \"resample\": 2,\n"
             "  \"do_rescale\": true,\n"
             "  \"rescale_factor\": 0.00392156862745098,\n"
             "  \"do_normalize\": true,\n"
             "  \"image_mean\": [0.485, 0.456, 0.406],\n"
             "  \"image_std\": [0.229, 0.224, 0.225]\n"
             "}\n",
             m->crop, m->crop);
    return ij_whole_folder_write(folder, "preprocessor_config.json", text);
}

/* ---- The folder
 * ------------------------------------------------------------------------------------------------------- */

static ij_status write_weights(ij_whole_folder *folder, ij_model_file *file, ij_network network, ij_dtype dtype)
{
    static const char *const metadata[1][2] = {{"format", "pt"}};
    ij_export_list list = {.file = file};
    ij_status status = append_encoder(&list, network);
    if (!status)
        status = ij_export_list_write(&list, ij_whole_folder_place(folder, "model.safetensors"), dtype, metadata, 1);
    ij_export_list_free(&list);
    return status;
}

static ij_status fill(ij_whole_folder *folder, ij_model_file *file, ij_network network, ij_dtype dtype)
{
    const ij_model_config *model = &ij_model_file_describe(file)->model;
    TRY(write_config(folder, model, dtype));
    TRY(write_preprocessor(folder, model));
    char *card;
    TRY(ij_model_card(file, network, dtype, &card));
    ij_status status = ij_whole_folder_write(folder, "README.md", card);
    free(card);
    return status ? status : write_weights(folder, file, network, dtype);
}

ij_status ij_export_huggingface(ij_model_file *file, const char *path, ij_network network, ij_dtype dtype)
{
    if (!ij_export_holds(file, network))
        return ij_fail(IJ_EINVAL, "the file holds no %s encoder", network == IJ_NETWORK_TARGET ? "target" : "context");
    ij_whole_folder *folder;
    TRY(ij_whole_folder_create(&folder, path));
    ij_status status = fill(folder, file, network, dtype);
    if (status) {
        ij_whole_folder_abandon(folder);
        return status;
    }
    return ij_whole_folder_finish(folder);
}
