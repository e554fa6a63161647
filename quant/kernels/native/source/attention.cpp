// Attention of (batch, heads, tokens, d): all scores of a few queries at once, keys and values of a head in cache.
#include "lanes.h"
#ifdef __AMX_BF16__
#include "tiles.h"
#endif

namespace earmark {

#ifndef __AMX_BF16__
struct Tiles {};
#endif

constexpr int64_t ROWS = 6;
#ifdef __AVX512F__
constexpr int WIDE = 4, FEW = 2;
#else
constexpr int WIDE = 1, FEW = 1;
#endif

// (ROWS, 16 * COLUMNS) of a product: `a` a row every `lda`, `b` with `ldb` values a row; sums go along the inside.
template <int COLUMNS>
static inline void tile(const float* a, int64_t lda, const float* b, int64_t ldb, int64_t inside, float* out,
                        int64_t ldo) {
    Lanes sums[ROWS][COLUMNS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++) sums[r][c] = all(0);
    for (int64_t p = 0; p < inside; p++) {
        Lanes right[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) right[c] = load(b + p * ldb + c * LANES);
        for (int r = 0; r < ROWS; r++) {
            Lanes left = all(a[r * lda + p]);
            for (int c = 0; c < COLUMNS; c++) sums[r][c] = fused(left, right[c], sums[r][c]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++) store(out + r * ldo + c * LANES, sums[r][c]);
}

template <class T>
static inline void product(const T* a, int64_t lda, const T* b, int64_t ldb, int64_t inside, int64_t columns,
                           float* out, int64_t ldo) {
    int64_t c = 0;
    for (; c + WIDE * LANES <= columns; c += WIDE * LANES) tile<WIDE>(a, lda, b + c, ldb, inside, out + c, ldo);
    for (; c < columns; c += LANES) tile<1>(a, lda, b + c, ldb, inside, out + c, ldo);
}

// (keys, count) to (count, padded), zeros behind the keys; a key at a time, for gathers are slow.
template <class T>
static void transposed(T* out, const T* k, int64_t keys, int64_t padded, int64_t count) {
    for (int64_t i = 0; i < count; i++) std::fill(out + i * padded + keys, out + (i + 1) * padded, T(0));
    for (int64_t j = 0; j < keys; j++)
        for (int64_t i = 0; i < count; i++) out[i * padded + j] = k[j * count + i];
}

// Weights of the scores of FEW queries, and the sums of them before they are rounded; those behind the last key get none.
template <class T>
static inline void softmax(const float* scores, int64_t keys, int64_t padded, float scale, T* weights, float* sums) {
    const Lanes factor = all(scale * LOG2_E), lowest = all(-INFINITY);
    Lanes most[FEW], down[FEW], total[FEW];
#pragma GCC unroll 4
    for (int r = 0; r < FEW; r++) most[r] = lowest, total[r] = all(0);
    for (int64_t i = 0; i < padded; i += LANES)
#pragma GCC unroll 4
        for (int r = 0; r < FEW; r++) {
            const Lanes score = load(scores + r * padded + i);
            most[r] = larger(i + LANES > keys ? first(score, keys - i, lowest) : score, most[r]);
        }
#pragma GCC unroll 4
    for (int r = 0; r < FEW; r++) down[r] = all(0) - all(most_of(most[r])) * factor;
    for (int64_t i = 0; i < padded; i += LANES) {
        Lanes weight[FEW];
#pragma GCC unroll 4
        for (int r = 0; r < FEW; r++) weight[r] = fused(load(scores + r * padded + i), factor, down[r]);
        powers<FEW>(weight);
#pragma GCC unroll 4
        for (int r = 0; r < FEW; r++) {
            if (i + LANES > keys) weight[r] = first(weight[r], keys - i, all(0));
            store(weights + r * padded + i, weight[r]);
            total[r] = total[r] + weight[r];
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < FEW; r++) sums[r] = sum(total[r]);
}

// What is not a whole number of sixteen goes one by one.
template <class T>
static inline void divided(T* out, const float* found, int64_t d, float total) {
    float inverse = 1 / total;
    int64_t i = 0;
    for (; i + LANES <= d; i += LANES) store(out + i, load(found + i) * all(inverse));
    for (; i < d; i++) put(out + i, found[i] * inverse);
}

static int64_t filled(int64_t count, int64_t multiple) { return (count + multiple - 1) / multiple * multiple; }

static void attend(const float* q, const float* k, const float* v, int64_t queries, int64_t keys, int64_t d,
                   float scale, float* out, int64_t step) {
    int64_t padded = filled(keys, LANES), wide = filled(d, LANES);
    float* right = scratch<float, 2>(d * padded);
    float* values = scratch<float, 3>(keys * wide);
    float* scores = scratch<float, 4>(ROWS * padded);
    float* found = scratch<float, 5>(ROWS * wide);
    float* few = scratch<float, 6>(ROWS * d);
    transposed(right, k, keys, padded, d);
    for (int64_t j = 0; j < keys; j++)
        for (int64_t i = 0; i < wide; i++) values[j * wide + i] = i < d ? v[j * d + i] : 0;
    for (int64_t first = 0; first < queries; first += ROWS) {
        int64_t rows = std::min(ROWS, queries - first);
        const float* left = q + first * d;
        if (rows < ROWS) {
            std::fill(few, few + ROWS * d, 0.0f);
            std::copy(left, left + rows * d, few);
            left = few;
        }
        product(left, d, right, padded, d, padded, scores, padded);
        float sums[ROWS];
        for (int64_t r = 0; r < ROWS; r += FEW)
            softmax(scores + r * padded, keys, padded, scale, scores + r * padded, sums + r);
        product(scores, padded, values, wide, keys, wide, found, wide);
        for (int64_t r = 0; r < rows; r++)
            divided(out + (first + r) * step, found + r * wide, d, sums[r]);
    }
}

#ifdef __AVX512F__
// The same of 32 bits each, sixteen by sixteen: pairs of lines, then of those, then quarters of all.
static void transposed_square(uint32_t* out, int64_t ldo, const uint32_t* in, int64_t ldi, int64_t rows) {
    __m512i a[16], b[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; r++) a[r] = r < rows ? _mm512_loadu_si512(in + r * ldi) : _mm512_setzero_si512();
#pragma GCC unroll 8
    for (int r = 0; r < 16; r += 2) {
        b[r] = _mm512_unpacklo_epi32(a[r], a[r + 1]);
        b[r + 1] = _mm512_unpackhi_epi32(a[r], a[r + 1]);
    }
#pragma GCC unroll 4
    for (int r = 0; r < 16; r += 4)
#pragma GCC unroll 2
        for (int k = 0; k < 2; k++) {
            a[r + 2 * k] = _mm512_unpacklo_epi64(b[r + k], b[r + k + 2]);
            a[r + 2 * k + 1] = _mm512_unpackhi_epi64(b[r + k], b[r + k + 2]);
        }
#pragma GCC unroll 4
    for (int c = 0; c < 4; c++) {
        const __m512i even = _mm512_shuffle_i32x4(a[c], a[4 + c], 0x88), odd = _mm512_shuffle_i32x4(a[c], a[4 + c], 0xdd);
        const __m512i next = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0x88);
        const __m512i last = _mm512_shuffle_i32x4(a[8 + c], a[12 + c], 0xdd);
        _mm512_storeu_si512(out + c * ldo, _mm512_shuffle_i32x4(even, next, 0x88));
        _mm512_storeu_si512(out + (c + 4) * ldo, _mm512_shuffle_i32x4(odd, last, 0x88));
        _mm512_storeu_si512(out + (c + 8) * ldo, _mm512_shuffle_i32x4(even, next, 0xdd));
        _mm512_storeu_si512(out + (c + 12) * ldo, _mm512_shuffle_i32x4(odd, last, 0xdd));
    }
}

static void transposed_pairs(uint32_t* out, const uint32_t* k, int64_t keys, int64_t padded, int64_t count) {
    if (count % LANES) return transposed(out, k, keys, padded, count);
    for (int64_t j = 0; j < padded; j += LANES)
        for (int64_t i = 0; i < count; i += LANES)
            transposed_square(out + i * padded + j, padded, k + j * count + i, count, keys - j);
}

#define HALVES __attribute__((target("avx512bf16")))

// As above, with two neighbours of the inside in each 32 bits.
#ifdef __AMX_BF16__
constexpr int64_t QUERIES = 2 * SIDE, INSIDE = SIDE, ACROSS = 2 * SIDE;  // rows at once; filled up to multiples

static void product_pairs(const uint32_t* a, int64_t lda, const uint32_t* b, int64_t ldb, int64_t inside,
                          int64_t columns, float* out, int64_t ldo) {
    constexpr int BLOCKS = 2;
    for (int64_t c = 0; c < columns; c += ACROSS) {
        clear<BLOCKS>();
        for (int64_t p = 0; p < inside; p += SIDE) {
            const char *left = (const char*)(a + p), *right = (const char*)(b + p * ldb + c);
            EARMARK_STEP(_tile_dpbf16ps, left, lda * 4, SIDE * lda * 4, right, ldb * 4, 64)
        }
        _tile_stored(0, out + c, ldo * 4);
        _tile_stored(1, out + c + SIDE, ldo * 4);
        _tile_stored(2, out + SIDE * ldo + c, ldo * 4);
        _tile_stored(3, out + SIDE * ldo + c + SIDE, ldo * 4);
    }
}
#else
constexpr int64_t QUERIES = ROWS, INSIDE = 1, ACROSS = LANES;

template <int COLUMNS>
HALVES static void tile_pairs(const uint32_t* a, int64_t lda, const uint32_t* b, int64_t ldb, int64_t inside,
                              float* out, int64_t ldo) {
    __m512 sums[ROWS][COLUMNS];
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++) sums[r][c] = _mm512_setzero_ps();
    for (int64_t p = 0; p < inside; p++) {
        __m512bh right[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) right[c] = (__m512bh)_mm512_loadu_si512(b + p * ldb + c * LANES);
        for (int r = 0; r < ROWS; r++) {
            __m512bh left = (__m512bh)_mm512_set1_epi32((int)a[r * lda + p]);
            for (int c = 0; c < COLUMNS; c++) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], left, right[c]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < ROWS; r++)
#pragma GCC unroll 8
        for (int c = 0; c < COLUMNS; c++) _mm512_storeu_ps(out + r * ldo + c * LANES, sums[r][c]);
}

HALVES static void product_pairs(const uint32_t* a, int64_t lda, const uint32_t* b, int64_t ldb, int64_t inside,
                                 int64_t columns, float* out, int64_t ldo) {
    int64_t c = 0;
    for (; c + WIDE * LANES <= columns; c += WIDE * LANES) tile_pairs<WIDE>(a, lda, b + c, ldb, inside, out + c, ldo);
    for (; c + 2 * LANES <= columns; c += 2 * LANES) tile_pairs<2>(a, lda, b + c, ldb, inside, out + c, ldo);
    for (; c < columns; c += LANES) tile_pairs<1>(a, lda, b + c, ldb, inside, out + c, ldo);
}
#endif

HALVES static void attend(const bf16* q, const bf16* k, const bf16* v, int64_t queries, int64_t keys, int64_t d,
                          float scale, bf16* out, int64_t step) {
    int64_t padded = filled(keys, ACROSS), wide = filled(d, ACROSS), pairs = d / 2, inside = filled(pairs, INSIDE);
    uint32_t* right = scratch<uint32_t, 2>(inside * padded);
    uint32_t* values = scratch<uint32_t, 3>(padded / 2 * wide);
    float* scores = scratch<float, 4>(QUERIES * padded);
    float* found = scratch<float, 5>(QUERIES * wide);
    uint32_t* few = scratch<uint32_t, 6>(QUERIES * inside);
    bf16* weights = scratch<bf16, 7>(QUERIES * padded);
    transposed_pairs(right, (const uint32_t*)k, keys, padded, pairs);
    std::fill(right + pairs * padded, right + inside * padded, 0u);
    std::fill(values + keys / 2 * wide, values + padded / 2 * wide, 0u);
    for (int64_t j = 0; j < keys / 2; j++) {
        const bf16 *low = v + 2 * j * d, *high = low + d;
        for (int64_t i = 0; i < d; i++) values[j * wide + i] = low[i] | (uint32_t)high[i] << 16;
        for (int64_t i = d; i < wide; i++) values[j * wide + i] = 0;
    }
    if (keys % 2) std::copy(v + (keys - 1) * d, v + keys * d, values + keys / 2 * wide);
    for (int64_t first = 0; first < queries; first += QUERIES) {
        int64_t rows = std::min(QUERIES, queries - first);
        const uint32_t* left = (const uint32_t*)q + first * pairs;
        if (rows < QUERIES || inside > pairs) {
            std::fill(few, few + QUERIES * inside, 0u);
            for (int64_t r = 0; r < rows; r++) std::copy(left + r * pairs, left + (r + 1) * pairs, few + r * inside);
            left = few;
        }
        product_pairs(left, inside, right, padded, inside, padded, scores, padded);
        float sums[QUERIES];
        for (int64_t r = 0; r < rows; r += FEW)
            softmax(scores + r * padded, keys, padded, scale, weights + r * padded, sums + r);
        product_pairs((uint32_t*)weights, padded / 2, values, wide, padded / 2, wide, found, wide);
        for (int64_t r = 0; r < rows; r++)
            divided(out + (first + r) * step, found + r * wide, d, sums[r]);
    }
}
#endif

}  // namespace earmark

using namespace earmark;

// Whether bfloat16 is multiplied.
EARMARK int earmark_halves() {
#ifdef __AVX512F__
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return 0;
#endif
}

// The result is (batch, queries, heads, d); those that take part are contiguous.
EARMARK void earmark_attention(const void* q, const void* k, const void* v, int half, int64_t batch, int64_t heads,
                               int64_t queries, int64_t keys, int64_t d, float scale, void* out, int threads) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        [[maybe_unused]] Tiles tiles;
#pragma omp for
        for (int64_t head = 0; head < batch * heads; head++) {
            int64_t from = head * queries * d, other = head * keys * d;
            int64_t to = (head / heads * queries * heads + head % heads) * d;
            if (!half)
                attend((const float*)q + from, (const float*)k + other, (const float*)v + other, queries, keys, d, scale,
                       (float*)out + to, heads * d);
#ifdef __AVX512F__
            else
                attend((const bf16*)q + from, (const bf16*)k + other, (const bf16*)v + other, queries, keys, d, scale,
                       (bf16*)out + to, heads * d);
#endif
        }
    }
}
