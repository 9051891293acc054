#include "frontend/run.h"

void ij_run_close(ij_run *r)
{
    ij_loader_close(r->loader);        /* before the trainer, whose memory it fills */
    ij_saver_close(r->training.saver); /* likewise: it reads it */
    ij_step_log_close(&r->training.log);
    ij_run_events_close(&r->training.events); /* before the trainer, whose weights its pictures show */
    ij_learning_curve_close(r->training.curve);
    ij_trainer_destroy(r->trainer);
    ij_device_close(r->device);
    ij_resume_free(&r->checkpoint);
    ij_run_identity_free(&r->identity);
    ij_dataset_close(r->dataset);
    ij_team_close(&r->team);
}
