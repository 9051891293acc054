/* Plain safetensors: the weights under their official names, with what the file says about the model. */
#include "engine/files/export.h"
#include "engine/files/export_tensors.h"
#include "engine/files/model_metadata.h"

#include "engine/base/try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static ij_status append_network(ij_export_list *list, ij_network network)
{
    ij_layer_tensor *tensors;
    int count;
    TRY(ij_export_network(list->file, network, true, &tensors, &count));
    ij_status status = IJ_OK;
    for (int i = 0; i < count && !status; i++) {
        char name[IJ_EXPORT_NAME];
        snprintf(name, sizeof name, "%s.%s", ij_network_name(network), tensors[i].name);
        status = ij_export_append(list, name, &tensors[i], name, 0, 1);
    }
    free(tensors);
    return status;
}

/* The predictor's sizes do not go with a file that has none. */
static void drop_predictor(ij_model_metadata *m)
{
    int kept = 0;
    for (int i = 0; i < m->count; i++) {
        if (strncmp(m->pair[i][0], "model.pred_", strlen("model.pred_")) == 0)
            continue;
        m->pair[kept][0] = m->pair[i][0];
        m->pair[kept++][1] = m->pair[i][1];
    }
    m->count = kept;
}

ij_status ij_export_safetensors(ij_model_file *file, const char *path, unsigned networks, ij_dtype dtype)
{
    ij_export_list list = {.file = file};
    ij_status status = IJ_OK;
    for (int n = 0; n < IJ_NETWORKS && !status; n++)
        if (networks & 1u << n && ij_export_holds(file, (ij_network)n))
            status = append_network(&list, (ij_network)n);
    if (!status && !list.count)
        status = ij_fail(IJ_EINVAL, "the file does not hold what is to be exported");
    if (!status) {
        ij_model_metadata metadata;
        ij_model_metadata_of(&metadata, file);
        if (!(networks & 1u << IJ_NETWORK_PREDICTOR))
            drop_predictor(&metadata);
        status = ij_export_list_write(&list, path, dtype, (const char *const(*)[2])metadata.pair, metadata.count);
    }
    ij_export_list_free(&list);
    return status;
}
