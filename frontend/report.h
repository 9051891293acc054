/* The parts of `ijepa report`: what is read of a run, and the sections of the page, a file each. A section that cannot
 * be made (no images, no evaluation yet) says why in its place; only a failure to compute or to write is an error. */
#ifndef IJ_FRONTEND_REPORT_H
#define IJ_FRONTEND_REPORT_H

#include "data/dataset.h"
#include "engine/base/error.h"
#include "engine/device.h"
#include "engine/files/model_file.h"
#include "frontend/csv_table.h"
#include "frontend/run_folder.h"
#include "ini/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct ij_report_options {
    const char *folder, *out;
    const char *tag;     /* NULL: the only one in the folder */
    const char *images;  /* NULL: those that the run was trained on */
    const char *eval;    /* a result of `ijepa eval --save`; NULL: {folder}/{tag}-eval.json where it is there */
    const char *profile; /* a trace of `bench step --profile`; NULL: {folder}/{tag}-profile.json where it is there */
    const char *device;  /* NULL: the run's */
    int limit;           /* images that the model is shown */
    int place[2];        /* row and column, from 1, of the patch whose attention is drawn; 0: one that stands out */
} ij_report_options;

typedef struct ij_report {
    ij_report_options options;
    ij_run_folder folder;
    bool going_on;             /* another process is writing to the folder */
    ij_csv_table log;          /* no columns where there is none yet */
    ij_model_file *checkpoint; /* the newest that is whole; NULL: none */
    ij_config *config;         /* NULL: not known */
    ij_dataset *dataset;       /* NULL: none, because of: */
    char no_images[512];
} ij_report;

/* Reads all that there is of the run. IJ_EIO and IJ_EINVAL where the folder holds none. ij_report_close is due in any
 * case. */
ij_status ij_report_open(ij_report *report, const ij_report_options *options);
void ij_report_close(ij_report *report);

/* The page, sections in their order; flushing and closing are the caller's. */
ij_status ij_report_write(const ij_report *report, FILE *out);

/* ---- Sections --------------------------------------------------------------------------------------------------- */

void ij_report_curves(const ij_report *report, FILE *out);
ij_status ij_report_masks(const ij_report *report, FILE *out);
/* Principal components of patches, attention, neighbours: what the newest checkpoint makes of the images. */
ij_status ij_report_features(const ij_report *report, FILE *out);
ij_status ij_report_eval(const ij_report *report, FILE *out);
ij_status ij_report_time(const ij_report *report, FILE *out);
void ij_report_config(const ij_report *report, FILE *out);

#endif
