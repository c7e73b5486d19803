/* TestU01's SmallCrush or Crush over the words of a portable generator: battery GENERATOR STREAM [crush] [reversed]

   GENERATOR  triceras | lowbias32 | pcg3d          the one in use, and two that were rejected
   STREAM     counter | draws | seeds | first | keybits
   reversed   feeds each word with its bits in reverse order: the tests look hardest at the leading bits */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <testu01/bbattery.h>
#include <testu01/gofw.h>
#include <testu01/swrite.h>
#include <testu01/unif01.h>

typedef struct { uint32_t stride, offset, p; } Key;
typedef Key (*Schedule)(uint32_t k0, uint32_t k1);
typedef uint32_t (*Word)(uint32_t counter, Key key);

/* ---- generators ---- */

static uint32_t finalise(uint32_t h, uint32_t c) /* Wellons' lowbias32, with c added after the first multiplication */
{
    h ^= h >> 16;
    h = h * 0x7feb352du + c;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    return h ^ h >> 16;
}

static Key triceras_key(uint32_t k0, uint32_t k1)
{
    uint32_t p = finalise(k0 * 0x9e3779b1u + k1 * 0x85ebca76u + 0x243f6a88u, 0);
    uint32_t q = finalise(k0 * 0xc2b2ae3du + k1 * 0x27d4eb2fu + 0x85a308d3u, 0);
    return (Key){(p + q) | 1, q, p};
}

static uint32_t triceras_word(uint32_t counter, Key key)
{
    uint32_t x = counter * key.stride + key.offset;
    return x + finalise(x, key.p);
}

static Key raw_key(uint32_t k0, uint32_t k1) { return (Key){k0, k1, 0}; }

static uint32_t lowbias32_word(uint32_t counter, Key key) /* two rounds, a key word before each */
{
    return finalise(finalise(counter ^ key.stride, 0) ^ key.offset, 0);
}

static uint32_t pcg3d_word(uint32_t counter, Key key) /* Jarzynski & Olano 2020; three words a call, in turn */
{
    uint32_t x = counter / 3 * 1664525u + 1013904223u;
    uint32_t y = key.stride * 1664525u + 1013904223u, z = key.offset * 1664525u + 1013904223u;
    x += y * z, y += z * x, z += x * y;
    x ^= x >> 16, y ^= y >> 16, z ^= z >> 16;
    x += y * z, y += z * x, z += x * y;
    return counter % 3 == 0 ? x : counter % 3 == 1 ? y : z;
}

static const struct { const char *name; Schedule schedule; Word word; } GENERATORS[] = {
    {"triceras", triceras_key, triceras_word}, {"lowbias32", raw_key, lowbias32_word}, {"pcg3d", raw_key, pcg3d_word}};

/* ---- streams: the orders in which a program could meet the words ---- */

enum { SEED = 12345, DRAW = 7, DRAW_WORDS = 64, SEED_WORDS = 4, KEYS = 65 };

static Schedule schedule;
static Word word;
static Key keys[KEYS];
static uint32_t counter, lane;

static void start_draw(void) { keys[0] = schedule(SEED, lane); }
static void start_seed(void) { keys[0] = schedule(lane, 0); }

static uint32_t next_counter(void) /* one long draw; the next draw after 2**32 words */
{
    uint32_t w = word(counter++, keys[0]);
    if (counter == 0) lane++, start_draw();
    return w;
}

static uint32_t next_draw(void) /* draws 0, 1, 2, ... of one seed, 64 words of each */
{
    if (counter == DRAW_WORDS) counter = 0, lane++, start_draw();
    return word(counter++, keys[0]);
}

static uint32_t next_seed(void) /* seeds 0, 1, 2, ..., four words of each one's first draw */
{
    if (counter == SEED_WORDS) counter = 0, lane++, start_seed();
    return word(counter++, keys[0]);
}

static uint32_t next_first(void) /* word 0 of draws 0, 1, 2, ... */
{
    start_draw(), lane++;
    return word(0, keys[0]);
}

static void start_keybits(void)
{
    for (int bit = 0; bit < 32; bit++) {
        keys[bit] = schedule(SEED ^ 1u << bit, DRAW);
        keys[32 + bit] = schedule(SEED, DRAW ^ 1u << bit);
    }
    keys[64] = schedule(SEED, DRAW);
}

static uint32_t next_keybits(void) /* a key and the 64 that differ from it in one bit, word by word in turn */
{
    if (lane == KEYS) lane = 0, counter++;
    return word(counter, keys[lane++]);
}

static const struct { const char *name; void (*start)(void); uint32_t (*next)(void); } STREAMS[] = {
    {"counter", start_draw, next_counter}, {"draws", start_draw, next_draw}, {"seeds", start_seed, next_seed},
    {"first", start_draw, next_first}, {"keybits", start_keybits, next_keybits}};

static uint32_t (*next)(void);
static unsigned int forward(void) { return next(); }
static unsigned int reversed(void)
{
    uint32_t w = next();
    w = (w & 0x55555555u) << 1 | (w >> 1 & 0x55555555u);
    w = (w & 0x33333333u) << 2 | (w >> 2 & 0x33333333u);
    w = (w & 0x0f0f0f0fu) << 4 | (w >> 4 & 0x0f0f0f0fu);
    return __builtin_bswap32(w);
}

int main(int argc, char **argv)
{
    void (*start)(void) = NULL;
    int crush = 0, reverse = 0;
    for (int i = 3; i < argc; i++) crush |= !strcmp(argv[i], "crush"), reverse |= !strcmp(argv[i], "reversed");
    for (size_t i = 0; argc > 2 && i < sizeof GENERATORS / sizeof *GENERATORS; i++)
        if (!strcmp(argv[1], GENERATORS[i].name)) schedule = GENERATORS[i].schedule, word = GENERATORS[i].word;
    for (size_t i = 0; argc > 2 && i < sizeof STREAMS / sizeof *STREAMS; i++)
        if (!strcmp(argv[2], STREAMS[i].name)) start = STREAMS[i].start, next = STREAMS[i].next;
    if (!word || !start) {
        fputs("usage: battery triceras|lowbias32|pcg3d counter|draws|seeds|first|keybits [crush] [reversed]\n", stderr);
        return 2;
    }
    start();
    char name[64];
    snprintf(name, sizeof name, "%s, %s%s", argv[1], argv[2], reverse ? ", reversed" : "");
    swrite_Basic = FALSE;
    gofw_Suspectp = 1e-4; /* what the summary lists */
    unif01_Gen *generator = unif01_CreateExternGenBits(name, reverse ? reversed : forward);
    (crush ? bbattery_Crush : bbattery_SmallCrush)(generator);
    unif01_DeleteExternGenBits(generator);
    return 0;
}
