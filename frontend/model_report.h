/* What `ijepa import` and `ijepa inspect` say of a model file before its tensors. */
#ifndef IJ_FRONTEND_MODEL_REPORT_H
#define IJ_FRONTEND_MODEL_REPORT_H

#include "engine/files/model_file.h"

/* Prints kind, shape, what the file holds, epoch and step, a line each; then, on stderr, its notes. */
void ij_model_report(const ij_model_file *file);

/* "official", "huggingface" or "own", for programs. */
const char *ij_model_report_kind(ij_model_file_kind kind);

#endif
