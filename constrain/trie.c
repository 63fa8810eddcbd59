/* Tries, numbered by prefix. */
#include "native.h"

/* String t is bytes[start[t]] .. bytes[start[t + 1] - 1]. */
int64_t constrain_trie(const uint8_t *bytes, const int64_t *start, int32_t strings, uint8_t *byte, int32_t *next,
                       int32_t *begin) {
    int64_t longest = 0, depth = 0;
    for (int32_t t = 0; t < strings; t++)
        if (start[t + 1] - start[t] > longest) longest = start[t + 1] - start[t];
    int32_t *path = array(longest + 1, sizeof *path); /* the nodes of the prefixes of the string before */
    if (!path) return NO_MEMORY;
    int32_t nodes = 1;
    path[0] = begin[0] = 0;
    byte[0] = 0;
    for (int32_t t = 0; t <= strings; t++) {
        const uint8_t *string = bytes + start[t];
        int64_t length = t < strings ? start[t + 1] - start[t] : 0, common = 0;
        while (common < depth && common < length && byte[path[common + 1]] == string[common]) common++;
        for (; depth > common; depth--) next[path[depth]] = nodes;
        for (; depth < length; nodes++) {
            byte[nodes] = string[depth];
            begin[nodes] = t;
            path[++depth] = nodes;
        }
    }
    next[0] = nodes;
    begin[nodes] = strings;
    free(path);
    return nodes;
}

/* From the last node to the first, so that children come before their parents. */
void constrain_trie_nodes(int64_t count, const uint8_t *byte, const int32_t *next, const int32_t *begin,
                          const uint8_t *group, const bool *special, Node *node, int32_t *ahead) {
    node[count] = (Node){0, (int32_t)count, begin[count]};
    ahead[count] = (int32_t)count;
    for (int32_t n = (int32_t)count - 1; n >= 0; n--) {
        uint64_t letters = (uint64_t)byte[n] << GROUPS;
        for (int32_t child = n + 1; child < next[n]; child = next[child])
            letters |= groups_below(node[child]) | (uint64_t)1 << group[byte[child]];
        node[n] = (Node){letters, next[n], begin[n]};
        ahead[n] = n && special[byte[n]] ? n : ahead[n + 1];
    }
}
