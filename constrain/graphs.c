/* Walks in graphs. */
#include "native.h"

/* `steps` is below 0 where nobody has been; `queue` begins with the seeds. */
void constrain_search(int64_t *queue, int64_t seeds, const int64_t *offsets, const int64_t *neighbours,
                      int64_t *steps) {
    int64_t count = 0;
    for (int64_t n = 0; n < seeds; n++)
        if (steps[queue[n]] < 0) steps[queue[n]] = 0, queue[count++] = queue[n];
    for (int64_t n = 0; n < count; n++)
        for (int64_t edge = offsets[queue[n]]; edge < offsets[queue[n] + 1]; edge++) {
            int64_t other = neighbours[edge];
            if (steps[other] < 0) steps[other] = steps[queue[n]] + 1, queue[count++] = other;
        }
}
