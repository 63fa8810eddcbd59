/* Maps of tokens: what they do to the states of an automaton. */
#include "native.h"

/* The digest of a map is the sum over its pairs, so that they need not wait for each other, and then mixed. */
static uint64_t summand(Pair pair) {
    uint64_t x = ((uint64_t)pair.source << 32 | pair.target) * 0x9E3779B97F4A7C15u;
    return x ^ x >> 32;
}

static uint64_t mixed(uint64_t x) {
    x = (x ^ x >> 32) * 0xBF58476D1CE4E5B9u;
    return x ^ x >> 32;
}

typedef struct { uint64_t loops, unusual[4]; } Letters;

typedef struct {
    int64_t end; /* its pairs are those from the end of the map before */
    uint64_t digest;
    Letters letters;
} Map;

typedef struct {
    int64_t states, classes, usual; /* `usual`: a class that most letters act like in most states */
    const int32_t *after;           /* [classes, states] */
    Letters *letters;               /* per state: the groups that do not lead away; the classes unlike the usual one */
    Map *map;                       /* [maps]: the groups that stay in all its targets, the classes unlike in some */
    Pair *pair;
    int32_t *composed; /* [maps, classes]: the map and then one letter, -1 where that is not known */
    int32_t *slot;     /* a hash table of maps with linear probing, -1 where it is free */
    int64_t maps, slots, map_room, pair_room, composed_room;
} Book;

static void close_book(Book *book) {
    free(book->letters), free(book->map), free(book->pair), free(book->composed), free(book->slot);
}

static bool rehash(Book *book, int64_t slots) {
    int32_t *slot = array(slots, sizeof *slot);
    if (!slot) return false;
    memset(slot, -1, (size_t)slots * sizeof *slot);
    for (int32_t m = 0; m < book->maps; m++) {
        uint64_t at = book->map[m].digest;
        while (slot[at &= (uint64_t)slots - 1] >= 0) at++;
        slot[at] = m;
    }
    free(book->slot);
    book->slot = slot, book->slots = slots;
    return true;
}

/* The number of the map whose pairs stand behind those of all maps; it is new unless one has the same pairs. */
static int32_t numbered(Book *book, int64_t length, uint64_t digest) {
    int64_t m = book->maps, begin = m ? book->map[m - 1].end : 0;
    uint64_t mask = (uint64_t)book->slots - 1, at = digest & mask;
    for (int32_t other; (other = book->slot[at]) >= 0; at = (at + 1) & mask) {
        int64_t first = other ? book->map[other - 1].end : 0;
        if (book->map[other].digest == digest && book->map[other].end - first == length &&
            !memcmp(book->pair + first, book->pair + begin, (size_t)length * sizeof(Pair)))
            return other;
    }
    if (!reserve(&book->map, &book->map_room, m + 1, sizeof(Map)) ||
        !reserve(&book->composed, &book->composed_room, (m + 1) * book->classes, sizeof(int32_t)) || m == INT32_MAX)
        return NO_MEMORY;
    memset(book->composed + m * book->classes, -1, (size_t)book->classes * sizeof(int32_t));
    Letters letters = {~(uint64_t)0, {0}};
    for (int64_t n = begin; n < begin + length; n++) {
        const Letters *in = &book->letters[book->pair[n].target];
        letters.loops &= in->loops;
        for (int w = 0; w < 4; w++) letters.unusual[w] |= in->unusual[w];
    }
    book->map[m] = (Map){begin + length, digest, letters};
    book->slot[at] = (int32_t)m;
    book->maps++;
    if (2 * book->maps > book->slots && !rehash(book, 2 * book->slots)) return NO_MEMORY;
    return (int32_t)m;
}

static int32_t compose(Book *book, int32_t m, int64_t class) {
    int64_t key = m * book->classes + class;
    if (book->composed[key] >= 0) return book->composed[key];
    int32_t found;
    if (class != book->usual && !(book->map[m].letters.unusual[class >> 6] >> (class & 63) & 1)) {
        found = compose(book, m, book->usual);
    } else {
        int64_t first = m ? book->map[m - 1].end : 0, end = book->map[m].end, last = book->map[book->maps - 1].end;
        if (!reserve(&book->pair, &book->pair_room, last + end - first, sizeof(Pair))) return NO_MEMORY;
        Pair *fresh = book->pair + last;
        const int32_t *after = book->after + class * book->states;
        uint64_t sum = 0;
        int64_t length = 0;
        for (int64_t n = first; n < end; n++) { /* without branches, which nobody could predict */
            int32_t target = after[book->pair[n].target];
            fresh[length] = (Pair){book->pair[n].source, (uint32_t)target};
            sum += target < 0 ? 0 : summand(fresh[length]);
            length += target >= 0;
        }
        found = numbered(book, length, mixed(sum));
    }
    if (found >= 0) book->composed[key] = found;
    return found;
}

/* Map 0, which leads nowhere, and map 1, the identity on the given states. */
static bool open_book(Book *book, const int32_t *source, int64_t sources, const uint8_t *letter_class,
                      const uint8_t *group) {
    uint64_t groups[256] = {0};
    for (int letter = 0; letter < 256; letter++) groups[letter_class[letter]] |= (uint64_t)1 << group[letter];
    int64_t states = book->states;
    if (!(book->letters = array(states, sizeof(Letters))) || !rehash(book, 1024) ||
        !reserve(&book->pair, &book->pair_room, sources, sizeof(Pair)))
        return false;
    for (int64_t q = 0; q < states; q++) book->letters[q] = (Letters){~(uint64_t)0, {0}};
    const int32_t *usual = book->after + book->usual * states;
    for (int64_t c = 0; c < book->classes; c++) {
        const int32_t *after = book->after + c * states;
        for (int64_t q = 0; q < states; q++) {
            if (after[q] != q) book->letters[q].loops &= ~groups[c];
            if (after[q] != usual[q]) book->letters[q].unusual[c >> 6] |= (uint64_t)1 << (c & 63);
        }
    }
    if (numbered(book, 0, mixed(0)) < 0) return false;
    memset(book->composed, 0, (size_t)book->classes * sizeof(int32_t));
    uint64_t sum = 0;
    for (int64_t n = 0; n < sources; n++) {
        uint32_t q = (uint32_t)source[n];
        book->pair[n] = (Pair){q, q};
        sum += summand(book->pair[n]);
    }
    return numbered(book, sources, mixed(sum)) >= 0;
}

typedef struct {
    int32_t end, map;
    bool leaps; /* over all plain bytes, which do not change the map */
} Frame;

typedef struct {
    int32_t end, map; /* of the tokens in sequence from the end of the run before */
} Run;

typedef struct {
    Run *run;
    int64_t count, room;
} Runs;

static bool extend(Runs *runs, int32_t end, int32_t map) {
    int32_t last = runs->count ? runs->run[runs->count - 1].end : 0;
    if (last == end) return true;
    if (runs->count && runs->run[runs->count - 1].map == map) {
        runs->run[runs->count - 1].end = end;
        return true;
    }
    if (!reserve(&runs->run, &runs->room, runs->count + 1, sizeof(Run))) return false;
    runs->run[runs->count++] = (Run){end, map};
    return true;
}

/* No letter of the groups in `plain` is special; `ahead[n]` is the first node from n on whose letter is special. A node
 * below which no letter changes its map is passed by; where only special ones can, the walk goes from one to the next
 * that is not below it.
 */
static bool walk(Book *book, Runs *runs, const Node *trie, const int32_t *ahead, const uint8_t *letter_class,
                 uint64_t plain) {
    int64_t room = 0, depth = 0;
    Frame *stack = NULL, *top;
    int32_t current = 1, node = 0, entered = 1;
    bool done = false;
    do {
        if (entered) {
            uint64_t loops = book->map[current].letters.loops;
            if (!(groups_below(trie[node]) & ~loops)) {
                node = trie[node].next;
            } else {
                if (!reserve(&stack, &room, depth + 1, sizeof *stack)) goto end;
                stack[depth++] = (Frame){trie[node].next, current, (loops & plain) == plain};
                node++;
            }
        }
        if (!depth) break;
        top = stack + depth - 1;
        if (top->leaps) {
            if (!extend(runs, trie[node].begin, current)) goto end;
            current = top->map;
            node = ahead[node] < top->end ? ahead[node] : top->end;
        }
        if (!extend(runs, trie[node].begin, current)) goto end;
        if ((entered = node < top->end)) {
            if ((current = compose(book, top->map, letter_class[letter_into(trie[node])])) < 0) goto end;
        } else {
            depth--;
        }
    } while (depth || entered);
    done = extend(runs, trie[trie->next].begin, current);
end:
    free(stack);
    return done;
}

typedef struct {
    int64_t count, *offsets;
    Pair *pairs;
} Maps;

void constrain_free_maps(Maps *maps) {
    if (maps) free(maps->offsets), free(maps->pairs), free(maps);
}

/* The maps that are some token's, in the order in which they were met, and map 0; runs are told of the new numbers. */
static Maps *used_maps(const Book *book, Runs *runs) {
    Maps *maps = calloc(1, sizeof *maps);
    int32_t *number = calloc((size_t)book->maps, sizeof *number);
    if (!maps || !number) goto failed;
    for (int64_t r = 0; r < runs->count; r++) number[runs->run[r].map] = 1;
    int64_t pairs = 0;
    number[0] = 0;
    maps->count = 1;
    for (int32_t m = 1; m < book->maps; m++) {
        if (!number[m]) continue;
        number[m] = (int32_t)maps->count++;
        pairs += book->map[m].end - book->map[m - 1].end;
    }
    maps->offsets = array(maps->count + 1, sizeof(int64_t)), maps->pairs = array(pairs, sizeof(Pair));
    if (!maps->offsets || !maps->pairs) goto failed;
    int64_t *end = maps->offsets + 1; /* of the last map; that of map 0 has no pairs */
    end[-1] = end[0] = 0;
    for (int32_t m = 1; m < book->maps; m++) {
        if (!number[m]) continue;
        int64_t first = book->map[m - 1].end, length = book->map[m].end - first;
        memcpy(maps->pairs + *end, book->pair + first, (size_t)length * sizeof(Pair));
        end[1] = *end + length;
        end++;
    }
    for (int64_t r = 0; r < runs->count; r++) runs->run[r].map = number[runs->run[r].map];
    free(number);
    return maps;
failed:
    free(number);
    constrain_free_maps(maps);
    return NULL;
}

Maps *constrain_token_maps(const int32_t *after, int64_t states, int64_t classes, int64_t usual, const int32_t *source,
                           int64_t sources, const uint8_t *letter_class, const uint8_t *group, uint64_t plain,
                           const Node *trie, const int32_t *ahead, const int32_t *sequence, int32_t *of_token) {
    Book book = {.states = states, .classes = classes, .usual = usual, .after = after};
    Runs runs = {0};
    Maps *maps = NULL;
    if (open_book(&book, source, sources, letter_class, group) &&
        walk(&book, &runs, trie, ahead, letter_class, plain) && (maps = used_maps(&book, &runs)))
        for (int64_t r = 0, t = 0; r < runs.count; r++)
            for (; t < runs.run[r].end; t++) of_token[sequence[t]] = runs.run[r].map;
    close_book(&book);
    free(runs.run);
    return maps;
}
