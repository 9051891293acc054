#include "engine/position.h"

#include <math.h>
#include <stddef.h>

void ij_position_table(float *table, int side, int dim)
{
    int quarter = dim / 4;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int i = 0; i < quarter; i++) {
                double omega = pow(10000.0, -(double)i / quarter);
                float *row = table + ((size_t)y * (size_t)side + (size_t)x) * (size_t)dim;
                row[i] = (float)sin(x * omega);
                row[quarter + i] = (float)cos(x * omega);
                row[2 * quarter + i] = (float)sin(y * omega);
                row[3 * quarter + i] = (float)cos(y * omega);
            }
}
