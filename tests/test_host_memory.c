/* What the host has left, and that no copy of a training's state is made that it has no room for: here the host has
 * what the test says (this file's ij_host_memory_free stands in front of the engine's). */
#include "engine/base/host_memory.h"
#include "engine/snapshot.h"

#include "tests/test_model_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

static uint64_t room = UINT64_MAX;

uint64_t ij_host_memory_free(void)
{
    return room;
}

static void copies_have_room(void **state)
{
    (void)state;
    ij_trainer_config c = case_config();
    ij_trainer *t = case_trainer(&c);
    ij_snapshot *snapshot;
    case_ok(ij_trainer_make_snapshot(t, &snapshot));
    uint64_t bytes = ij_snapshot_bytes(snapshot);
    ij_snapshot_destroy(snapshot);
    room = bytes + bytes / 4;
    case_ok(ij_trainer_make_snapshot(t, &snapshot));
    ij_snapshot_destroy(snapshot);
    room = bytes; /* a tenth is for others */
    assert_int_equal(ij_trainer_make_snapshot(t, &snapshot), IJ_ENOMEM);
    assert_null(snapshot);
    assert_non_null(strstr(ij_error(), "out of host memory"));
    room = UINT64_MAX;
    ij_trainer_destroy(t);
}

int main(void)
{
    if (!case_device())
        return CASE_NO_DEVICE;
    const struct CMUnitTest tests[] = {cmocka_unit_test(copies_have_room)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    case_close();
    return failed;
}
