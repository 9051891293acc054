/* Finds the samples of tar shards in WebDataset's convention: members that share the path up to the first dot of the
 * file name are one sample, .jpg, .jpeg or .png its image and .cls its class. Only headers are read. Formats: ustar
 * (POSIX.1-1988), pax (POSIX.1-2001: path and size) and GNU (long names, sizes in base 256). */
#include "data/labels.h"
#include "data/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
    BLOCK = 512,
    MAX_NAME = 1 << 16,   /* bytes of a long name or of pax records */
    MAX_SHARDS = 1000000, /* of one range */
    MAX_IMAGE = 1 << 30   /* bytes; what claims to be larger is passed over */
};

/* Fields of a header block, POSIX.1-1988. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    SIZE = 124,
    CHECKSUM = 148,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155
};
enum { GNU_IS_EXTENDED = 482, GNU_STILL_EXTENDED = 504 };

/* A member's header. */
typedef struct member {
    char type;
    uint64_t size, data; /* data: its offset in the shard */
    char *name;
    size_t length;
} member;

typedef struct shard {
    ij_listing *listing;
    ij_labels *labels;
    const char *name;
    int file;
    uint64_t size; /* of the file */
    uint64_t at;   /* the next header */
    size_t first;  /* the shard's first sample */

    /* the part of the file that is in memory: small members need no reading of their own */
    uint8_t window[8 * BLOCK];
    uint64_t window_at;
    size_t window_size;

    /* what the headers before a member's own say of it */
    char *long_name;
    size_t long_name_length;
    bool has_size;
    uint64_t pax_size;

    char *name_buffer;
    size_t name_capacity;

    /* the sample whose members are being met; key_length 0: none */
    char *key;
    size_t key_length, key_capacity;
    bool has_image;
    ij_sample sample;
} shard;

/* ---- Bytes ------------------------------------------------------------------------------------------------------ */

static ssize_t read_at(int file, void *bytes, size_t size, uint64_t at)
{
    ssize_t got;
    do
        got = pread(file, bytes, size, (off_t)at);
    while (got < 0 && errno == EINTR);
    return got;
}

/* `size` (at most the window's) bytes at offset `at`; NULL where the file ends before or cannot be read. */
static const uint8_t *look(shard *s, uint64_t at, size_t size)
{
    if (at > s->size || size > s->size - at)
        return NULL;
    if (at < s->window_at || at + size > s->window_at + s->window_size) {
        s->window_at = at;
        s->window_size = 0;
        while (s->window_size < size) {
            ssize_t got =
                read_at(s->file, s->window + s->window_size, sizeof s->window - s->window_size, at + s->window_size);
            if (got <= 0)
                return NULL;
            s->window_size += (size_t)got;
        }
    }
    return s->window + (at - s->window_at);
}

/* ---- Headers ---------------------------------------------------------------------------------------------------- */

static size_t length_of(const uint8_t *field, size_t size)
{
    const uint8_t *end = memchr(field, 0, size);
    return end ? (size_t)(end - field) : size;
}

/* Octal digits between blanks, or base 256 where the first bit is set. */
static bool parse_number(const uint8_t *field, size_t size, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    if (field[0] & 0x80) {
        for (i = 1; i < size; i++) {
            if (*value >> 55)
                return false;
            *value = *value << 8 | field[i];
        }
        return (field[0] & 0x7F) == 0;
    }
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    return i == size || field[i] == 0 || field[i] == ' ';
}

static bool checksum_fits(const uint8_t *header)
{
    uint64_t said;
    uint32_t sum = 8 * ' ';
    int32_t as_signed = 8 * ' '; /* some old writers summed signed bytes */
    for (int i = 0; i < BLOCK; i++) {
        if (i >= CHECKSUM && i < CHECKSUM + 8)
            continue;
        sum += header[i];
        as_signed += (int8_t)header[i];
    }
    return parse_number(header + CHECKSUM, 8, &said) && (said == sum || (int64_t)said == as_signed);
}

static bool is_end(const uint8_t *header)
{
    for (int i = 0; i < BLOCK; i++)
        if (header[i])
            return false;
    return true;
}

static bool set_text(char **text, size_t *capacity, const void *bytes, size_t length)
{
    if (!ij_grow(text, capacity, length + 1, 1))
        return false;
    if (length)
        memcpy(*text, bytes, length);
    (*text)[length] = 0;
    return true;
}

/* The member's name from its header: prefix/name in ustar proper, whose magic ends in a zero byte. */
static bool short_name(shard *s, const uint8_t *header, member *m)
{
    char name[PREFIX_SIZE + 1 + NAME_SIZE];
    size_t length = 0, part = length_of(header + PREFIX, PREFIX_SIZE);
    if (memcmp(header + MAGIC, "ustar", 6) == 0 && part) {
        memcpy(name, header + PREFIX, part);
        length = part;
        name[length++] = '/';
    }
    part = length_of(header + NAME, NAME_SIZE);
    memcpy(name + length, header + NAME, part);
    m->length = length + part;
    return set_text(&s->name_buffer, &s->name_capacity, name, m->length);
}

static void forget_extras(shard *s)
{
    free(s->long_name);
    s->long_name = NULL;
    s->long_name_length = 0;
    s->has_size = false;
}

static ij_status keep_long_name(shard *s, const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return ij_fail(IJ_ENOMEM, "no memory for the names of %s", s->name);
    memcpy(copy, bytes, length);
    copy[length] = 0;
    free(s->long_name);
    s->long_name = copy;
    s->long_name_length = strlen(copy);
    return IJ_OK;
}

/* "LENGTH KEY=VALUE\n", LENGTH counting the whole record. Stops at the first that is none. */
static ij_status parse_pax(shard *s, const char *text, size_t size)
{
    ij_status status = IJ_OK;
    while (size && !status) {
        size_t length = 0, digits = 0;
        while (digits < size && digits < 9 && text[digits] >= '0' && text[digits] <= '9')
            length = length * 10 + (size_t)(text[digits++] - '0');
        if (digits == 0 || digits >= size || text[digits] != ' ' || length <= digits + 1 || length > size ||
            text[length - 1] != '\n')
            break;
        const char *key = text + digits + 1, *end = text + length - 1;
        const char *equals = memchr(key, '=', (size_t)(end - key));
        size_t key_length = equals ? (size_t)(equals - key) : 0;
        if (key_length == 4 && memcmp(key, "path", 4) == 0)
            status = keep_long_name(s, equals + 1, (size_t)(end - equals - 1));
        if (key_length == 4 && memcmp(key, "size", 4) == 0) {
            s->pax_size = 0;
            for (const char *c = equals + 1; c < end && *c >= '0' && *c <= '9' && !(s->pax_size >> 58); c++)
                s->pax_size = s->pax_size * 10 + (uint64_t)(*c - '0');
            s->has_size = true;
        }
        text += length;
        size -= length;
    }
    return status;
}

/* A header that describes the next member. False, without an error, where it is damaged. */
static ij_status read_extra(shard *s, const member *m, bool *sound)
{
    *sound = m->size > 0 && m->size <= MAX_NAME && m->data <= s->size && m->size <= s->size - m->data;
    if (!*sound || (m->type != 'x' && m->type != 'L'))
        return IJ_OK;
    char *text = malloc(m->size);
    if (!text)
        return ij_fail(IJ_ENOMEM, "no memory for the names of %s", s->name);
    *sound = read_at(s->file, text, m->size, m->data) == (ssize_t)m->size;
    ij_status status = IJ_OK;
    if (*sound)
        status = m->type == 'x' ? parse_pax(s, text, m->size) : keep_long_name(s, text, m->size);
    free(text);
    return status;
}

/* ---- Samples ---------------------------------------------------------------------------------------------------- */

static ij_status end_sample(shard *s)
{
    s->key_length = 0;
    if (!s->has_image) {
        s->listing->ignored += s->sample.label >= 0;
        return IJ_OK;
    }
    s->has_image = false;
    return ij_listing_add_sample(s->listing, s->sample);
}

static ij_status begin_sample(shard *s, const char *key, size_t length)
{
    if (s->key_length == length && memcmp(s->key, key, length) == 0)
        return IJ_OK;
    ij_status status = s->key_length ? end_sample(s) : IJ_OK;
    if (!status && !set_text(&s->key, &s->key_capacity, key, length))
        status = ij_fail(IJ_ENOMEM, "no memory for the names of %s", s->name);
    s->key_length = length;
    s->sample = (ij_sample){.container = (uint32_t)s->listing->container_count - 1, .label = -1};
    s->has_image = false;
    return status;
}

static ij_status add_label(shard *s, const member *m)
{
    const char *text = m->size <= IJ_LABEL_BYTES ? (const char *)look(s, m->data, m->size) : NULL;
    size_t length = text ? m->size : 0;
    while (length && strchr(" \t\r\n", text[length - 1])) /* zero bytes at the end go too */
        length--;
    while (length && strchr(" \t\r\n", *text)) {
        text++;
        length--;
    }
    if (length == 0 || memchr(text, 0, length)) {
        s->listing->ignored++;
        return IJ_OK;
    }
    ij_status status = ij_labels_intern(s->labels, text, length, &s->sample.label);
    return status ? ij_fail_in(status, "%s: %s: ", s->name, m->name) : IJ_OK;
}

static ij_status add_image(shard *s, const member *m)
{
    if (s->has_image || m->size > MAX_IMAGE || m->data / BLOCK > UINT32_MAX) {
        s->listing->ignored++;
        return IJ_OK;
    }
    s->has_image = true;
    s->sample.block = (uint32_t)(m->data / BLOCK);
    s->sample.size = (uint32_t)m->size;
    return ij_listing_add_text(s->listing, m->name, m->length, &s->sample.name);
}

static ij_status add_file(shard *s, const member *m)
{
    const char *slash = strrchr(m->name, '/'), *base = slash ? slash + 1 : m->name;
    const char *dot = strchr(base, '.');
    if (*base == '.' || !*base)
        return IJ_OK;
    if (!dot) {
        s->listing->ignored++;
        return IJ_OK;
    }
    ij_status status = begin_sample(s, m->name, (size_t)(dot - m->name));
    if (status)
        return status;
    if (strcasecmp(dot, ".cls") == 0)
        return add_label(s, m);
    if (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 || strcasecmp(dot, ".png") == 0)
        return add_image(s, m);
    s->listing->ignored++;
    return IJ_OK;
}

/* ---- A shard ---------------------------------------------------------------------------------------------------- */

static ij_status note_damage(shard *s, const char *what, const char *where)
{
    ij_status status = s->key_length ? end_sample(s) : IJ_OK;
    size_t before = s->listing->sample_count - s->first;
    return status ? status
                  : ij_listing_add_note(s->listing, "%s %s%s: %s", s->name, what, where,
                                        before ? "only the samples before are used" : "none of its samples is used");
}

static bool has_data(char type)
{
    return !(type >= '1' && type <= '6'); /* links, devices, folders, FIFOs */
}

/* Takes in the header at s->at and moves on; *more is false at the end. */
static ij_status read_member(shard *s, bool *more)
{
    member m;
    ij_status status = IJ_OK;
    bool sound = true;
    *more = false;
    if (s->at == s->size)
        return s->key_length ? end_sample(s) : IJ_OK; /* many writers leave the end mark out */
    const uint8_t *header = look(s, s->at, BLOCK);
    if (!header)
        return note_damage(s, "is cut off", "");
    if (is_end(header))
        return s->key_length ? end_sample(s) : IJ_OK;
    if (!checksum_fits(header) || !parse_number(header + SIZE, 12, &m.size))
        return note_damage(s, s->at ? "is damaged" : "is no tar file", "");
    m.type = (char)header[TYPE];
    m.data = s->at + BLOCK;
    bool extra = m.type == 'x' || m.type == 'g' || m.type == 'L' || m.type == 'K';
    if (!short_name(s, header, &m))
        return ij_fail(IJ_ENOMEM, "no memory for the names of %s", s->name);
    for (bool extended = m.type == 'S' && header[GNU_IS_EXTENDED]; extended; m.data += BLOCK) {
        header = look(s, m.data, BLOCK);
        if (!header)
            return note_damage(s, "is cut off", "");
        extended = header[GNU_STILL_EXTENDED];
    }
    m.name = s->name_buffer;
    if (extra && (status = read_extra(s, &m, &sound)))
        return status;
    if (!extra && s->long_name) {
        m.name = s->long_name;
        m.length = s->long_name_length;
    }
    if (!extra && s->has_size)
        m.size = s->pax_size;
    if (!has_data(m.type))
        m.size = 0;
    if (m.data > s->size || m.size > s->size - m.data)
        return note_damage(s, "is cut off in the middle of ", m.name);
    if (!sound)
        return note_damage(s, "is damaged", "");
    bool file = m.type == '0' || m.type == 0 || m.type == '7';
    if (file)
        status = add_file(s, &m);
    else if (!extra && m.type != '5')
        s->listing->ignored++;
    if (!extra)
        forget_extras(s);
    uint64_t padded = (m.size + BLOCK - 1) / BLOCK * BLOCK;
    s->at = padded > s->size - m.data ? s->size : m.data + padded;
    *more = true;
    return status;
}

ij_status ij_tar_read(ij_listing *listing, ij_labels *labels, int file, uint64_t size, const char *name)
{
    shard *s = calloc(1, sizeof *s);
    if (!s)
        return ij_fail(IJ_ENOMEM, "no memory to read %s", name);
    s->listing = listing;
    s->labels = labels;
    s->name = name;
    s->file = file;
    s->size = size;
    s->first = listing->sample_count;
    bool more = size > 0;
    ij_status status = more ? IJ_OK : ij_listing_add_note(listing, "%s is empty", name);
    while (more && !status)
        status = read_member(s, &more);
    forget_extras(s);
    free(s->name_buffer);
    free(s->key);
    free(s);
    return status;
}

/* ---- Shards ----------------------------------------------------------------------------------------------------- */

/* One shard. Where it cannot be opened, that is an error if `must`, and otherwise a note. */
static ij_status add_shard(ij_listing *listing, ij_labels *labels, const char *root, const char *name, bool must)
{
    struct stat info;
    char *path = ij_source_join(root, name);
    if (!path)
        return ij_fail(IJ_ENOMEM, "no memory for the shards of %s", root);
    ij_status status = IJ_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool opened = file >= 0 && fstat(file, &info) == 0;
    if (opened && !S_ISREG(info.st_mode)) {
        opened = false;
        errno = EINVAL;
    }
    if (!opened && must)
        status = ij_fail(IJ_EIO, "cannot read the shard %s: %s", path, strerror(errno));
    else if (!opened)
        status = ij_listing_add_note(listing, "%s cannot be read: %s", path, strerror(errno));
    else
        status = ij_listing_add_container(listing, name, &info);
    if (opened && !status)
        status = ij_tar_read(listing, labels, file, (uint64_t)info.st_size, path);
    if (file >= 0)
        close(file);
    free(path);
    return status;
}

/* before{000..146}after. */
typedef struct range {
    size_t before;     /* bytes */
    const char *after; /* behind the brace */
    long first, last;
    int digits; /* numbers are filled up to with zeros */
} range;

static bool parse_range(const char *name, range *r)
{
    const char *open_brace = strchr(name, '{');
    if (!open_brace)
        return false;
    char *end;
    r->before = (size_t)(open_brace - name);
    const char *first = open_brace + 1;
    if (*first < '0' || *first > '9')
        return false;
    r->first = strtol(first, &end, 10);
    r->digits = *first == '0' ? (int)(end - first) : 1;
    if (end - first > 9 || strncmp(end, "..", 2) != 0 || end[2] < '0' || end[2] > '9')
        return false;
    const char *last = end + 2;
    r->last = strtol(last, &end, 10);
    r->after = end + 1;
    return end - last <= 9 && *end == '}' && r->last >= r->first && r->last - r->first < MAX_SHARDS;
}

static ij_status add_range(ij_listing *listing, ij_labels *labels, const char *root, const char *name, const range *r)
{
    size_t size = strlen(name) + 16;
    char *shard_name = malloc(size);
    if (!shard_name)
        return ij_fail(IJ_ENOMEM, "no memory for the shards of %s", name);
    ij_status status = IJ_OK;
    for (long i = r->first; i <= r->last && !status; i++) {
        snprintf(shard_name, size, "%.*s%0*ld%s", (int)r->before, name, r->digits, i, r->after);
        status = add_shard(listing, labels, root, shard_name, true);
    }
    free(shard_name);
    return status;
}

ij_status ij_tar_list(ij_listing *listing, const char *root, const char *name)
{
    range r;
    struct stat info;
    ij_labels *labels = NULL;
    listing->kind = IJ_SOURCE_TAR;
    char *path = ij_source_join(root, name);
    if (!path)
        return ij_fail(IJ_ENOMEM, "no memory for the shards of %s", name);
    ij_status status = ij_labels_create(&labels);
    if (!status && (!strchr(name, '{') || stat(path, &info) == 0)) /* a file's own name may hold braces */
        status = add_shard(listing, labels, root, name, true);
    else if (!status && parse_range(name, &r))
        status = add_range(listing, labels, root, name, &r);
    else if (!status)
        status = ij_fail(IJ_EINVAL, "%s: a range of shards is one pair of numbers, such as {000..146}", path);
    if (!status)
        status = ij_labels_resolve(labels, listing);
    ij_labels_destroy(labels);
    free(path);
    return status;
}

static bool is_shard_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return *name != '.' && dot && strcasecmp(dot, ".tar") == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the shards in a folder, in order. */
static ij_status find_shards(const char *root, DIR *directory, char ***names, size_t *count)
{
    size_t capacity = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!is_shard_name(entry->d_name))
            continue;
        char *copy = ij_grow(names, &capacity, *count + 1, sizeof **names) ? strdup(entry->d_name) : NULL;
        if (!copy)
            return ij_fail(IJ_ENOMEM, "no memory for the shards of %s", root);
        (*names)[(*count)++] = copy;
    }
    if (*count)
        qsort(*names, *count, sizeof **names, by_name);
    return IJ_OK;
}

ij_status ij_tar_list_folder(ij_listing *listing, const char *root)
{
    struct stat info;
    char **names = NULL;
    size_t count = 0;
    ij_labels *labels = NULL;
    DIR *directory = opendir(*root ? root : ".");
    if (!directory || fstat(dirfd(directory), &info) != 0) {
        int error = errno;
        if (directory)
            closedir(directory);
        return ij_fail(IJ_EIO, "cannot open the folder %s: %s", root, strerror(error));
    }
    ij_status status = find_shards(root, directory, &names, &count);
    closedir(directory);
    if (!status && count) {
        ij_listing_free(listing); /* of what was found to be no folder of images */
        listing->kind = IJ_SOURCE_TAR;
        status = ij_listing_add_container(listing, "", &info);
        if (!status)
            status = ij_labels_create(&labels);
        for (size_t i = 0; i < count && !status; i++)
            status = add_shard(listing, labels, root, names[i], false);
        if (!status)
            status = ij_labels_resolve(labels, listing);
    }
    ij_labels_destroy(labels);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    return status;
}
