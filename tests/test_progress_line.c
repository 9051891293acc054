/* The progress line: at every width it fits, and what matters most is there longest. */
#include "frontend/progress_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

static const ij_progress_figures all = {.epoch = 2,
                                        .iteration = 17,
                                        .epochs = 300,
                                        .iterations = 5004,
                                        .done = 0.25,
                                        .loss = 0.123456,
                                        .knn = 0.4321,
                                        .rate = 1234.5,
                                        .of_peak = 0.78,
                                        .left = 3723};

/* Columns of a text: all its characters but terminal codes. */
static int columns(const char *text)
{
    int n = 0;
    for (const char *c = text; *c; c++)
        if (*c == '\x1b')
            c += strcspn(c, "m");
        else
            n++;
    return n;
}

static const char *line(int width, bool colour)
{
    static char text[512];
    return ij_progress_line(&all, width, colour, text, sizeof text);
}

static void fits(void **state)
{
    (void)state;
    for (int width = 1; width < 300; width++)
        for (int colour = 0; colour < 2; colour++) {
            int n = columns(line(width, colour));
            if (n > width && width >= 6) /* six columns: the loss alone */
                fail_msg("%d columns: %d are taken by \"%s\"", width, n, line(width, colour));
            assert_true(n > 0);
        }
}

static void contents(void **state)
{
    (void)state;
    assert_string_equal(line(0, false),
                        "epoch 2/300  iteration 17/5004  loss 0.12346  k-NN 43.2 %  1234 images/s  78 % of "
                        "peak  1:02:03 left");
    assert_null(strstr(line(0, false), "["));
    assert_non_null(strstr(line(140, false), "[==="));
    assert_non_null(strstr(line(140, true), "\x1b[36m==="));
    assert_null(strstr(line(140, false), "\x1b"));
    assert_non_null(strstr(line(79, false), "loss 0.12346"));
    assert_non_null(strstr(line(79, false), "1:02:03"));
    const char *narrow = line(19, false);
    assert_non_null(strstr(narrow, "0.1235"));
    assert_non_null(strstr(narrow, "1:02:03"));
    assert_string_equal(line(8, false), "0.1235");
}

/* What is not known is left out. */
static void unknown(void **state)
{
    (void)state;
    char text[512];
    ij_progress_figures f = all;
    f.knn = f.rate = f.of_peak = f.left = NAN;
    assert_string_equal(ij_progress_line(&f, 0, false, text, sizeof text),
                        "epoch 2/300  iteration 17/5004  loss 0.12346");
}

/* Of a long step: all, less, the time alone. */
static void parts(void **state)
{
    (void)state;
    char text[512];
    assert_string_equal(ij_progress_part_line(3, 50, 96, 2048, 3723, 0, text, sizeof text),
                        "step 3/50: 96 of 2048 images, 1:02:03 left of this step");
    assert_string_equal(ij_progress_part_line(3, 50, 96, 2048, 3723, 40, text, sizeof text),
                        "96/2048 images  1:02:03 left");
    assert_string_equal(ij_progress_part_line(3, 50, 96, 2048, 3723, 20, text, sizeof text), "1:02:03");
    for (int width = 1; width < 80; width++)
        assert_true((int)strlen(ij_progress_part_line(3, 50, 96, 2048, 3723, width, text, sizeof text)) <= width);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fits), cmocka_unit_test(contents), cmocka_unit_test(unknown),
                                       cmocka_unit_test(parts)};
    return cmocka_run_group_tests_name("progress_line", tests, NULL, NULL);
}
