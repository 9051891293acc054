/* A stack machine, as the format demands: opcodes push values, or build one of those above the last mark. Every opcode
 * makes at most one value, so that memory is bounded by the pickle's length. */
#include "engine/files/torch_pickle.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 16 << 20, MAX_VALUES = 1 << 20, MAX_DIMS = 8, CHUNK = 1024 };

/* ---- The globals ------------------------------------------------------------------------------------------------ */

enum { ORDERED_DICT, SIZE, REBUILD_TENSOR, REBUILD_PARAMETER, STORAGES };

static const char *const functions[STORAGES] = {[ORDERED_DICT] = "collections.OrderedDict",
                                                [SIZE] = "torch.Size",
                                                [REBUILD_TENSOR] = "torch._utils._rebuild_tensor_v2",
                                                [REBUILD_PARAMETER] = "torch._utils._rebuild_parameter"};
static const struct {
    const char *name;
    ij_dtype dtype;
} storages[] = {{"torch.FloatStorage", IJ_F32},  {"torch.HalfStorage", IJ_F16}, {"torch.BFloat16Storage", IJ_BF16},
                {"torch.DoubleStorage", IJ_F64}, {"torch.LongStorage", IJ_I64}, {"torch.IntStorage", IJ_I32},
                {"torch.ShortStorage", IJ_I16},  {"torch.CharStorage", IJ_I8},  {"torch.ByteStorage", IJ_U8},
                {"torch.BoolStorage", IJ_BOOL}};
enum { N_STORAGES = sizeof storages / sizeof storages[0] };

/* ---- Memory ----------------------------------------------------------------------------------------------------- */

typedef struct chunk {
    struct chunk *next;
    int used;
    ij_pickle_value values[CHUNK];
} chunk;

struct ij_pickle {
    chunk *chunks;
    size_t values;
    const ij_pickle_value *root;
};

typedef struct machine {
    ij_pickle *pickle;
    const char *what;
    const unsigned char *bytes;
    size_t size, at;
    ij_pickle_value **stack, **memo;
    size_t depth, stack_room, memo_count, memo_room; /* memo_count: one more than the largest number in use */
} machine;

static ij_status refuse(const machine *m, const char *reason)
{
    return ij_fail(IJ_EFORMAT, "%s: %s (near byte %zu)", m->what, reason, m->at);
}

static ij_status no_memory(const machine *m)
{
    return ij_fail(IJ_ENOMEM, "%s: no memory to read it", m->what);
}

/* A value that lives as long as the pickle. */
static ij_status make(machine *m, ij_pickle_kind kind, ij_pickle_value **value)
{
    ij_pickle *p = m->pickle;
    if (p->values++ == MAX_VALUES)
        return refuse(m, "holds more than a million values");
    if (!p->chunks || p->chunks->used == CHUNK) {
        chunk *c = malloc(sizeof *c);
        if (!c)
            return no_memory(m);
        c->next = p->chunks;
        c->used = 0;
        p->chunks = c;
    }
    *value = &p->chunks->values[p->chunks->used++];
    **value = (ij_pickle_value){.kind = kind};
    return IJ_OK;
}

/* Room for one more in an array of pointers. */
static ij_status grow(const machine *m, ij_pickle_value ***array, size_t count, size_t *room)
{
    if (count < *room)
        return IJ_OK;
    size_t wanted = *room ? 2 * *room : 16;
    ij_pickle_value **longer = realloc(*array, wanted * sizeof *longer);
    if (!longer)
        return no_memory(m);
    *array = longer;
    *room = wanted;
    return IJ_OK;
}

static ij_status push(machine *m, ij_pickle_value *value)
{
    ij_status status = grow(m, &m->stack, m->depth, &m->stack_room);
    if (!status)
        m->stack[m->depth++] = value;
    return status;
}

static ij_status push_new(machine *m, ij_pickle_kind kind, int64_t number, double real)
{
    ij_pickle_value *value = NULL;
    ij_status status = make(m, kind, &value);
    if (status)
        return status;
    value->number = number;
    value->real = real;
    return push(m, value);
}

/* The topmost value, taken off; a mark is none. */
static ij_status pop(machine *m, ij_pickle_value **value)
{
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == IJ_PICKLE_MARK)
        return refuse(m, "damaged: its stack is empty where a value is wanted");
    *value = m->stack[--m->depth];
    return IJ_OK;
}

/* Where the values above the last mark begin; the mark is below. */
static ij_status find_mark(const machine *m, size_t *first)
{
    for (size_t i = m->depth; i > 0; i--)
        if (m->stack[i - 1]->kind == IJ_PICKLE_MARK) {
            *first = i;
            return IJ_OK;
        }
    return refuse(m, "damaged: a mark is missing");
}

static ij_status append(const machine *m, ij_pickle_value *list, ij_pickle_value *value)
{
    ij_status status = grow(m, &list->items, list->count, &list->capacity);
    if (!status)
        list->items[list->count++] = value;
    return status;
}

/* ---- Arguments of opcodes --------------------------------------------------------------------------------------- */

static ij_status take(machine *m, uint64_t bytes, const unsigned char **from)
{
    if (bytes > m->size - m->at)
        return refuse(m, "cut short");
    *from = m->bytes + m->at;
    m->at += (size_t)bytes;
    return IJ_OK;
}

static ij_status take_number(machine *m, int width, uint64_t *value)
{
    const unsigned char *from = NULL;
    ij_status status = take(m, (uint64_t)width, &from);
    *value = 0;
    for (int i = width - 1; i >= 0 && !status; i--)
        *value = *value << 8 | from[i];
    return status;
}

static ij_status push_text(machine *m, const unsigned char *from, size_t length)
{
    ij_pickle_value *value = NULL;
    if (memchr(from, 0, length))
        return refuse(m, "a text has a zero character");
    ij_status status = make(m, IJ_PICKLE_TEXT, &value);
    if (status)
        return status;
    char *text = malloc(length + 1);
    if (!text)
        return no_memory(m);
    memcpy(text, from, length);
    text[length] = '\0';
    value->text = text;
    return push(m, value);
}

static ij_status text(machine *m, int width)
{
    uint64_t length;
    const unsigned char *from = NULL;
    ij_status status = take_number(m, width, &length);
    if (!status)
        status = take(m, length, &from);
    return status ? status : push_text(m, from, (size_t)length);
}

/* LONG1: a whole number of `bytes` bytes, two's complement. */
static ij_status long_number(machine *m)
{
    uint64_t length, value = 0;
    const unsigned char *from = NULL;
    ij_status status = take_number(m, 1, &length);
    if (!status)
        status = take(m, length, &from);
    if (status)
        return status;
    if (length > 8)
        return refuse(m, "holds a number beyond 64 bits");
    if (length && from[length - 1] & 0x80)
        value = ~(uint64_t)0;
    for (size_t i = (size_t)length; i-- > 0;)
        value = value << 8 | from[i];
    int64_t number;
    memcpy(&number, &value, sizeof number);
    return push_new(m, IJ_PICKLE_INT, number, 0);
}

static ij_status real_number(machine *m)
{
    const unsigned char *from = NULL;
    uint64_t bits = 0;
    double value;
    ij_status status = take(m, 8, &from);
    for (int i = 0; i < 8 && !status; i++) /* big-endian, unlike all else */
        bits = bits << 8 | from[i];
    memcpy(&value, &bits, sizeof value);
    return status ? status : push_new(m, IJ_PICKLE_FLOAT, 0, value);
}

/* ---- Memo ------------------------------------------------------------------------------------------------------- */

static ij_status put(machine *m, uint64_t number)
{
    if (m->depth == 0 || m->stack[m->depth - 1]->kind == IJ_PICKLE_MARK)
        return refuse(m, "damaged: there is nothing to remember");
    if (number >= MAX_VALUES)
        return refuse(m, "remembers more than a million values");
    while (m->memo_count <= number) {
        ij_status status = grow(m, &m->memo, m->memo_count, &m->memo_room);
        if (status)
            return status;
        m->memo[m->memo_count++] = NULL;
    }
    m->memo[number] = m->stack[m->depth - 1];
    return IJ_OK;
}

static ij_status get(machine *m, uint64_t number)
{
    if (number >= m->memo_count || !m->memo[number])
        return refuse(m, "damaged: refers to what it has not remembered");
    return push(m, m->memo[number]);
}

/* ---- Globals and what they build --------------------------------------------------------------------------------- */

/* What a stranger's file calls something, fit for a terminal. */
static ij_status refuse_global(const machine *m, const char *module, const char *name)
{
    char shown[128];
    size_t n = 0;
    for (const char *part = module; part; part = part == module ? name : NULL) {
        for (const char *c = part; *c && n < sizeof shown - 2; c++)
            shown[n++] = *c > ' ' && *c < 127 ? *c : '?';
        if (part == module)
            shown[n++] = '.';
    }
    shown[n] = '\0';
    return ij_fail(
        IJ_EFORMAT,
        "%s: names %s, which a file of tensors has no need of; nothing of it is executed, and the file is not "
        "read",
        m->what, shown);
}

static ij_status push_global(machine *m, const char *module, const char *name)
{
    size_t length = strlen(module);
    for (int i = 0; i < STORAGES + N_STORAGES; i++) {
        const char *known = i < STORAGES ? functions[i] : storages[i - STORAGES].name;
        if (strncmp(known, module, length) == 0 && known[length] == '.' && strcmp(known + length + 1, name) == 0)
            return push_new(m, IJ_PICKLE_GLOBAL, i, 0);
    }
    return refuse_global(m, module, name);
}

/* GLOBAL: two lines, module and name. */
static ij_status global(machine *m)
{
    char line[2][96];
    for (int i = 0; i < 2; i++) {
        size_t left = m->size - m->at;
        const unsigned char *from = m->bytes + m->at, *end = memchr(from, '\n', left);
        size_t length = end ? (size_t)(end - from) : left, kept = length < 95 ? length : 95;
        if (!end)
            return refuse(m, "cut short");
        memcpy(line[i], from, kept);
        line[i][kept] = '\0';
        m->at += length + 1;
    }
    return push_global(m, line[0], line[1]);
}

static ij_status stack_global(machine *m)
{
    ij_pickle_value *name = NULL, *module = NULL;
    ij_status status = pop(m, &name);
    if (!status)
        status = pop(m, &module);
    if (!status && (name->kind != IJ_PICKLE_TEXT || module->kind != IJ_PICKLE_TEXT))
        status = refuse(m, "damaged: a global without a name");
    return status ? status : push_global(m, module->text, name->text);
}

/* The persistent identifier ('storage', type, key, location, elements) is a storage. */
static ij_status storage(machine *m)
{
    ij_pickle_value *id = NULL, *value = NULL;
    ij_status status = pop(m, &id);
    if (status)
        return status;
    if (id->kind != IJ_PICKLE_TUPLE || id->count != 5 || id->items[0]->kind != IJ_PICKLE_TEXT ||
        strcmp(id->items[0]->text, "storage") != 0 || id->items[1]->kind != IJ_PICKLE_GLOBAL ||
        id->items[1]->number < STORAGES || id->items[2]->kind != IJ_PICKLE_TEXT ||
        id->items[4]->kind != IJ_PICKLE_INT || id->items[4]->number < 0)
        return refuse(m, "refers to something that is no storage of a known type");
    if ((status = make(m, IJ_PICKLE_STORAGE, &value)))
        return status;
    if (!(value->tensor = calloc(1, sizeof *value->tensor)))
        return no_memory(m);
    value->tensor->key = id->items[2]->text;
    value->tensor->dtype = storages[id->items[1]->number - STORAGES].dtype;
    value->tensor->storage = id->items[4]->number;
    return push(m, value);
}

/* Numbers of a tuple, none negative. */
static bool whole_numbers(const ij_pickle_value *tuple, int64_t *numbers)
{
    if (tuple->kind != IJ_PICKLE_TUPLE || tuple->count > MAX_DIMS)
        return false;
    for (size_t i = 0; i < tuple->count; i++) {
        if (tuple->items[i]->kind != IJ_PICKLE_INT || tuple->items[i]->number < 0)
            return false;
        numbers[i] = tuple->items[i]->number;
    }
    return true;
}

/* Counts the elements and sees that all lie within the storage and that there are no more of them than it has. */
static bool within_storage(ij_pickle_tensor *t)
{
    int64_t last = t->offset;
    t->elements = 1;
    for (int i = 0; i < t->dims; i++)
        t->elements = t->shape[i] ? t->elements : 0;
    if (t->elements == 0)
        return true;
    for (int i = 0; i < t->dims; i++) {
        if (t->shape[i] > t->storage / t->elements)
            return false;
        t->elements *= t->shape[i];
        if (t->stride[i] > 0 && t->shape[i] - 1 > (t->storage - 1) / t->stride[i])
            return false;
        int64_t step = (t->shape[i] - 1) * t->stride[i];
        if (last > t->storage - 1 - step)
            return false;
        last += step;
    }
    return last < t->storage;
}

/* _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata]) */
static ij_status rebuild_tensor(machine *m, const ij_pickle_value *args)
{
    ij_pickle_value *value = NULL;
    if (args->count < 4 || args->items[0]->kind != IJ_PICKLE_STORAGE || args->items[1]->kind != IJ_PICKLE_INT ||
        args->items[1]->number < 0)
        return refuse(m, "damaged: a tensor without storage or place in it");
    ij_status status = make(m, IJ_PICKLE_TENSOR, &value);
    if (status)
        return status;
    ij_pickle_tensor *t = value->tensor = malloc(sizeof *t);
    if (!t)
        return no_memory(m);
    *t = *args->items[0]->tensor;
    t->offset = args->items[1]->number;
    t->dims = (int)args->items[2]->count;
    if (!whole_numbers(args->items[2], t->shape) || !whole_numbers(args->items[3], t->stride) ||
        args->items[2]->count != args->items[3]->count)
        return refuse(m, "a tensor has an impossible shape or stride");
    if (!within_storage(t))
        return refuse(m, "a tensor lies outside its storage, or repeats parts of it");
    return push(m, value);
}

/* REDUCE calls a function with arguments; these few are understood, not called. */
static ij_status reduce(machine *m)
{
    ij_pickle_value *args = NULL, *function = NULL;
    ij_status status = pop(m, &args);
    if (!status)
        status = pop(m, &function);
    if (status)
        return status;
    if (function->kind != IJ_PICKLE_GLOBAL || args->kind != IJ_PICKLE_TUPLE)
        return refuse(m, "calls something that is no function");
    if (function->number == ORDERED_DICT && args->count == 0)
        return push_new(m, IJ_PICKLE_DICT, 0, 0);
    if (function->number == SIZE && args->count == 1 && args->items[0]->kind == IJ_PICKLE_TUPLE)
        return push(m, args->items[0]);
    if (function->number == REBUILD_TENSOR)
        return rebuild_tensor(m, args);
    if (function->number == REBUILD_PARAMETER && args->count >= 1 && args->items[0]->kind == IJ_PICKLE_TENSOR)
        return push(m, args->items[0]);
    return refuse(m, "builds something from the wrong parts");
}

/* BUILD gives an object its attributes: a module's dictionary has some that do not matter here. */
static ij_status build(machine *m)
{
    ij_pickle_value *attributes = NULL;
    ij_status status = pop(m, &attributes);
    if (!status && (m->depth == 0 || m->stack[m->depth - 1]->kind != IJ_PICKLE_DICT))
        status = refuse(m, "gives attributes to something that is no dictionary");
    return status;
}

/* ---- Containers ------------------------------------------------------------------------------------------------- */

/* A tuple of the topmost `count` values. */
static ij_status tuple(machine *m, size_t count)
{
    ij_pickle_value *value = NULL;
    ij_status status = make(m, IJ_PICKLE_TUPLE, &value);
    if (!status && m->depth < count)
        status = refuse(m, "damaged: its stack is empty where a value is wanted");
    for (size_t i = m->depth - count; i < m->depth && !status; i++)
        status = m->stack[i]->kind == IJ_PICKLE_MARK ? refuse(m, "damaged: a mark in a tuple")
                                                     : append(m, value, m->stack[i]);
    if (status)
        return status;
    m->depth -= count;
    return push(m, value);
}

static ij_status tuple_to_mark(machine *m)
{
    size_t first = 0;
    ij_status status = find_mark(m, &first);
    if (!status)
        status = tuple(m, m->depth - first);
    if (status)
        return status;
    m->stack[m->depth - 2] = m->stack[m->depth - 1]; /* in the mark's place */
    m->depth--;
    return IJ_OK;
}

/* Adds the values from stack[first] on to the container below them, and takes them off; `marked`: a mark between. */
static ij_status fill(machine *m, ij_pickle_kind kind, size_t first, bool marked)
{
    size_t below = first - (marked ? 1 : 0);
    if (first > m->depth || below < 1 || m->stack[below - 1]->kind != kind ||
        (kind == IJ_PICKLE_DICT && (m->depth - first) % 2 != 0))
        return refuse(m, "damaged: fills something that is no list or dictionary");
    ij_pickle_value *container = m->stack[below - 1];
    for (size_t i = first; i < m->depth; i++) {
        ij_status status = m->stack[i]->kind == IJ_PICKLE_MARK ? refuse(m, "damaged: a mark in a list")
                                                               : append(m, container, m->stack[i]);
        if (status)
            return status;
    }
    m->depth = below;
    return IJ_OK;
}

static ij_status fill_to_mark(machine *m, ij_pickle_kind kind)
{
    size_t first = 0;
    ij_status status = find_mark(m, &first);
    return status ? status : fill(m, kind, first, true);
}

static ij_status fill_top(machine *m, ij_pickle_kind kind, size_t values)
{
    return m->depth < values ? refuse(m, "damaged: its stack is empty where a value is wanted")
                             : fill(m, kind, m->depth - values, false);
}

/* ---- The machine ------------------------------------------------------------------------------------------------ */

static ij_status number_of(machine *m, int width)
{
    uint64_t value;
    ij_status status = take_number(m, width, &value);
    return status ? status : push_new(m, IJ_PICKLE_INT, width == 4 ? (int32_t)(uint32_t)value : (int64_t)value, 0);
}

static ij_status remember(machine *m, int width)
{
    uint64_t number;
    ij_status status = take_number(m, width, &number);
    return status ? status : put(m, number);
}

static ij_status recall(machine *m, int width)
{
    uint64_t number;
    ij_status status = take_number(m, width, &number);
    return status ? status : get(m, number);
}

static ij_status protocol(machine *m)
{
    uint64_t number;
    ij_status status = take_number(m, 1, &number);
    return !status && number > 5 ? refuse(m, "is of a protocol later than 5") : status;
}

static ij_status frame(machine *m)
{
    uint64_t length; /* only a hint for reading ahead */
    return take_number(m, 8, &length);
}

static ij_status step(machine *m, int opcode)
{
    switch (opcode) {
    case 0x80:
        return protocol(m);
    case 0x95:
        return frame(m);
    case '(':
        return push_new(m, IJ_PICKLE_MARK, 0, 0);
    case 'N':
        return push_new(m, IJ_PICKLE_NONE, 0, 0);
    case 0x88:
    case 0x89:
        return push_new(m, IJ_PICKLE_BOOL, opcode == 0x88, 0);
    case 'J':
        return number_of(m, 4);
    case 'K':
        return number_of(m, 1);
    case 'M':
        return number_of(m, 2);
    case 0x8A:
        return long_number(m);
    case 'G':
        return real_number(m);
    case 'X':
        return text(m, 4);
    case 0x8C:
        return text(m, 1);
    case 0x8D:
        return text(m, 8);
    case '}':
        return push_new(m, IJ_PICKLE_DICT, 0, 0);
    case ']':
        return push_new(m, IJ_PICKLE_LIST, 0, 0);
    case ')':
        return tuple(m, 0);
    case 0x85:
    case 0x86:
    case 0x87:
        return tuple(m, (size_t)(opcode - 0x84));
    case 't':
        return tuple_to_mark(m);
    case 's':
        return fill_top(m, IJ_PICKLE_DICT, 2);
    case 'u':
        return fill_to_mark(m, IJ_PICKLE_DICT);
    case 'a':
        return fill_top(m, IJ_PICKLE_LIST, 1);
    case 'e':
        return fill_to_mark(m, IJ_PICKLE_LIST);
    case 'q':
        return remember(m, 1);
    case 'r':
        return remember(m, 4);
    case 0x94:
        return put(m, m->memo_count);
    case 'h':
        return recall(m, 1);
    case 'j':
        return recall(m, 4);
    case 'c':
        return global(m);
    case 0x93:
        return stack_global(m);
    case 'Q':
        return storage(m);
    case 'R':
        return reduce(m);
    case 'b':
        return build(m);
    default:
        return ij_fail(IJ_EFORMAT, "%s: opcode 0x%02X at byte %zu is not one that torch.save needs", m->what, opcode,
                       m->at - 1);
    }
}

static ij_status run(machine *m)
{
    for (;;) {
        const unsigned char *opcode = NULL;
        ij_status status = take(m, 1, &opcode);
        if (!status && *opcode == '.')
            break;
        if (!status)
            status = step(m, *opcode);
        if (status)
            return status;
    }
    ij_pickle_value *root = NULL;
    ij_status status = pop(m, &root);
    m->pickle->root = root;
    return status;
}

ij_status ij_pickle_read(ij_pickle **out, const char *what, const void *bytes, size_t size)
{
    *out = NULL;
    if (size > MAX_BYTES)
        return ij_fail(IJ_EFORMAT, "%s: has %zu bytes, more than any model's", what, size);
    machine m = {.pickle = calloc(1, sizeof *m.pickle), .what = what, .bytes = bytes, .size = size};
    if (!m.pickle)
        return no_memory(&m);
    ij_status status = run(&m);
    free(m.stack);
    free(m.memo);
    if (status) {
        ij_pickle_free(m.pickle);
        return status;
    }
    *out = m.pickle;
    return IJ_OK;
}

void ij_pickle_free(ij_pickle *p)
{
    if (!p)
        return;
    for (chunk *c = p->chunks, *next; c; c = next) {
        for (int i = 0; i < c->used; i++) {
            free((char *)c->values[i].text);
            free(c->values[i].items);
            free(c->values[i].tensor);
        }
        next = c->next;
        free(c);
    }
    free(p);
}

const ij_pickle_value *ij_pickle_root(const ij_pickle *p)
{
    return p->root;
}

const ij_pickle_value *ij_pickle_get(const ij_pickle_value *dict, const char *key)
{
    if (!dict || dict->kind != IJ_PICKLE_DICT)
        return NULL;
    for (size_t i = 0; i + 1 < dict->count; i += 2)
        if (dict->items[i]->kind == IJ_PICKLE_TEXT && strcmp(dict->items[i]->text, key) == 0)
            return dict->items[i + 1];
    return NULL;
}
