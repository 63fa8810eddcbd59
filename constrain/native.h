/* What the C files share. They hold the loops of compiling that go node by node and pair by pair, where numpy would
 * need whole layers at a time. Functions that are not static are called by `native.py`, which says what they do and
 * checks what they are given; comments here say how. They work on arrays of their caller alone and keep nothing between
 * calls, so that threads may call them at once. NO_MEMORY and NULL mean that memory ran out, or that more than 2^31
 * would be numbered; what was taken is free again then.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NO_MEMORY = -1 };

static inline void *array(int64_t count, size_t size) { return malloc((size_t)(count + !count) * size); }

/* Room for `count` items of `size` bytes in the array whose pointer, of whatever type, is at `place`: so it is copied.
 * False, with nothing changed, where there is none.
 */
static inline bool reserve(void *place, int64_t *room, int64_t count, size_t size) {
    if (count <= *room) return true;
    void *old, *grown;
    memcpy(&old, place, sizeof old);
    if (!(grown = realloc(old, (size_t)(2 * count) * size))) return false;
    memcpy(place, &grown, sizeof grown);
    *room = 2 * count;
    return true;
}

/* A node of a trie, in one place because a walk needs all of it: the groups of the letters on edges below, in 56 bits,
 * and above them the letter of the edge that leads here; the node after the last one below; how many strings come
 * before those that begin with the prefix.
 */
typedef struct {
    uint64_t letters;
    int32_t next, begin;
} Node;

enum { GROUPS = 56 };

static inline uint64_t groups_below(Node node) { return node.letters & (((uint64_t)1 << GROUPS) - 1); }

static inline uint8_t letter_into(Node node) { return (uint8_t)(node.letters >> GROUPS); }

/* An entry of a map: from one state to another. */
typedef struct {
    uint32_t source, target;
} Pair;
