/* The pairs of all maps, bundled. */
#include "native.h"

typedef struct {
    Pair pair;
    int32_t map;
} Entry;

static bool same(Pair one, Pair other) { return one.source == other.source && one.target == other.target; }

/* All pairs by source, then target, then map, in two rounds of counting. */
static bool sort(const int64_t *offsets, int64_t maps, const Pair *pairs, int64_t states, Entry *sorted) {
    int64_t count = offsets[maps];
    int64_t *by_target = calloc((size_t)states + 1, sizeof *by_target);
    int64_t *by_source = calloc((size_t)states + 1, sizeof *by_source);
    Entry *half = array(count, sizeof *half);
    bool complete = by_target && by_source && half;
    if (complete) {
        for (int64_t n = 0; n < count; n++) by_target[pairs[n].target + 1]++, by_source[pairs[n].source + 1]++;
        for (int64_t q = 0; q < states; q++) by_target[q + 1] += by_target[q], by_source[q + 1] += by_source[q];
        for (int64_t m = 0; m < maps; m++)
            for (int64_t n = offsets[m]; n < offsets[m + 1]; n++)
                half[by_target[pairs[n].target]++] = (Entry){pairs[n], (int32_t)m};
        for (int64_t n = 0; n < count; n++) sorted[by_source[half[n].pair.source]++] = half[n];
    }
    free(by_target), free(by_source), free(half);
    return complete;
}

static uint64_t digest_of(const int64_t *row, int64_t length) {
    uint64_t digest = 0;
    for (int64_t n = 0; n < length; n++) {
        digest = (digest + (uint64_t)row[n]) * 0x9E3779B97F4A7C15u;
        digest ^= digest >> 32;
    }
    return digest;
}

/* A hash table of bundles with linear probing, -1 where it is free. */
static int64_t *hashed(const int64_t *member, const int64_t *ends, int64_t bundles, int64_t slots) {
    int64_t *slot = array(slots, sizeof *slot);
    if (!slot) return NULL;
    memset(slot, -1, (size_t)slots * sizeof *slot);
    for (int64_t b = 0; b < bundles; b++) {
        uint64_t at = digest_of(member + ends[b], ends[b + 1] - ends[b]);
        while (slot[at &= (uint64_t)slots - 1] >= 0) at++;
        slot[at] = b;
    }
    return slot;
}

int64_t constrain_bundled(const int64_t *offsets, int64_t maps, const Pair *pairs, int64_t states, int64_t *source,
                          int64_t *target, int64_t *bundle, int64_t *ends, int64_t *member, int64_t *bundles) {
    int64_t count = offsets[maps], links = 0, found = 0, slots = 1024, result = NO_MEMORY;
    int64_t *slot = hashed(member, ends, 0, slots);
    Entry *entry = array(count, sizeof *entry);
    if (!slot || !entry || !sort(offsets, maps, pairs, states, entry)) goto end;
    ends[0] = 0;
    for (int64_t low = 0, high; low < count; low = high, links++) {
        int64_t *row = member + ends[found], known; /* behind the bundles that there are */
        for (high = low; high < count && same(entry[high].pair, entry[low].pair); high++)
            row[high - low] = entry[high].map;
        uint64_t at = digest_of(row, high - low);
        for (; (known = slot[at &= (uint64_t)slots - 1]) >= 0; at++)
            if (ends[known + 1] - ends[known] == high - low &&
                !memcmp(member + ends[known], row, (size_t)(high - low) * sizeof *row))
                break;
        if (known < 0) {
            slot[at] = known = found++;
            ends[found] = ends[known] + high - low;
            if (2 * found > slots) {
                free(slot);
                if (!(slot = hashed(member, ends, found, slots *= 2))) goto end;
            }
        }
        source[links] = entry[low].pair.source, target[links] = entry[low].pair.target, bundle[links] = known;
    }
    *bundles = found;
    result = links;
end:
    free(entry), free(slot);
    return result;
}
