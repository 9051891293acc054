#include "engine/ops/implementations.h"

const ij_implementation *const ij_implementations[] = {
    &ij_common_item,
    &ij_common_group,
    &ij_rows_group,
    &ij_rows_item,
    &ij_gemm_tile.kernels,
    &ij_gemm_panel.kernels,
    &ij_gemm_subgroup.kernels,
    &ij_gemm_clblast.kernels,
    &ij_gradient_tile.kernels,
    &ij_gradient_packed.kernels,
    &ij_gradient_panel.kernels,
    &ij_gradient_clblast.kernels,
    &ij_attention_tile.kernels,
    &ij_attention_panel.kernels,
    &ij_attention_tile_backward.kernels,
    &ij_attention_panel_backward.kernels,
    NULL,
};
