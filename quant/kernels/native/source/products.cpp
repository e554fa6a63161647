// Products of signed int8 codes in exact int32 sums, scaled and added to a stream as the last thing done to each tile.
#ifndef __AMX_INT8__
#include <array>

#include "product.h"
#include "scratch.h"
#include "strips.h"

namespace {

using Multiply = Vector (*)(Vector, Vector, Vector);

// Sums of R tokens, `stride` bytes apart, by the outputs of one panel, whose steps are `apart` bytes apart.
// Knowing the number of steps of its caller, GCC 12 would write every sum to memory at every step.
template <int R, Multiply MULTIPLY>
__attribute__((noipa)) void panel_sums(const char* codes, int64_t stride, const char* weight, int64_t apart,
                                       int64_t steps, int32_t* out) {
    Vector sum[R][ACROSS];
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int c = 0; c < ACROSS; c++) sum[r][c] = zero();
    for (int64_t k = 0; k < steps; k++) {
        Vector column[ACROSS];
#pragma GCC unroll 8
        for (int c = 0; c < ACROSS; c++) column[c] = load(weight + c * sizeof(Vector));
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const Vector code = spread(codes + r * stride);
#pragma GCC unroll 8
            for (int c = 0; c < ACROSS; c++) sum[r][c] = MULTIPLY(sum[r][c], column[c], code);
        }
        weight += apart;
        codes += 4;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; r++)
#pragma GCC unroll 8
        for (int c = 0; c < ACROSS; c++) store(out + r * STRIP + c * LANES, sum[r][c]);
}

template <int R>
void strip_sums(const char* codes, int64_t stride, const char* strip, int64_t groups, int32_t* out) {
    for (int64_t p = 0; p < PANELS; p++) {
#if EARMARK_UNSIGNED
        panel_sums<R, multiply>(codes, stride, strip + p * PANEL * 4, STRIP * 4, groups, out + p * PANEL);
#else
        panel_sums<R, multiply>(codes, stride, strip + p * groups * PANEL * 8, PANEL * 4, 2 * groups, out + p * PANEL);
#endif
    }
}

template <int R>
void branch_sums(const char* down, int64_t stride, const char* back, int32_t* out) {
    for (int64_t p = 0; p < PANELS; p++)
        panel_sums<R, multiply_pairs>(down, stride, back + p * PANEL * 4, STRIP * 4, RANKS / 2, out + p * PANEL);
}

#if !EARMARK_UNSIGNED
// A strip as panels of pairs of 16-bit codes.
void widen_strip(const uint8_t* strip, int64_t groups, int16_t* out) {
    for (int64_t k = 0; k < groups; k++)
        for (int64_t p = 0; p < PANELS; p++) {
            int16_t* to = out + (p * groups + k) * PANEL * 4;
            for (int c = 0; c < ACROSS; c++) {
                const __m128i* from = reinterpret_cast<const __m128i*>(strip + k * STRIP * 4 + p * PANEL * 4 + c * 32);
                const __m256 low = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(from)));
                const __m256 high = _mm256_castsi256_ps(_mm256_cvtepi8_epi16(_mm_loadu_si128(from + 1)));
                const __m256i first = _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0x88));
                const __m256i second = _mm256_castps_si256(_mm256_shuffle_ps(low, high, 0xdd));
                store(to + c * 16, _mm256_permute4x64_epi64(first, 0xd8));
                store(to + PANEL * 2 + c * 16, _mm256_permute4x64_epi64(second, 0xd8));
            }
        }
}
#endif

#if EARMARK_UNSIGNED
int32_t sum_of(const int8_t* codes, int64_t count) {
    alignas(64) int32_t lanes[LANES];
    Vector ones, sums = zero();
    std::memset(&ones, 1, sizeof ones);
    constexpr int64_t AT_ONCE = sizeof(Vector);
    int64_t k = 0;
    for (; k + AT_ONCE <= count; k += AT_ONCE) sums = multiply(sums, ones, load(codes + k));
    store(lanes, sums);
    int32_t sum = 0;
    for (const int32_t lane : lanes) sum += lane;
    for (; k < count; k++) sum += codes[k];
    return sum;
}
#endif

inline uint16_t to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

// What is made of the tokens before they are multiplied.
struct Made {
    uint32_t* correction;  // (rows,), to be taken off their sums
    int16_t* down;         // (rows, rank)
    float* down_scale;     // (rows,)
};

void make(const Product& p, int64_t row, const Made& made) {
#if EARMARK_UNSIGNED
    made.correction[row] = static_cast<uint32_t>(sum_of(p.codes + row * p.inputs, p.inputs)) * 128u;
#else
    made.correction[row] = 0;
#endif
    if (!p.rank) return;
    const float* down = p.down + row * p.rank;
    float most = 0;
    for (int64_t r = 0; r < p.rank; r++) most = std::max(most, std::abs(down[r]));
    made.down_scale[row] = most / LARGEST_DOWN;
    const __m256 by = _mm256_set1_ps(most > 0 ? LARGEST_DOWN / most : 0);
    for (int64_t r = 0; r < p.rank; r += 8) {
        const __m256i codes = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(down + r), by));
        const __m128i packed = _mm_packs_epi32(_mm256_castsi256_si128(codes), _mm256_extracti128_si256(codes, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(made.down + row * p.rank + r), packed);
    }
}

// What becomes of the scaled sums of one token by the outputs of one strip.
inline void finish(const Product& p, int64_t row, int64_t first, const float* y) {
    const int64_t count = std::min<int64_t>(STRIP, p.outputs - first), at = row * p.outputs + first;
    if (p.stream) {
        const float token = p.token_scale[p.per_token ? row : 0];
        const float* stream = p.stream + at;
        float* out = static_cast<float*>(p.out) + at;
        if (p.bias)
            for (int64_t c = 0; c < count; c++) out[c] = (stream[c] + y[c] * token) + p.bias[first + c];
        else
            for (int64_t c = 0; c < count; c++) out[c] = stream[c] + y[c] * token;
    } else if (p.halves) {
        uint16_t* out = static_cast<uint16_t*>(p.out) + at;
        for (int64_t c = 0; c < count; c++) out[c] = to_bf16(y[c]);
    } else {
        std::memcpy(static_cast<float*>(p.out) + at, y, count * sizeof(float));
    }
}

// R tokens from `row` on, whose codes lie `stride` bytes apart, by the outputs of one strip.
template <int R>
void multiply_tokens(const Product& p, const Made& made, int64_t row, int64_t first, const char* codes, int64_t stride,
                     const char* weight, const float* scale) {
    alignas(64) int32_t sum[R * STRIP];
    alignas(64) float y[R * STRIP];
    strip_sums<R>(codes, stride, weight, groups_of(p.inputs), sum);
    for (int r = 0; r < R; r++) {
        const uint32_t correction = made.correction[row + r];
        const int32_t* from = sum + r * STRIP;
        for (int c = 0; c < STRIP; c++) {
            const auto exact = static_cast<int32_t>(static_cast<uint32_t>(from[c]) - correction);
            y[r * STRIP + c] = static_cast<float>(exact) * scale[c];
        }
    }
    const char* back = p.back + first / STRIP * (p.rank * STRIP * 2 + STRIP * 4);
    for (int64_t rank = 0; rank < p.rank; rank += RANKS) {
        const float* back_scale = reinterpret_cast<const float*>(back + p.rank * STRIP * 2);
        const int16_t* down = made.down + row * p.rank + rank;
        branch_sums<R>(reinterpret_cast<const char*>(down), p.rank * 2, back + rank * STRIP * 2, sum);
        for (int r = 0; r < R; r++) {
            const float by = made.down_scale[row + r];
            const int32_t* from = sum + r * STRIP;
            for (int c = 0; c < STRIP; c++) y[r * STRIP + c] += static_cast<float>(from[c]) * back_scale[c] * by;
        }
    }
    for (int r = 0; r < R; r++) finish(p, row + r, first, y + r * STRIP);
}

constexpr std::array<decltype(&multiply_tokens<1>), ROWS> BY_ROWS = {multiply_tokens<1>, multiply_tokens<2>,
                                                                     multiply_tokens<3>, multiply_tokens<4>,
                                                                     multiply_tokens<5>, multiply_tokens<6>};

// The tokens from `begin` to `end` by the outputs of one strip.
void multiply_strip(const Product& p, const Made& made, int64_t strip, int64_t begin, int64_t end) {
    const int64_t groups = groups_of(p.inputs), first = strip * STRIP;
    const char* weight = reinterpret_cast<const char*>(p.packed) + strip * groups * STRIP * 4;
    alignas(64) float scale[STRIP] = {};
    std::memcpy(scale, p.scale + first, std::min<int64_t>(STRIP, p.outputs - first) * sizeof(float));
#if !EARMARK_UNSIGNED
    int16_t* panels = scratch<int16_t, 0>(groups * STRIP * 4);
    widen_strip(reinterpret_cast<const uint8_t*>(weight), groups, panels);
    weight = reinterpret_cast<const char*>(panels);
#endif
    for (int64_t row = begin; row < end; row += ROWS) {
        const int rows = static_cast<int>(std::min<int64_t>(ROWS, end - row));
        const char* codes = reinterpret_cast<const char*>(p.codes + row * p.inputs);
        int64_t stride = p.inputs;
#if EARMARK_UNSIGNED
        if (p.inputs % 4) {
            stride = groups * 4;
            char* whole = scratch<char, 0>(ROWS * stride);
            for (int r = 0; r < rows; r++) {
                std::memcpy(whole + r * stride, codes + r * p.inputs, p.inputs);
                std::memset(whole + r * stride + p.inputs, 0, stride - p.inputs);
            }
            codes = whole;
        }
#else
        stride = groups * 8;
        int16_t* whole = scratch<int16_t, 1>(ROWS * groups * 4);
        for (int r = 0; r < rows; r++) {
            for (int64_t k = 0; k < p.inputs; k++) whole[r * groups * 4 + k] = p.codes[(row + r) * p.inputs + k];
            for (int64_t k = p.inputs; k < groups * 4; k++) whole[r * groups * 4 + k] = 0;
        }
        codes = reinterpret_cast<const char*>(whole);
#endif
        BY_ROWS[rows - 1](p, made, row, first, codes, stride, weight, scale);
    }
}

}  // namespace

// Multiply, scale and add as `given` says, with so many threads.
EXPORT void earmark_product(const Product* given, int64_t threads) {
    const Product& p = *given;
    const int64_t strips = strips_of(p.outputs);
    // Few strips are split by tokens as well, so that all threads have work.
    const int64_t parts = std::max<int64_t>(1, std::min((4 * threads + strips - 1) / strips, p.rows / (8 * ROWS)));
    const int64_t tall = ((p.rows + parts - 1) / parts + ROWS - 1) / ROWS * ROWS;
    const Made made = {scratch<uint32_t, 0>(p.rows), scratch<int16_t, 2>(p.rows * p.rank), scratch<float, 7>(p.rows)};
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
#pragma omp for
        for (int64_t row = 0; row < p.rows; row++) make(p, row, made);
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < strips * parts; task++) {
            const int64_t begin = task % parts * tall;
            multiply_strip(p, made, task / parts, begin, std::min(p.rows, begin + tall));
        }
    }
}
#endif
