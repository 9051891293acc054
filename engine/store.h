/* The values that training keeps of every tensor. */
#ifndef IJ_STORE_H
#define IJ_STORE_H

/* The target encoder has only weights. */
typedef enum ij_store { IJ_STORE_WEIGHT, IJ_STORE_GRADIENT, IJ_STORE_MOMENT1, IJ_STORE_MOMENT2 } ij_store;

#endif
