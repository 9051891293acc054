#include "engine/rank_ready.h"

ij_rank_ready ij_rank_ready_of(cl_event event)
{
    cl_int status = CL_QUEUED;
    cl_int code = clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
    if (code == CL_SUCCESS && status >= 0)
        return status == CL_COMPLETE ? IJ_RANKS_READY : IJ_RANKS_NOT_YET;
    ij_cl_check(code ? code : status, "a training step, whose results other ranks wait for");
    return IJ_RANKS_NEVER;
}
