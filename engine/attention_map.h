/* Where a token looks: the weights with which a block's heads attend, on the host, from its queries and keys. Training
 * never has them as a whole (ops/attention.h). Knows no OpenCL. */
#ifndef IJ_ATTENTION_MAP_H
#define IJ_ATTENTION_MAP_H

/* weights [heads, tokens] = softmax over the tokens of (query . key / sqrt(head_dim)), for the one token `query` of a
 * sequence in qkv [tokens, 3, heads, head_dim]. Each head's sum is 1. */
void ij_attention_map(const float *qkv, int tokens, int heads, int head_dim, int query, float *weights);

#endif
