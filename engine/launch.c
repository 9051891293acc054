#include "engine/launch.h"

ij_status ij_launch(ij_device *device, cl_kernel kernel, const char *name, ij_grid grid, const ij_arg *args, int count)
{
    if (grid.x == 0 || grid.y == 0)
        return IJ_OK;
    for (int i = 0; i < count; i++) {
        cl_int code = clSetKernelArg(kernel, (cl_uint)i, args[i].size, args[i].value);
        if (code != CL_SUCCESS) {
            ij_cl_check(code, name);
            return ij_fail_in(IJ_EDEVICE, "argument %d of ", i);
        }
    }
    size_t global[2] = {grid.x * grid.local, grid.y}, local[2] = {grid.local, 1};
    cl_event *event = NULL;
    ij_launch_record *r = ij_profile_record(device, name);
    if (r) {
        r->flops = grid.flops;
        r->bytes = grid.bytes;
        r->what = grid.what;
        event = &r->event;
    }
    device->launches++;
    ij_status status =
        ij_cl_check(clEnqueueNDRangeKernel(device->compute, kernel, 2, NULL, global, local, 0, NULL, event), name);
    return status ? status : ij_pace_launched(device);
}
