#include "engine/position.h"

#include <math.h>
#include <stddef.h>

void ij_position_table(float *table, int side, int dim, float scale)
{
    int quarter = dim / 4;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int i = 0; i < quarter; i++) {
                double omega = pow(10000.0, -(double)i / quarter);
                float *row = table + ((size_t)y * (size_t)side + (size_t)x) * (size_t)dim;
                row[i] = scale * (float)sin(x * omega);
                row[quarter + i] = scale * (float)cos(x * omega);
                row[2 * quarter + i] = scale * (float)sin(y * omega);
                row[3 * quarter + i] = scale * (float)cos(y * omega);
            }
}

bool ij_position_is_table(const float *table, float *room, int side, int dim, float scale)
{
    size_t n = (size_t)side * (size_t)side * (size_t)dim;
    ij_position_table(room, side, dim, scale);
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(table[i] - room[i]) <= 1e-2f * scale))
            return false;
    return true;
}

/* What the four samples around a point count, t = 0 .. 1 behind the second (Keys 1981, a = -0.75). */
static void cubic_weights(double t, double weight[4])
{
    const double a = -0.75;
    for (int k = 0; k < 4; k++) {
        double x = fabs(t + 1 - k);
        weight[k] = x <= 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
    }
}

/* Source samples and weights of output `i`. */
static void cubic_taps(int i, int from, int to, int at[4], double weight[4])
{
    double centre = (i + 0.5) * from / to - 0.5, below = floor(centre);
    cubic_weights(centre - below, weight);
    for (int k = 0; k < 4; k++) {
        int place = (int)below - 1 + k;
        at[k] = place < 0 ? 0 : place >= from ? from - 1 : place;
    }
}

void ij_position_interpolate(const float *from, int from_side, float *to, int to_side, int dim)
{
    size_t width = (size_t)dim, row = (size_t)from_side * width;
    for (int y = 0; y < to_side; y++)
        for (int x = 0; x < to_side; x++) {
            int row_at[4], column_at[4];
            double row_weight[4], column_weight[4];
            cubic_taps(y, from_side, to_side, row_at, row_weight);
            cubic_taps(x, from_side, to_side, column_at, column_weight);
            for (size_t j = 0; j < width; j++) {
                double sum = 0;
                for (int r = 0; r < 4; r++)
                    for (int c = 0; c < 4; c++)
                        sum += row_weight[r] * column_weight[c] *
                               (double)from[(size_t)row_at[r] * row + (size_t)column_at[c] * width + j];
                to[((size_t)y * (size_t)to_side + (size_t)x) * width + j] = (float)sum;
            }
        }
}
