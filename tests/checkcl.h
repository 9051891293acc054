/* checkcl: every kernel, through its host function in engine/ops/, against the plain C of reference.h, as dav1d's
 * checkasm does it. A case is one operation on many shapes; it runs once for each variant of the kernels. This header
 * is what a case is written with: random inputs, guarded device memory, comparison.
 *
 * Memory: whatever a case makes lives until check_end, on the host and on the device. Each device buffer is a view into
 * a larger one whose zones before and behind it hold a pattern (a NaN, so that reading it shows) that must survive;
 * outputs hold another NaN before the kernel runs; inputs must be afterwards what they were. check_end looks at all of
 * that. */
#ifndef IJ_TESTS_CHECKCL_H
#define IJ_TESTS_CHECKCL_H

#include "engine/base/random.h"
#include "engine/opencl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Another value than the one that an operation's implementation begins with. */
typedef struct check_change {
    ij_group group;
    const char *macro;
    int value;
} check_change;

/* Implementations with their parameters. */
typedef struct check_variant {
    const char *name;
    const char *take;           /* other implementations than the device's, as for ij_tuning_take; NULL: none */
    int vector;                 /* another native vector width in floats, from which parameters follow; 0: none */
    const check_change *change; /* ends with an empty one; NULL: none */
    ij_gemm_backend products;
} check_variant;

typedef struct check_buffer {
    cl_mem whole, view;
    size_t bytes;
    void *before; /* of an input: what it holds */
} check_buffer;

enum { CHECK_BUFFERS = 48, CHECK_BLOCKS = 160 };

typedef struct check {
    ij_device *device;
    const check_variant *variant;
    bool every; /* run every shape that costs a compilation of its own (attention's head widths), not only a few */
    ij_random random;
    char shape[160]; /* what is being checked, for messages */
    double worst;    /* relative error of this case so far */
    char worst_at[256];
    check_buffer buffers[CHECK_BUFFERS];
    int buffer_count;
    void *blocks[CHECK_BLOCKS];
    int block_count;
} check;

typedef struct check_case {
    const char *name; /* "gemm/forward" */
    void (*run)(check *c);
    bool products; /* has matrix products: runs with CLBlast too */
} check_case;

/* Cases of each operation, ended by a NULL name. */
extern const check_case check_gemm[], check_layernorm[], check_attention[], check_tokens[], check_loss[],
    check_optimizer[], check_regularise[], check_probe[];

/* Fails the test where an engine function did, with its message. */
void check_ok(check *c, ij_status status);
/* Names the shape that follows; also draws how many compute units the device is said to have, which decides how the
 * work is shared out. */
void check_shape(check *c, const char *format, ...) IJ_PRINTF(2, 3);

/* ---- Host memory ------------------------------------------------------------------------------------------------- */
void *check_host(check *c, size_t bytes); /* zeroed */
float *check_normals(check *c, size_t n, float mean, float std);
double *check_doubles(check *c, size_t n);
/* Uniform in low .. high, both included. */
int check_draw(check *c, int low, int high);
/* `count` different numbers below `below`, in random order. */
int32_t *check_distinct(check *c, int count, int below);
/* `count` numbers below `below`, repetitions allowed. */
int32_t *check_numbers(check *c, int count, int below);

/* ---- Device memory ----------------------------------------------------------------------------------------------- */
/* Holds `data` and must not change. */
cl_mem check_input(check *c, const void *data, size_t bytes);
/* Holds `data` and may change. */
cl_mem check_changing(check *c, const void *data, size_t bytes);
/* Poisoned: n floats of NaN. */
cl_mem check_output(check *c, size_t n);
/* What a buffer holds now; host memory of the case. */
const float *check_read(check *c, cl_mem memory);
/* Whether a float still is the poison that check_output put there. */
bool check_poisoned(const float *x);

/* ---- Comparison -------------------------------------------------------------------------------------------------- */
/* ||got - want|| <= tolerance ||want|| (or <= tolerance where want is all 0). */
void check_close(check *c, const char *what, const float *got, const double *want, size_t n, double tolerance);
/* |got - want| <= tolerance scale, for one number. */
void check_number(check *c, const char *what, double got, double want, double scale, double tolerance);

/* Looks at guards and inputs and releases everything the case made. */
void check_end(check *c);
/* Releases without looking, after a failure. */
void check_drop(check *c);

#endif
