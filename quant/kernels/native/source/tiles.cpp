// Products of signed int8 codes by AMX, in tiles of 16 tokens or outputs by 64 inputs, exact in int32.
//
// The second half of a low-rank branch is multiplied in bfloat16, each number as the sum of two: of its factor a strip
// is, for every 32 ranks, a tile of the larger parts and one of the smaller, of two neighbouring ranks by 16 outputs.
#ifdef __AMX_INT8__
#include <sys/syscall.h>
#include <unistd.h>

#include "lanes.h"
#include "product.h"
#include "scratch.h"
#include "strips.h"
#include "tiles.h"

namespace {

using earmark::bf16;
using earmark::Lanes;
using earmark::LANES;

constexpr int64_t ACROSS = STRIP * STRIPS;  // outputs at once, as of tokens
constexpr int64_t CHUNK = 8;                // steps of 64 inputs whose codes and weights the first cache holds
constexpr int64_t TALL = 28;                // tiles of tokens whose codes the second cache holds: 448 of 2,048 inputs
constexpr int64_t KEPT = 1 << 20;           // bytes of codes, and of sums, that it holds besides

// The tokens in tiles: of each 16, their codes by steps; and of 32 ranks each what they are to the branch, in two parts.
struct Made {
    int8_t* codes;
    char* down;
    int64_t blocks, steps, ranks;
};

void make(const Product& p, int64_t block, const Made& made) {
    const auto place = [&](int64_t r, int64_t k) {
        const int64_t first = k / CHUNK * CHUNK, steps = std::min(CHUNK, made.steps - first);
        return made.codes + ((first * made.blocks) + block * steps + k - first) * TILE + r * DEEP;
    };
    char* down = made.down + block * made.ranks * 2 * TILE;
    for (int64_t r = 0; r < SIDE; r++) {
        const int64_t row = block * SIDE + r;
        if (row >= p.rows) {
            for (int64_t k = 0; k < made.steps; k++) std::memset(place(r, k), 0, DEEP);
            for (int64_t k = 0; k < 2 * made.ranks; k++) std::memset(down + k * TILE + r * DEEP, 0, DEEP);
            continue;
        }
        const int8_t* from = p.codes + row * p.inputs;
        for (int64_t k = 0; k < made.steps; k++) {
            const int64_t left = p.inputs - k * DEEP;
            const __mmask64 some = left < DEEP ? (1ull << left) - 1 : ~0ull;
            _mm512_store_si512(place(r, k), _mm512_maskz_loadu_epi8(some, from + k * DEEP));
        }
        for (int64_t rank = 0; rank < p.rank; rank += SIDE) {
            auto* to = reinterpret_cast<bf16*>(down + rank / RANKS * 2 * TILE + r * DEEP) + rank % RANKS;
            const Lanes value = earmark::load(p.down + row * p.rank + rank);
            earmark::store(to, value);
            earmark::store(to + TILE / 2, value - earmark::load(to));
        }
    }
}

// Codes of some steps of a pair of strips, made of halves: the strips CHUNK steps apart.
void make_codes(const Product& p, int64_t strip, int64_t from, int64_t steps, int64_t all, uint8_t* out) {
    for (int64_t n = 0; n < STRIPS; n++) {
        alignas(64) float by[STRIP * 4];
        for (int i = 0; i < STRIP * 4; i++) by[i] = p.inverse[(strip + n) * STRIP + i / 4];
        const uint16_t* halves = p.weight + ((strip + n) * all + from) * TILE;
        uint8_t* to = out + n * CHUNK * TILE;
        for (int64_t group = 0; group < steps * GROUPS; group++, halves += 64, to += 64) {
            const Wide four = broadcast(p.factor + (from * GROUPS + group) * 4);
#pragma GCC unroll 4
            for (int q = 0; q < 64; q += 16)
                _mm_store_si128(reinterpret_cast<__m128i*>(to + q), codes_of(halves + q, four, by + q));
        }
    }
    asm volatile("" ::: "memory");  // what loads tiles does not tell the compiler that it reads
}

// Sums over some steps, beginning with those in `sums` unless these are the FIRST. Meanwhile `ahead`, so many lines a
// step, comes nearer.
template <int BLOCKS, bool FIRST>
inline void add_sums(const int8_t* codes, int64_t block, const uint8_t* weight, int64_t strip, int64_t steps,
                     int32_t* sums, const char* ahead, int64_t lines) {
    if (FIRST)
        clear<BLOCKS>();
    else
        fetch<BLOCKS>(sums);
    for (int64_t k = 0; k < steps; k++) {
        EARMARK_STEP(_tile_dpbssd, codes + k * TILE, 64, block, weight + k * TILE, 64, strip)
        for (int64_t line = 0; line < lines; line++, ahead += 64) _mm_prefetch(ahead, _MM_HINT_T1);
    }
    keep<BLOCKS>(sums);
}

// What the branch adds to as many: three products of the parts, the fourth being too small to count.
template <int BLOCKS>
inline void branch_sums(const char* down, int64_t block, const char* back, int64_t strip, int64_t ranks, float* sums) {
    clear<BLOCKS>();
    for (int64_t k = 0; k < ranks; k++, down += 2 * TILE, back += 2 * TILE) {
        EARMARK_STEP(_tile_dpbf16ps, down, 64, block, back, 64, strip)
        EARMARK_STEP(_tile_dpbf16ps, down + TILE, 64, block, back, 64, strip)
        EARMARK_STEP(_tile_dpbf16ps, down, 64, block, back + TILE, 64, strip)
    }
    keep<BLOCKS>(sums);
}

inline __m512i narrow(const Lanes* y) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(earmark::narrow(y[0])), earmark::narrow(y[1]), 1);
}

// Scaled sums of `rows` tokens by 32 outputs, as many as are there, become results. Whole lines go past the caches, as they
// are as many as a cache has, and fetching them to write all of each takes a third of a product. The stream stays in them.
inline void finish(const Product& p, int64_t row, int64_t rows, int64_t first, const int32_t* sums,
                   const float* branch) {
    const int64_t count = p.outputs - first;
    const __mmask32 some = count < ACROSS ? (1u << count) - 1 : ~0u;
    const __mmask16 low = some & 0xffff, high = some >> 16;
    const uintptr_t line = reinterpret_cast<uintptr_t>(p.out) | p.outputs * (p.halves ? 2 : 4);
    const bool whole = count >= ACROSS && line % 64 == 0 && !p.stream;
    const auto both = [&](const float* from, Lanes* to) {
        to[0] = {_mm512_maskz_loadu_ps(low, from)};
        to[1] = {_mm512_maskz_loadu_ps(high, from + LANES)};
    };
    Lanes scale[2], bias[2], stream[2], y[2];
    both(p.scale + first, scale);
    if (p.bias) both(p.bias + first, bias);
    for (int64_t r = 0; r < rows; r++) {
        const int64_t tile = r / SIDE * 512 + r % SIDE * STRIP, at = (row + r) * p.outputs + first;
        for (int n = 0; n < 2; n++) {
            y[n] = Lanes{_mm512_cvtepi32_ps(_mm512_load_si512(sums + tile + n * 256))} * scale[n];
            if (branch) y[n] = y[n] + earmark::load(branch + tile + n * 256);
        }
        if (p.stream) {
            const Lanes token = earmark::all(p.token_scale[p.per_token ? row + r : 0]);
            both(p.stream + at, stream);
            for (int n = 0; n < 2; n++) {
                y[n] = stream[n] + y[n] * token;
                if (p.bias) y[n] = y[n] + bias[n];
            }
        }
        if (p.halves) {
            auto* out = static_cast<bf16*>(p.out) + at;
            if (whole)
                _mm512_stream_si512(reinterpret_cast<__m512i*>(out), narrow(y));
            else
                _mm512_mask_storeu_epi16(out, some, narrow(y));
        } else {
            auto* out = static_cast<float*>(p.out) + at;
            if (whole) {
                _mm512_stream_ps(out, y[0].v);
                _mm512_stream_ps(out + LANES, y[1].v);
            } else {
                _mm512_mask_storeu_ps(out, low, y[0].v);
                _mm512_mask_storeu_ps(out + LANES, high, y[1].v);
            }
        }
    }
}

// What one thread computes at once: some tokens, in tiles from `begin` to `end`, by pairs of strips.
struct Task {
    int64_t begin, end, pair, pairs;
};

// Inputs go by chunks: weights of one pair are then in the first cache while the tokens pass, and of all inputs of the
// tokens a chunk is in the second while the pairs pass.
void multiply(const Product& p, const Made& made, const Task& task) {
    const int64_t strip = made.steps * TILE, blocks = task.end - task.begin;
    const int64_t back_strip = made.ranks * 2 * TILE;
    uint8_t* codes_made = p.weight ? scratch<uint8_t, 4>(STRIPS * CHUNK * TILE) : nullptr;
    const auto* stored = p.weight ? reinterpret_cast<const char*>(p.weight) : reinterpret_cast<const char*>(p.packed);
    const int64_t size = p.weight ? 2 : 1, apart = p.weight ? CHUNK * TILE : strip;
    int32_t* sums = scratch<int32_t, 0>(task.pairs * (blocks + 1) * 512);
    float* branch = made.ranks ? scratch<float, 1>(1024) : nullptr;
    for (int64_t from = 0; from < made.steps; from += CHUNK) {
        const int64_t steps = std::min(CHUNK, made.steps - from);
        const bool last = from + steps == made.steps;
        for (int64_t pair = 0; pair < task.pairs; pair++) {
            const int64_t both = (task.pair + pair) * STRIPS, place = both * strip + from * TILE;
            const uint8_t* weight = codes_made ? codes_made : p.packed + place;
            if (codes_made) make_codes(p, both, from, steps, made.steps, codes_made);
            // The same chunk of the next pair, or the next of the first; half of the tokens bring one strip each.
            int64_t next = pair + 1 < task.pairs ? place + STRIPS * strip : place - pair * STRIPS * strip + steps * TILE;
            if (last && pair + 1 == task.pairs) next = place + STRIPS * strip - from * TILE;
            const int64_t units = (blocks + 3) / 4, lines = (size * steps * TILE / 64 + units * steps - 1) / (units * steps);
            for (int64_t block = 0; block < blocks; block += 2) {
                const int64_t at = task.begin + block, unit = block / 2;
                const int64_t rows = std::min(2 * SIDE, p.rows - at * SIDE);
                const int8_t* codes = made.codes + (from * made.blocks + at * steps) * TILE;
                int32_t* kept = sums + (pair * (blocks + 1) + block) * 512;
                const char* ahead = stored + size * (next + unit / units * strip) + unit % units * lines * steps * 64;
                if (rows > SIDE)
                    (from ? add_sums<2, false> : add_sums<2, true>)(codes, steps * TILE, weight, apart, steps, kept, ahead,
                                                                    lines);
                else
                    (from ? add_sums<1, false> : add_sums<1, true>)(codes, steps * TILE, weight, apart, steps, kept, ahead,
                                                                    lines);
                if (!last) continue;
                if (branch) {
                    const char *down = made.down + at * back_strip, *back = p.back + both * back_strip;
                    (rows > SIDE ? branch_sums<2> : branch_sums<1>)(down, back_strip, back, back_strip, made.ranks,
                                                                    branch);
                }
                finish(p, at * SIDE, rows, both * STRIP, kept, branch);
            }
        }
    }
}

}  // namespace

// Whether the kernel lets this process use tiles; it must be asked.
EXPORT int earmark_tiles() {
    constexpr int ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

// Multiply, scale and add as `given` says, with so many threads.
EXPORT void earmark_product(const Product* given, int64_t threads) {
    const Product& p = *given;
    const int64_t steps = groups_of(p.inputs) / GROUPS, ranks = p.rank / RANKS, pairs = strips_of(p.outputs) / STRIPS;
    const int64_t blocks = (p.rows + SIDE - 1) / SIDE, parts = (blocks + TALL - 1) / TALL;
    const int64_t tall = ((blocks + parts - 1) / parts + 1) / 2 * 2;
    // Where not all inputs of the tokens stay in the cache, several pairs share each chunk that does.
    const int64_t most = tall * steps * TILE > KEPT ? KEPT / (tall * 2048) : 1;
    const int64_t each = std::clamp<int64_t>((pairs * parts + 2 * threads - 1) / (2 * threads), 1, std::max<int64_t>(most, 1));
    const int64_t tasks = (pairs + each - 1) / each * parts;
    const Made made = {scratch<int8_t, 2>(blocks * steps * TILE), scratch<char, 3>(blocks * ranks * 2 * TILE), blocks, steps, ranks};
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
#pragma omp for
        for (int64_t block = 0; block < blocks; block++) make(p, block, made);
        Tiles tiles;
#pragma omp for schedule(dynamic) nowait
        for (int64_t n = 0; n < tasks; n++) {
            const int64_t first = n / parts * each, begin = n % parts * tall;
            multiply(p, made, {begin, std::min(blocks, begin + tall), first, std::min(each, pairs - first)});
        }
        _mm_sfence();
    }
}
#endif
