/* What a report is made of, where it can be computed by hand: tables, envelopes, ticks, principal components, features
 * as colours, pictures, text that cannot be mistaken for markup. */
#include "frontend/csv_table.h"
#include "frontend/envelope.h"
#include "frontend/feature_colours.h"
#include "frontend/feature_sheet.h"
#include "frontend/html.h"
#include "frontend/picture.h"
#include "frontend/principal.h"
#include "frontend/svg_chart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

static ij_status read_table(ij_csv_table *t, const char *text)
{
    char path[] = "/tmp/ijepa-table-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    ij_status status = ij_csv_table_read(t, path);
    unlink(path);
    return status;
}

static void tables(void **state)
{
    (void)state;
    ij_csv_table t;
    assert_int_equal(read_table(&t, "itr,loss,knn\n0,0.5,\n1,nonsense,0.25\n2\n3,0.1,0.5\n4,0.0"), IJ_OK);
    assert_int_equal(t.columns, 3);
    assert_int_equal(t.rows, 4); /* the last line has no end yet */
    assert_int_equal(ij_csv_table_find(&t, "knn"), 2);
    assert_int_equal(ij_csv_table_find(&t, "kn"), -1);
    assert_true(t.column[0][3] == 3 && t.column[1][0] == 0.5 && t.column[1][3] == 0.1);
    assert_true(isnan(t.column[2][0]) && isnan(t.column[1][1]) && t.column[2][1] == 0.25);
    assert_true(t.column[0][2] == 2 && isnan(t.column[1][2]) && isnan(t.column[2][2]));
    ij_csv_table_free(&t);
    assert_int_equal(read_table(&t, "a,b\r\n1,2\r\n"), IJ_OK);
    assert_true(t.rows == 1 && t.column[1][0] == 2 && !strcmp(t.names[1], "b"));
    ij_csv_table_free(&t);
    assert_int_equal(read_table(&t, ""), IJ_EFORMAT);
    ij_csv_table_free(&t);
    assert_int_equal(read_table(&t, "a,,b\n"), IJ_EFORMAT);
    ij_csv_table_free(&t);
    assert_int_equal(ij_csv_table_read(&t, "/nowhere/at/all.csv"), IJ_EIO);
    ij_csv_table_free(&t);
}

/* ---- Envelopes and charts ---------------------------------------------------------------------------------------- */

static void envelopes(void **state)
{
    (void)state;
    enum { N = 1000, MOST = 16 };
    static double y[N];
    ij_envelope_point points[MOST];
    for (int i = 0; i < N; i++)
        y[i] = i;
    y[500] = 5000; /* one that must not be lost */
    y[700] = NAN;
    int count = ij_envelope(y, N, points, MOST);
    double most = 0, weighted = 0;
    int64_t values = 0;
    assert_true(count > 1 && count <= MOST);
    for (int i = 0; i < count; i++) {
        assert_true(points[i].least <= points[i].mean && points[i].mean <= points[i].most);
        most = fmax(most, points[i].most);
        values += points[i].values;
        weighted += points[i].mean * (double)points[i].values;
    }
    assert_true(most == 5000);
    assert_int_equal(values, N - 1);
    assert_true(fabs(weighted - (999.0 * 1000 / 2 - 500 + 5000 - 700)) < 1e-6);

    for (int i = 0; i < N; i++)
        y[i] = i % 100 == 99 ? (double)i : (double)NAN; /* ten in a thousand: each a point of its own */
    assert_int_equal(ij_envelope(y, N, points, MOST), 10);
    assert_true(points[3].values == 1 && points[3].at == 399 && points[3].mean == 399);
    assert_int_equal(ij_envelope(y, 50, points, MOST), 0);
    assert_int_equal(ij_envelope(y, 0, points, MOST), 0);
}

static void ticks(void **state)
{
    (void)state;
    char text[32];
    assert_true(fabs(ij_chart_tick(1, 4) - 0.2) < 1e-12);
    assert_true(fabs(ij_chart_tick(100, 4) - 20) < 1e-9);
    assert_true(fabs(ij_chart_tick(1800, 4) - 500) < 1e-9);
    assert_true(fabs(ij_chart_tick(3e-5, 3) - 1e-5) < 1e-15);
    assert_string_equal(ij_chart_number(0.05, 0.05, text, sizeof text), "0.05");
    assert_string_equal(ij_chart_number(200, 100, text, sizeof text), "200");
    assert_string_equal(ij_chart_number(12000, 2000, text, sizeof text), "12k");
    assert_string_equal(ij_chart_number(2500000, 500000, text, sizeof text), "2.5M");
    assert_string_equal(ij_chart_number(2e-5, 1e-5, text, sizeof text), "2e-05");
    assert_string_equal(ij_chart_number(0.9962, 0.0002, text, sizeof text), "0.9962");
}

static char *chart_of(const double *y, int64_t n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    int written = ij_chart_write(out, &(ij_chart){"a<b", "", "", y, n, 2, 1});
    fclose(out);
    assert_int_equal(written, size > 0);
    return text;
}

static void charts(void **state)
{
    (void)state;
    const double constant[] = {3, 3, 3}, one[] = {0}, none[] = {NAN, INFINITY}, wild[] = {-1e300, 1e300, NAN, 0};
    char *text = chart_of(constant, 3);
    assert_non_null(strstr(text, "<svg"));
    assert_non_null(strstr(text, "a&lt;b"));
    assert_non_null(strstr(text, "class=\"epoch\""));
    assert_null(strstr(text, "nan"));
    free(text);
    text = chart_of(one, 1);
    assert_null(strstr(text, "nan"));
    free(text);
    text = chart_of(none, 2);
    assert_string_equal(text, "");
    free(text);
    text = chart_of(wild, 4);
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    free(text);
}

/* ---- Principal components ---------------------------------------------------------------------------------------- */

/* Rows spread along known directions with known variances, all else nought. */
static void components(void **state)
{
    (void)state;
    enum { DIM = 20, N = 8 };
    static const double length[3] = {5, 3, 1};
    double axis[3][DIM] = {{0}};
    float rows[N][DIM];
    axis[0][2] = 0.6, axis[0][7] = 0.8;
    axis[1][2] = -0.8, axis[1][7] = 0.6;
    axis[2][11] = 1;
    for (int r = 0; r < N; r++)
        for (int i = 0; i < DIM; i++) {
            double x = 10 + i; /* a mean */
            for (int a = 0; a < 3; a++)
                x += length[a] * (r >> a & 1 ? 1 : -1) * axis[a][i];
            rows[r][i] = (float)x;
        }
    ij_principal p;
    assert_int_equal(ij_principal_find(&p, rows[0], N, DIM, 3), IJ_OK);
    assert_true(fabs(p.total - 35) < 1e-4);
    for (int a = 0; a < 3; a++) {
        double along = 0;
        for (int i = 0; i < DIM; i++)
            along += p.axes[a * DIM + i] * axis[a][i];
        assert_true(fabs(p.variance[a] - length[a] * length[a]) < 1e-4);
        assert_true(fabs(fabs(along) - 1) < 1e-6);
    }
    double at[3];
    ij_principal_project(&p, rows[0], at);
    for (int a = 0; a < 3; a++)
        assert_true(fabs(fabs(at[a]) - length[a]) < 1e-4);
    ij_principal_free(&p);
}

/* Of any symmetric problem: orthonormal axes, and no more variance left over than there is. */
static void components_of_noise(void **state)
{
    (void)state;
    enum { DIM = 33, N = 200, K = 5 };
    static float rows[N * DIM];
    unsigned bits = 1;
    for (int i = 0; i < N * DIM; i++) {
        bits = bits * 1664525u + 1013904223u;
        rows[i] = (float)(bits >> 8) / 16777216.0f * (float)(1 + i % DIM % 7);
    }
    ij_principal p;
    assert_int_equal(ij_principal_find(&p, rows, N, DIM, K), IJ_OK);
    for (int a = 0; a < K; a++) {
        double variance = 0, at[K];
        for (int b = 0; b < K; b++) {
            double dot = 0;
            for (int i = 0; i < DIM; i++)
                dot += p.axes[a * DIM + i] * p.axes[b * DIM + i];
            assert_true(fabs(dot - (a == b)) < 1e-9);
        }
        for (int r = 0; r < N; r++) {
            ij_principal_project(&p, rows + r * DIM, at);
            variance += at[a] * at[a] / N;
        }
        assert_true(fabs(variance - p.variance[a]) < 1e-6 * p.total);
        assert_true(a == 0 || p.variance[a] <= p.variance[a - 1]);
    }
    ij_principal_free(&p);

    assert_int_equal(ij_principal_find(&p, rows, 1, DIM, 3), IJ_OK); /* one row: no variance at all */
    assert_true(p.total == 0 && p.variance[0] == 0 && isfinite(p.axes[0]));
    ij_principal_free(&p);
    assert_int_equal(ij_principal_find(&p, rows, N, 3, 3), IJ_OK); /* all directions there are */
    assert_true(fabs(p.variance[0] + p.variance[1] + p.variance[2] - p.total) < 1e-9 * p.total);
    ij_principal_free(&p);
}

/* ---- Pictures and text ------------------------------------------------------------------------------------------- */

static void pictures(void **state)
{
    (void)state;
    static const uint8_t four[4 * 4 * 3] = {10, 0, 0, 20, 0, 0, [12] = 30, [15] = 40};
    static const uint8_t white[3] = {255, 255, 255};
    ij_picture p;
    uint8_t dark[3], bright[3], before[3] = {0};
    assert_int_equal(ij_picture_shrink(&p, four, 4, 2), IJ_OK);
    assert_true(p.width == 2 && p.height == 2 && p.pixels[0] == 25 && p.pixels[1] == 0);
    ij_picture_fill(&p, -5, 1, 100, 100, white); /* what lies outside is left out */
    assert_true(p.pixels[0] == 25 && p.pixels[6] == 255 && p.pixels[11] == 255);
    ij_picture_free(&p);
    assert_int_equal(ij_picture_shrink(&p, four, 4, 4), IJ_OK);
    assert_memory_equal(p.pixels, four, sizeof four);
    ij_picture_free(&p);
    ij_heat_colour(-1, dark);
    ij_heat_colour(2, bright);
    assert_true(dark[0] + dark[1] + dark[2] < 100 && bright[0] + bright[1] + bright[2] > 600);
    for (int i = 0; i <= 100; i++) { /* lighter all the way */
        uint8_t c[3];
        ij_heat_colour(i / 100.0, c);
        assert_true(299 * c[0] + 587 * c[1] + 114 * c[2] >= 299 * before[0] + 587 * before[1] + 114 * before[2]);
        memcpy(before, c, sizeof before);
    }
}

static void text(void **state)
{
    (void)state;
    char *got = NULL;
    size_t size;
    FILE *out = open_memstream(&got, &size);
    assert_non_null(out);
    ij_html_text(out, "<a href=\"x\">&\x01\xc3\xa9");
    fclose(out);
    assert_string_equal(got, "&lt;a href=&quot;x&quot;&gt;&amp; \xc3\xa9");
    free(got);
}

/* ---- Features as colours ----------------------------------------------------------------------------------------- */

/* Patches along one line in a space of five: one component holds all, which rises with the place on the line from 0 to
 * 255, the outermost hundredths cut off on both sides. */
static void colours(void **state)
{
    (void)state;
    enum { N = 200, DIM = 5 };
    float rows[N][DIM];
    uint8_t seen[N][3];
    double shares[3];
    for (int t = 0; t < N; t++)
        for (int i = 0; i < DIM; i++)
            rows[t][i] = (float)(i - 1) + (i == 3 ? 2.0f : 0.5f) * (float)t / N;
    assert_int_equal(ij_feature_colours(rows[0], N, DIM, seen[0], shares), IJ_OK);
    assert_true(shares[0] > 0.999999 && shares[0] < 1.000001 && shares[1] < 1e-6 && shares[2] < 1e-6);
    assert_true(seen[0][0] == 0 && seen[4][0] == 0 && seen[N - 5][0] == 255 && seen[N - 1][0] == 255);
    for (int t = 5; t < N - 5; t++)
        assert_true(abs(seen[t][0] - (int)(255.0 * (t - 4) / (N - 9) + 0.5)) <= 1);

    for (int t = 0; t < N; t++) /* no differences: a grey, whatever the scale */
        memset(rows[t], 0, sizeof rows[t]);
    assert_int_equal(ij_feature_colours(rows[0], N, DIM, seen[0], shares), IJ_OK);
    assert_true(seen[0][0] == 128 && seen[N - 1][2] == 128 && shares[0] == 0);
}

static const uint8_t *pixel_at(const ij_picture *p, int x, int y)
{
    return p->pixels + (y * p->width + x) * 3;
}

/* `images` images of `size` pixels beside side x side patches: each lies where it should, `edge` pixels large. */
static void expect_sheet(int images, int size, int side, int edge, int width, int height)
{
    ij_picture sheet;
    uint8_t *pixels = calloc((size_t)(images * size * size), 3);
    uint8_t *patches = calloc((size_t)(images * side * side), 3);
    assert_true(pixels && patches);
    for (int i = 0; i < images; i++) {
        memset(pixels + i * size * size * 3, 100 + i, (size_t)(size * size * 3));
        for (int p = 0; p < side * side; p++)
            patches[(i * side * side + p) * 3 + 1] = (uint8_t)(p + 1);
    }
    assert_int_equal(ij_feature_sheet(&sheet, pixels, images, size, patches, side), IJ_OK);
    assert_int_equal(sheet.width, width);
    assert_int_equal(sheet.height, height);
    assert_int_equal(pixel_at(&sheet, 0, 0)[2], 24); /* the ground */
    for (int i = 0; i < images; i++) {
        int left = 12 + i % 4 * (2 * edge + 14), top = 12 + i / 4 * (edge + 12), right = left + edge + 2;
        assert_int_equal(pixel_at(&sheet, left, top)[0], 100 + i);
        assert_int_equal(pixel_at(&sheet, left + edge - 1, top + edge - 1)[0], 100 + i);
        assert_int_equal(pixel_at(&sheet, left + edge, top)[2], 24);
        assert_int_equal(pixel_at(&sheet, right, top)[1], 1);
        assert_int_equal(pixel_at(&sheet, right + edge - 1, top)[1], side);
        assert_int_equal(pixel_at(&sheet, right + edge - 1, top + edge - 1)[1], side * side);
        assert_int_equal(pixel_at(&sheet, right, top)[0], 0);
    }
    ij_picture_free(&sheet);
    free(pixels);
    free(patches);
}

static void sheets(void **state)
{
    (void)state;
    expect_sheet(12, 28, 7, 112, 4 * 238 + 12, 3 * 124 + 12);
    expect_sheet(5, 224, 14, 112, 4 * 238 + 12, 2 * 124 + 12);
    expect_sheet(1, 96, 12, 96, 206 + 12, 108 + 12);
    expect_sheet(2, 150, 10, 75, 2 * 164 + 12, 87 + 12); /* patches of seven pixels and of eight */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tables),     cmocka_unit_test(envelopes),
                                       cmocka_unit_test(ticks),      cmocka_unit_test(charts),
                                       cmocka_unit_test(components), cmocka_unit_test(components_of_noise),
                                       cmocka_unit_test(pictures),   cmocka_unit_test(text),
                                       cmocka_unit_test(colours),    cmocka_unit_test(sheets)};
    return cmocka_run_group_tests_name("report_parts", tests, NULL, NULL);
}
