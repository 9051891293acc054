/* The event files (event_file.h) that an earlier run of the same tag left in a folder. */
#ifndef IJ_FRONTEND_EVENT_FOLDER_H
#define IJ_FRONTEND_EVENT_FOLDER_H

#include "engine/base/error.h"

#include <stdbool.h>

/* Renames them to {tag}-events-{seconds}~, without "tfevents", or TensorBoard would show them together with the new
 * run's; those of the run before, renamed so already, go. Sets *kept where there was anything. IJ_EIO. */
ij_status ij_event_folder_keep(const char *folder, const char *tag, bool *kept);

#endif
