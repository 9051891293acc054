/* The implementations there are, each declared where it is listed and defined in the file of its name. */
#ifndef IJ_OPS_IMPLEMENTATIONS_H
#define IJ_OPS_IMPLEMENTATIONS_H

#include "engine/ops/attention_row.h"
#include "engine/ops/product.h"

/* What kernels have in common (common.c). item: a work-group is one work-item, which holds a tile in vector registers
 * and meets no barrier. group: a work-group's items share a tile through local memory. */
extern const ij_implementation ij_common_item, ij_common_group;

/* Passes over rows (rows.c). */
extern const ij_implementation ij_rows_item, ij_rows_group;

/* Products (gemm_panel.c, gradient_panel.c, gemm_tile.c, gemm_subgroup.c, gemm_clblast.c). */
extern const ij_product_row ij_gemm_panel, ij_gradient_panel, ij_gradient_packed, ij_gemm_tile, ij_gradient_tile,
    ij_gemm_subgroup, ij_gemm_clblast, ij_gradient_clblast;

/* weight_t from weight, for the panels of products to the input. */
ij_status ij_panels_transpose(ij_gemm *gemm, const ij_linear *l);

/* Attention (attention_panel.c, attention_tile.c). */
extern const ij_attention_row ij_attention_panel, ij_attention_panel_backward, ij_attention_tile,
    ij_attention_tile_backward;

#endif
