/* Errors are values: a function that can fail returns an ij_status and leaves one message for people, per thread.
 * The message says what happened, to what (file, line, tensor, device) and what to do. Nothing here prints or exits. */
#ifndef IJ_BASE_ERROR_H
#define IJ_BASE_ERROR_H

typedef enum ij_status {
    IJ_OK = 0,
    IJ_EINVAL,  /* the caller, or the user's configuration, asks for something impossible */
    IJ_EIO,     /* a file or folder could not be read or written */
    IJ_EFORMAT, /* a file is not what it claims to be */
    IJ_ENOMEM,  /* host or device memory does not suffice */
    IJ_EDEVICE, /* no device, a lost device, or a call that OpenCL refused */
    IJ_EBUILD   /* a kernel did not compile */
} ij_status;

#if defined(__GNUC__) || defined(__clang__)
#define IJ_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define IJ_PRINTF(fmt, args)
#endif

/* Sets this thread's message (printf style; long messages such as build logs are kept up to 16 KiB) and returns
 * `status`, so that `return ij_fail(IJ_EIO, "...")` is the whole error path. */
ij_status ij_fail(ij_status status, const char *format, ...) IJ_PRINTF(2, 3);

/* Puts context before the message that is already there ("reading x: " + "no such file") and returns `status`. */
ij_status ij_fail_in(ij_status status, const char *format, ...) IJ_PRINTF(2, 3);

/* This thread's last message; "" where nothing failed. Valid until the thread's next failure. */
const char *ij_error(void);

#endif
