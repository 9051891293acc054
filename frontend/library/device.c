/* Devices: how many, what they are, opening one. */
#include "engine/device.h"
#include "frontend/library/growing.h"
#include "frontend/library/handles.h"

#include <stdio.h>
#include <stdlib.h>

_Static_assert((int)IJEPA_DEVICE_CPU == (int)IJ_DEVICE_CPU && (int)IJEPA_DEVICE_GPU == (int)IJ_DEVICE_GPU &&
                   (int)IJEPA_DEVICE_OTHER == (int)IJ_DEVICE_OTHER,
               "types are handed on as they are");

ijepa_status ijepa_device_count(int *count)
{
    ij_device_info *list;
    ij_status status = ij_device_list(&list, count);
    if (status)
        return (ijepa_status)status;
    free(list);
    return IJEPA_OK;
}

ijepa_status ijepa_device_describe(int index, ijepa_device_info *info)
{
    ij_device_info *list;
    int count;
    ij_status status = ij_device_list(&list, &count);
    if (status)
        return (ijepa_status)status;
    if (index < 0 || index >= count) {
        free(list);
        return (ijepa_status)ij_fail(IJ_EINVAL, "there is no device %d; the devices are 0 to %d", index, count - 1);
    }
    const ij_device_info *d = &list[index];
    ijepa_device_info known = {.type = (int)d->type, .memory_bytes = d->global_bytes};
    snprintf(known.name, sizeof known.name, "%s", d->name);
    snprintf(known.platform, sizeof known.platform, "%s", d->platform);
    snprintf(known.driver, sizeof known.driver, "%s", d->driver);
    free(list);
    return (ijepa_status)ij_growing_fill(info, &known, sizeof known);
}

ijepa_status ijepa_device_open(ijepa_device **device, const char *choice)
{
    ij_device *opened;
    *device = NULL;
    ij_status status = ij_device_open(&opened, choice);
    if (!status)
        *device = (ijepa_device *)opened;
    return (ijepa_status)status;
}

void ijepa_device_close(ijepa_device *device)
{
    if (device)
        ij_device_close(ij_device_of(device));
}
