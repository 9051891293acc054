#include "engine/base/random.h"

#include <math.h>

static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

void ij_random_start(ij_random *r, uint64_t seed, ij_stream stream, uint64_t a, uint32_t b)
{
    r->key[0] = (uint32_t)seed;
    r->key[1] = (uint32_t)(seed >> 32);
    r->counter[0] = 0;
    r->counter[1] = (uint32_t)stream << 24 | (uint32_t)(a >> 32 & 0xFFFFFF);
    r->counter[2] = (uint32_t)a;
    r->counter[3] = b;
    r->used = 4;
}

uint32_t ij_random_u32(ij_random *r)
{
    if (r->used == 4) {
        philox(r->counter, r->key, r->block);
        r->counter[0]++;
        r->used = 0;
    }
    return r->block[r->used++];
}

float ij_random_uniform(ij_random *r)
{
    return (float)(ij_random_u32(r) >> 8) * 0x1p-24f;
}

uint32_t ij_random_below(ij_random *r, uint32_t n)
{
    /* Lemire's multiply-and-reject: the low half below 2^32 mod n marks the over-represented values. */
    uint32_t reject = (uint32_t)(-n) % n;
    uint64_t product;
    do
        product = (uint64_t)ij_random_u32(r) * n;
    while ((uint32_t)product < reject);
    return (uint32_t)(product >> 32);
}

void ij_random_normals(ij_random *r, float pair[2])
{
    float u = ((float)(ij_random_u32(r) >> 8) + 1.0f) * 0x1p-24f; /* (0, 1] */
    float v = (float)(ij_random_u32(r) >> 8) * (0x1p-24f * 6.2831853f);
    float radius = sqrtf(-2.0f * logf(u));
    pair[0] = radius * cosf(v);
    pair[1] = radius * sinf(v);
}

float ij_random_normal(ij_random *r)
{
    float pair[2];
    ij_random_normals(r, pair);
    return pair[0];
}
