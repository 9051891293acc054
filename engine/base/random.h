/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011).
 * A stream is named by what it is for, never by who draws from it, so threads and resuming change nothing. */
#ifndef IJ_BASE_RANDOM_H
#define IJ_BASE_RANDOM_H

#include <stdint.h>

/* What a stream of random numbers is for; part of its counter. Append only: the order decides every run's bits. */
typedef enum ij_stream {
    IJ_STREAM_WEIGHTS = 1, /* a = tensor's number, b = 0 */
    IJ_STREAM_SHUFFLE = 2, /* a = epoch, b = 0 */
    IJ_STREAM_MASK = 3,    /* a = batch since the start of the run, b = image in the batch + 1; b = 0: block sizes;
                              b = 2^31 + image: which patches of joint targets stay */
    IJ_STREAM_AUGMENT = 4, /* a = epoch, b = sample's number in the data set */
    IJ_STREAM_TEST = 5,
    IJ_STREAM_PROBE = 6,     /* a = 0, b = draw: which images a classifier learns from */
    IJ_STREAM_SHAPES = 7,    /* a = image, b = part of the data set: tools/make_shapes */
    IJ_STREAM_DIRECTIONS = 8 /* a = step, b = direction: cl/regularise.cl */
} ij_stream;

typedef struct ij_random {
    uint32_t key[2];
    uint32_t counter[4]; /* [0] counts the blocks drawn, [1] holds stream and a's high bits, [2] a, [3] b */
    uint32_t block[4];
    int used; /* words of `block` already given out */
} ij_random;

/* Starts the stream (seed, stream, a, b). a < 2^56. */
void ij_random_start(ij_random *r, uint64_t seed, ij_stream stream, uint64_t a, uint32_t b);

uint32_t ij_random_u32(ij_random *r);
/* Uniform in [0, 1), 24 bits. */
float ij_random_uniform(ij_random *r);
/* Uniform integer in [0, n), unbiased. n >= 1. */
uint32_t ij_random_below(ij_random *r, uint32_t n);
/* Standard normals, by Box-Muller: two at once. */
void ij_random_normals(ij_random *r, float pair[2]);
/* One of them. */
float ij_random_normal(ij_random *r);

#endif
