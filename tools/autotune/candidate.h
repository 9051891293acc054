/* The child's side: one choice of parameters on one device, checked against plain C and then timed. */
#ifndef IJ_AUTOTUNE_CANDIDATE_H
#define IJ_AUTOTUNE_CANDIDATE_H

/* How autotune calls itself for a candidate, and the file descriptor that it reports on. */
#define CANDIDATE_OPTION "--candidate"
enum { CANDIDATE_REPORT = 3 };

/* argv: DEVICE GROUP SHAPE,SHAPE CHOICE HEADS NUMBER USE... Returns the exit status. Environment variable
 * IJEPA_AUTOTUNE_FAULTS, for tests: words "none", "crash", "hang", "wrong", "build", "stray", the first one for
 * candidate 0 and so on: what that candidate suffers. */
int candidate_main(int argc, char **argv);

#endif
