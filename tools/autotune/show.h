/* autotune --show: the database as it is, and what of it holds on this device. */
#ifndef IJ_AUTOTUNE_SHOW_H
#define IJ_AUTOTUNE_SHOW_H

/* Prints; returns the exit status. `device` may be NULL. */
int show_database(const char *device);

#endif
