#include "engine/opencl.h"

const char *ij_cl_name(cl_int code)
{
#define NAME(c)                                                                                                        \
    case c:                                                                                                            \
        return #c
    switch (code) {
        NAME(CL_DEVICE_NOT_FOUND);
        NAME(CL_DEVICE_NOT_AVAILABLE);
        NAME(CL_COMPILER_NOT_AVAILABLE);
        NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE);
        NAME(CL_OUT_OF_RESOURCES);
        NAME(CL_OUT_OF_HOST_MEMORY);
        NAME(CL_MAP_FAILURE);
        NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET);
        NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST);
        NAME(CL_BUILD_PROGRAM_FAILURE);
        NAME(CL_INVALID_VALUE);
        NAME(CL_INVALID_PLATFORM);
        NAME(CL_INVALID_DEVICE);
        NAME(CL_INVALID_CONTEXT);
        NAME(CL_INVALID_COMMAND_QUEUE);
        NAME(CL_INVALID_MEM_OBJECT);
        NAME(CL_INVALID_BINARY);
        NAME(CL_INVALID_BUILD_OPTIONS);
        NAME(CL_INVALID_PROGRAM_EXECUTABLE);
        NAME(CL_INVALID_KERNEL_NAME);
        NAME(CL_INVALID_KERNEL);
        NAME(CL_INVALID_ARG_INDEX);
        NAME(CL_INVALID_ARG_VALUE);
        NAME(CL_INVALID_ARG_SIZE);
        NAME(CL_INVALID_KERNEL_ARGS);
        NAME(CL_INVALID_WORK_GROUP_SIZE);
        NAME(CL_INVALID_WORK_ITEM_SIZE);
        NAME(CL_INVALID_GLOBAL_OFFSET);
        NAME(CL_INVALID_EVENT);
        NAME(CL_INVALID_OPERATION);
        NAME(CL_INVALID_BUFFER_SIZE);
        NAME(CL_INVALID_GLOBAL_WORK_SIZE);
    }
#undef NAME
    return code == -1001 ? "no OpenCL platform" : "an OpenCL error this program has no name for";
}

ij_status ij_cl_check(cl_int code, const char *what)
{
    if (code == CL_SUCCESS)
        return IJ_OK;
    ij_status status = IJ_EDEVICE;
    const char *advice = "";
    if (code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_RESOURCES || code == CL_OUT_OF_HOST_MEMORY) {
        status = IJ_ENOMEM;
        advice = "; the device ran out of memory: use a smaller batch or model, or close what else uses the device";
    }
    if (code == CL_OUT_OF_RESOURCES)
        advice =
            "; the device ran out of memory (use a smaller batch or model, or close what else uses it), or its driver "
            "reset it because it had worked for too long at once, as Intel's i915 does after some seconds (the "
            "kernel's log then has \"GPU HANG\": set IJEPA_IN_FLIGHT=0.2, or write 0 to "
            "/sys/class/drm/card*/engine/*/heartbeat_interval_ms)";
    return ij_fail(status, "%s: %s (%d)%s", what, ij_cl_name(code), code, advice);
}

void ij_cl_forget(cl_event *event)
{
    if (*event)
        clReleaseEvent(*event);
    *event = NULL;
}
