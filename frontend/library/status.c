/* Errors and the version: the engine's statuses under their public names. */
#include "engine/base/error.h"
#include "frontend/library/ijepa.h"

_Static_assert((int)IJEPA_EINVAL == (int)IJ_EINVAL && (int)IJEPA_EIO == (int)IJ_EIO &&
                   (int)IJEPA_EFORMAT == (int)IJ_EFORMAT && (int)IJEPA_ENOMEM == (int)IJ_ENOMEM &&
                   (int)IJEPA_EDEVICE == (int)IJ_EDEVICE && (int)IJEPA_EBUILD == (int)IJ_EBUILD,
               "statuses are handed on as they are");

const char *ijepa_error(void)
{
    return ij_error();
}

const char *ijepa_version(void)
{
    return IJEPA_VERSION;
}
