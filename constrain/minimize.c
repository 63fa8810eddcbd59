/* Minimal automata. */
#include "native.h"

/* The edges of a partial table. Neighbouring classes that lead to the same state are one edge. */
typedef struct {
    const int32_t *table; /* [states, classes] */
    int64_t states, classes, edges;
    int64_t *out;             /* [states + 1]: out of q are the edges from out[q] to out[q + 1] */
    int64_t *in;              /* [states + 1], and one more for counting */
    int32_t *entering;        /* [edges]: into q are entering[in[q]] .. entering[in[q + 1] - 1] */
    int32_t *source, *target; /* [edges] */
    int16_t *first, *last;    /* [edges]: an edge has the classes from the first to one before the last */
    int32_t *reached;         /* what the start leads to, breadth first, by class */
    int64_t reachable;
    bool *useful; /* [states]: the start leads to it, and it leads to an ending */
} Graph;

static void close_graph(Graph *graph) {
    free(graph->out), free(graph->in), free(graph->entering), free(graph->source), free(graph->target);
    free(graph->first), free(graph->last), free(graph->reached), free(graph->useful);
}

/* Whatever it returns, the graph is to be closed. */
static bool open_graph(Graph *graph, const bool *ending, int64_t start) {
    int64_t states = graph->states, classes = graph->classes, edges = 0;
    for (int64_t q = 0; q < states; q++) {
        const int32_t *row = graph->table + q * classes;
        for (int64_t c = 0; c < classes; c++) edges += row[c] >= 0 && (!c || row[c] != row[c - 1]);
    }
    if (edges > INT32_MAX) return false;
    graph->edges = edges;
    graph->out = array(states + 1, sizeof *graph->out), graph->in = calloc((size_t)states + 2, sizeof *graph->in);
    graph->entering = array(edges, sizeof *graph->entering);
    graph->source = array(edges, sizeof *graph->source), graph->target = array(edges, sizeof *graph->target);
    graph->first = array(edges, sizeof *graph->first), graph->last = array(edges, sizeof *graph->last);
    graph->reached = array(states, sizeof *graph->reached);
    graph->useful = calloc((size_t)states, sizeof *graph->useful);
    int32_t *queue = array(states, sizeof *queue);
    bool *seen = calloc((size_t)states, sizeof *seen);
    bool complete = graph->out && graph->in && graph->entering && graph->source && graph->target && graph->first &&
                    graph->last && graph->reached && graph->useful && queue && seen;
    if (!complete) goto end;

    int64_t edge = 0;
    for (int64_t q = 0; q < states; q++) {
        const int32_t *row = graph->table + q * classes;
        graph->out[q] = edge;
        for (int64_t c = 0, after; c < classes; c = after) {
            for (after = c + 1; after < classes && row[after] == row[c];) after++;
            if (row[c] < 0) continue;
            graph->source[edge] = (int32_t)q, graph->target[edge] = row[c];
            graph->first[edge] = (int16_t)c, graph->last[edge] = (int16_t)after;
            graph->in[row[c] + 2]++;
            edge++;
        }
    }
    graph->out[states] = edges;
    for (int64_t q = 0; q < states; q++) graph->in[q + 2] += graph->in[q + 1];
    for (edge = 0; edge < edges; edge++) graph->entering[graph->in[graph->target[edge] + 1]++] = (int32_t)edge;

    int64_t count = 0;
    graph->reached[count++] = (int32_t)start, seen[start] = true;
    for (int64_t n = 0; n < count; n++) {
        int32_t q = graph->reached[n];
        for (edge = graph->out[q]; edge < graph->out[q + 1]; edge++) {
            int32_t target = graph->target[edge];
            if (!seen[target]) graph->reached[count++] = target, seen[target] = true;
        }
    }
    graph->reachable = count;
    int64_t ends = 0;
    for (int64_t n = 0; n < count; n++) {
        int32_t q = graph->reached[n];
        if (ending[q]) queue[ends++] = q, graph->useful[q] = true;
    }
    for (int64_t n = 0; n < ends; n++)
        for (int64_t k = graph->in[queue[n]]; k < graph->in[queue[n] + 1]; k++) {
            int32_t source = graph->source[graph->entering[k]];
            if (seen[source] && !graph->useful[source]) queue[ends++] = source, graph->useful[source] = true;
        }
end:
    free(queue), free(seen);
    return complete;
}

int64_t constrain_useful(const int32_t *table, int64_t states, int64_t classes, const bool *ending, int64_t start,
                         bool *found) {
    Graph graph = {.table = table, .states = states, .classes = classes};
    bool complete = open_graph(&graph, ending, start);
    if (complete) memcpy(found, graph.useful, (size_t)states * sizeof *found);
    close_graph(&graph);
    return complete ? 0 : NO_MEMORY;
}

typedef struct {
    uint64_t key;
    int32_t state;
} Keyed;

static int by_key(const void *one, const void *other) {
    uint64_t a = ((const Keyed *)one)->key, b = ((const Keyed *)other)->key;
    return (a > b) - (a < b);
}

/* The coarsest partition in which acceptance agrees and so do, for every block, the sums of the weights of a state's
 * edges into it: Valmari and Franceschinis, "Simple O(m log n) Time Markov Chain Lumping" (TACAS 2010). A block that is
 * split leaves its number to the largest part, and the others wait to split what leads to them.
 */
static bool partition(const Graph *graph, const bool *accepting, const uint64_t *weight, int32_t *block) {
    int64_t states = graph->states, blocks = 0, waiting = 0;
    int32_t *member = array(states, sizeof *member), *place = array(states, sizeof *place);
    int32_t *begin = array(states + 1, sizeof *begin), *end = array(states + 1, sizeof *end);
    int32_t *touched = array(states, sizeof *touched), *parted = array(states, sizeof *parted);
    int32_t *stack = array(states + 1, sizeof *stack), *marked = calloc((size_t)states + 1, sizeof *marked);
    uint64_t *key = array(states, sizeof *key);
    Keyed *keyed = array(states, sizeof *keyed);
    bool *seen = calloc((size_t)states, sizeof *seen);
    bool complete = member && place && begin && end && touched && parted && stack && marked && key && keyed && seen;
    if (!complete) goto end;

    int32_t count = 0;
    for (int accepts = 1; accepts >= 0; accepts--) {
        begin[blocks] = count;
        for (int64_t n = 0; n < graph->reachable; n++) {
            int32_t q = graph->reached[n];
            if (!graph->useful[q] || accepting[q] != accepts) continue;
            member[count] = q, place[q] = count++, block[q] = (int32_t)blocks;
        }
        end[blocks] = count;
        if (begin[blocks] < count) stack[waiting++] = (int32_t)blocks++;
    }
    while (waiting) {
        int32_t splitter = stack[--waiting];
        int64_t touches = 0, parts = 0;
        for (int32_t i = begin[splitter]; i < end[splitter]; i++)
            for (int64_t k = graph->in[member[i]]; k < graph->in[member[i] + 1]; k++) {
                int32_t edge = graph->entering[k], q = graph->source[edge];
                if (!graph->useful[q]) continue;
                if (!seen[q]) seen[q] = true, key[q] = 0, touched[touches++] = q;
                key[q] += weight[graph->last[edge]] - weight[graph->first[edge]];
            }
        for (int64_t n = 0; n < touches; n++) { /* to the front of their blocks */
            int32_t q = touched[n], b = block[q], other = member[begin[b] + marked[b]];
            if (!marked[b]) parted[parts++] = b;
            member[place[q]] = other, place[other] = place[q];
            place[q] = begin[b] + marked[b]++, member[place[q]] = q;
            seen[q] = false;
        }
        for (int64_t n = 0; n < parts; n++) {
            int32_t b = parted[n], low = begin[b], high = end[b], middle = low + marked[b];
            bool alike = true;
            for (int32_t i = low; i < middle; i++) {
                keyed[i - low] = (Keyed){key[member[i]], member[i]};
                alike &= keyed[i - low].key == keyed->key;
            }
            marked[b] = 0;
            if (alike && middle == high) continue;
            if (!alike) {
                qsort(keyed, (size_t)(middle - low), sizeof *keyed, by_key);
                for (int32_t i = low; i < middle; i++) member[i] = keyed[i - low].state, place[member[i]] = i;
            }
            int32_t largest = middle, longest = high - middle; /* the part that no edge into the splitter leaves */
            for (int32_t i = low, after; i < middle; i = after) {
                for (after = i + 1; after < middle && keyed[after - low].key == keyed[i - low].key;) after++;
                if (after - i > longest) largest = i, longest = after - i;
            }
            for (int32_t i = low, after; i < high; i = after) {
                for (after = i + 1; after < middle && keyed[after - low].key == keyed[i - low].key;) after++;
                if (i >= middle) after = high;
                if (i == largest) continue;
                begin[blocks] = i, end[blocks] = after;
                for (int32_t j = i; j < after; j++) block[member[j]] = (int32_t)blocks;
                stack[waiting++] = (int32_t)blocks++;
            }
            begin[b] = largest, end[b] = largest + longest;
        }
    }
end:
    free(member), free(place), free(begin), free(end), free(touched), free(parted), free(stack), free(marked);
    free(key), free(keyed), free(seen);
    return complete;
}

enum { UNSTABLE = -2 };

/* Blocks are numbered by their first members in breadth-first order, which is the order of their own such walk. */
int64_t constrain_minimal(const int32_t *table, int64_t states, int64_t classes, const bool *accepting, int64_t start,
                          const uint64_t *weight, bool merges, int32_t *smaller, bool *ending) {
    Graph graph = {.table = table, .states = states, .classes = classes};
    int32_t *blocks = array(states + 1, sizeof *blocks), *number = array(states, sizeof *number);
    int32_t *leader = array(states, sizeof *leader);
    int64_t count = NO_MEMORY;
    if (!blocks || !number || !leader || !open_graph(&graph, accepting, start)) goto end;
    int32_t *block = blocks + 1; /* block[-1] is where nothing follows */
    for (int64_t q = -1; q < states; q++) block[q] = -1;
    for (int64_t q = 0; q < states && !merges; q++)
        if (graph.useful[q]) block[q] = (int32_t)q;
    if (merges && !partition(&graph, accepting, weight, block)) goto end;
    count = 0;
    memset(number, -1, (size_t)states * sizeof *number);
    for (int64_t n = 0; n < graph.reachable; n++) {
        int32_t q = graph.reached[n];
        if (!graph.useful[q]) continue;
        if (number[block[q]] < 0) {
            number[block[q]] = (int32_t)count, leader[count++] = q;
            continue;
        }
        const int32_t *row = table + q * classes, *first = table + leader[number[block[q]]] * classes;
        for (int64_t c = 0; c < classes; c++)
            if (block[row[c]] != block[first[c]]) {
                count = UNSTABLE;
                goto end;
            }
    }
    for (int64_t n = 0; n < count; n++) {
        ending[n] = accepting[leader[n]];
        for (int64_t c = 0; c < classes; c++) {
            int32_t after = block[table[leader[n] * classes + c]];
            smaller[n * classes + c] = after < 0 ? -1 : number[after];
        }
    }
end:
    free(blocks), free(number), free(leader);
    close_graph(&graph);
    return count;
}
