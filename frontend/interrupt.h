/* Ending a run from outside: the first SIGINT, SIGTERM or SIGHUP asks for a clean end, another one two seconds
 * later or more ends the program at once. */
#ifndef IJ_FRONTEND_INTERRUPT_H
#define IJ_FRONTEND_INTERRUPT_H

/* From here on signals are caught, and the first is answered on stderr with what will happen now: "ending after this
 * step with a checkpoint". SIGHUP stays ignored where it was (nohup). SIGPIPE is ignored: a run does
 * not end because whoever watched it did. */
void ij_interrupt_catch(const char *promise);

/* The signal that asked for the end; 0 while none has. */
int ij_interrupt_signal(void);

#endif
