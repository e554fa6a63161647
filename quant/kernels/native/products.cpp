// Products of signed int8 codes in exact int32 sums, scaled and added to a stream as the last thing done to each tile.
//
// Weights lie in strips of 64 outputs: for every four inputs, 64 outputs by 4 codes. Where vpdpbusd multiplies unsigned
// by signed bytes, the weight is the unsigned one (128 more), and 128 times the sum of a token's codes is taken off.
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "scratch.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int STRIP = 64;
constexpr int ROWS = 6;

#if defined(__AVX512VNNI__) && !defined(EARMARK_HALF_VECTORS)
#define EARMARK_UNSIGNED 1
using Vector = __m512i;
constexpr int LANES = 16, ACROSS = 4, STEP_CODES = 4;
inline Vector load(const void* from) { return _mm512_loadu_si512(from); }
inline Vector spread(const void* from) {
    int32_t four;
    std::memcpy(&four, from, 4);
    return _mm512_set1_epi32(four);
}
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm512_dpbusd_epi32(sum, weight, code); }
inline void store(void* to, Vector sum) { _mm512_storeu_si512(to, sum); }
inline Vector zero() { return _mm512_setzero_si512(); }
#else
using Vector = __m256i;
inline Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline Vector spread(const void* from) {
    int32_t four;
    std::memcpy(&four, from, 4);
    return _mm256_set1_epi32(four);
}
inline void store(void* to, Vector sum) { _mm256_storeu_si256(static_cast<__m256i*>(to), sum); }
inline Vector zero() { return _mm256_setzero_si256(); }
constexpr int LANES = 8, ACROSS = 2;
#if defined(__AVXVNNI__)
#define EARMARK_UNSIGNED 1
constexpr int STEP_CODES = 4;
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm256_dpbusd_avx_epi32(sum, weight, code); }
#elif defined(__AVX512VNNI__)
#define EARMARK_UNSIGNED 1
constexpr int STEP_CODES = 4;
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm256_dpbusd_epi32(sum, weight, code); }
#else
#define EARMARK_UNSIGNED 0
// Codes are widened to 16 bits a strip and a few tokens at a time: sums of pairs of products then fit 32 bits.
constexpr int STEP_CODES = 2;
inline Vector multiply(Vector sum, Vector weight, Vector code) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(weight, code));
}
#endif
#endif

constexpr int PANEL = LANES * ACROSS;
constexpr int64_t PANELS = STRIP / PANEL;
constexpr uint8_t SHIFT = EARMARK_UNSIGNED ? 0x80 : 0;

// Sums of R tokens, `stride` bytes apart, by the outputs of one panel, whose steps are `apart` bytes apart.
template <int R>
inline void panel_sums(const char* codes, int64_t stride, const char* weight, int64_t apart, int64_t steps, int32_t* out) {
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
            for (int c = 0; c < ACROSS; c++) sum[r][c] = multiply(sum[r][c], column[c], code);
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
        panel_sums<R>(codes, stride, strip + p * PANEL * 4, STRIP * 4, groups, out + p * PANEL);
#else
        panel_sums<R>(codes, stride, strip + p * groups * PANEL * 8, PANEL * 4, 2 * groups, out + p * PANEL);
#endif
    }
}

void strip_sums(int rows, const char* codes, int64_t stride, const char* strip, int64_t groups, int32_t* out) {
    switch (rows) {
        case 1: return strip_sums<1>(codes, stride, strip, groups, out);
        case 2: return strip_sums<2>(codes, stride, strip, groups, out);
        case 3: return strip_sums<3>(codes, stride, strip, groups, out);
        case 4: return strip_sums<4>(codes, stride, strip, groups, out);
        case 5: return strip_sums<5>(codes, stride, strip, groups, out);
        default: return strip_sums<6>(codes, stride, strip, groups, out);
    }
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

int32_t sum_of(const int8_t* codes, int64_t count) {
    int32_t sum = 0;
    for (int64_t k = 0; k < count; k++) sum += codes[k];
    return sum;
}

inline uint16_t to_bf16(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return static_cast<uint16_t>((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
}

struct Product {
    const int8_t* codes;        // (rows, inputs)
    const uint8_t* packed;      // strips of the weight
    const float* scale;         // (outputs,)
    void* out;                  // (rows, outputs)
    const float* stream;        // (rows, outputs) to be added to, or null
    const float* token_scale;   // with a stream: (rows,), or one
    const float* bias;          // with a stream: (outputs,) or null
    const float* down;          // (rows, rank) or null
    const float* back;          // (rank, outputs to the next strip)
    int64_t rows, inputs, outputs, rank;
    int64_t per_token;          // whether each token has a scale
    int64_t halves;             // whether `out` is bfloat16
};

// What becomes of the sums of one token by the outputs of one strip.
inline void finish(const Product& p, int64_t row, int64_t first, const int32_t* sum, uint32_t correction, const float* scale) {
    alignas(64) float y[STRIP];
    for (int c = 0; c < STRIP; c++)
        y[c] = static_cast<float>(static_cast<int32_t>(static_cast<uint32_t>(sum[c]) - correction)) * scale[c];
    if (p.rank) {
        const float* down = p.down + row * p.rank;
        const float* back = p.back + first;
        const int64_t width = (p.outputs + STRIP - 1) / STRIP * STRIP;
        __m256 branch[STRIP / 8];
#pragma GCC unroll 8
        for (int c = 0; c < STRIP / 8; c++) branch[c] = _mm256_setzero_ps();
        for (int64_t r = 0; r < p.rank; r++) {
            const __m256 by = _mm256_set1_ps(down[r]);
#pragma GCC unroll 8
            for (int c = 0; c < STRIP / 8; c++)
                branch[c] = _mm256_fmadd_ps(by, _mm256_loadu_ps(back + r * width + c * 8), branch[c]);
        }
#pragma GCC unroll 8
        for (int c = 0; c < STRIP / 8; c++) _mm256_store_ps(y + c * 8, _mm256_add_ps(_mm256_load_ps(y + c * 8), branch[c]));
    }
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

// The tokens from `begin` to `end` by the outputs of one strip.
void multiply_strip(const Product& p, int64_t strip, int64_t begin, int64_t end, const int32_t* sums) {
    const int64_t groups = (p.inputs + 3) / 4, first = strip * STRIP;
    const char* weight = reinterpret_cast<const char*>(p.packed) + strip * groups * STRIP * 4;
    alignas(64) float scale[STRIP] = {};
    std::memcpy(scale, p.scale + first, std::min<int64_t>(STRIP, p.outputs - first) * sizeof(float));
    alignas(64) int32_t out[ROWS * STRIP];
#if !EARMARK_UNSIGNED
    thread_local Scratch wide, tokens;
    int16_t* panels = wide.of<int16_t>(groups * STRIP * 4);
    widen_strip(reinterpret_cast<const uint8_t*>(weight), groups, panels);
    weight = reinterpret_cast<const char*>(panels);
#else
    thread_local Scratch tokens;
#endif
    for (int64_t row = begin; row < end; row += ROWS) {
        const int rows = static_cast<int>(std::min<int64_t>(ROWS, end - row));
        const char* codes = reinterpret_cast<const char*>(p.codes + row * p.inputs);
        int64_t stride = p.inputs;
#if EARMARK_UNSIGNED
        if (p.inputs % 4) {
            stride = groups * 4;
            char* whole = tokens.of<char>(ROWS * stride);
            for (int r = 0; r < rows; r++) {
                std::memcpy(whole + r * stride, codes + r * p.inputs, p.inputs);
                std::memset(whole + r * stride + p.inputs, 0, stride - p.inputs);
            }
            codes = whole;
        }
#else
        stride = groups * 8;
        int16_t* whole = tokens.of<int16_t>(ROWS * groups * 4);
        for (int r = 0; r < rows; r++) {
            for (int64_t k = 0; k < p.inputs; k++) whole[r * groups * 4 + k] = p.codes[(row + r) * p.inputs + k];
            for (int64_t k = p.inputs; k < groups * 4; k++) whole[r * groups * 4 + k] = 0;
        }
        codes = reinterpret_cast<const char*>(whole);
#endif
        strip_sums(rows, codes, stride, weight, groups, out);
        for (int r = 0; r < rows; r++)
            finish(p, row + r, first, out + r * STRIP, sums ? static_cast<uint32_t>(sums[row + r]) * 128u : 0u, scale);
    }
}

}  // namespace

// Multiply, scale and add as `given` says, with so many threads.
EXPORT void earmark_product(const Product* given, int64_t threads) {
    const Product& p = *given;
    const int64_t strips = (p.outputs + STRIP - 1) / STRIP;
    // Few strips are split by tokens as well, so that all threads have work.
    const int64_t parts = std::max<int64_t>(1, std::min((4 * threads + strips - 1) / strips, p.rows / (8 * ROWS)));
    const int64_t tall = ((p.rows + parts - 1) / parts + ROWS - 1) / ROWS * ROWS;
    int32_t* sums = nullptr;
#if EARMARK_UNSIGNED
    thread_local Scratch kept;
    sums = kept.of<int32_t>(p.rows);
#endif
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        if (sums) {
#pragma omp for
            for (int64_t row = 0; row < p.rows; row++) sums[row] = sum_of(p.codes + row * p.inputs, p.inputs);
        }
#pragma omp for schedule(dynamic)
        for (int64_t task = 0; task < strips * parts; task++) {
            const int64_t begin = task % parts * tall;
            multiply_strip(p, task / parts, begin, std::min(p.rows, begin + tall), sums);
        }
    }
}

// Codes (outputs, inputs) into strips.
EXPORT void earmark_pack(const int8_t* codes, uint8_t* packed, int64_t outputs, int64_t inputs, int64_t threads) {
    const int64_t groups = (inputs + 3) / 4, strips = (outputs + STRIP - 1) / STRIP;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t strip = 0; strip < strips; strip++) {
        uint8_t* to = packed + strip * groups * STRIP * 4;
        std::memset(to, SHIFT, groups * STRIP * 4);
        for (int64_t n = 0; n < std::min<int64_t>(STRIP, outputs - strip * STRIP); n++)
            for (int64_t k = 0; k < inputs; k++)
                to[(k / 4 * STRIP + n) * 4 + k % 4] = static_cast<uint8_t>(codes[(strip * STRIP + n) * inputs + k]) ^ SHIFT;
    }
}

// Codes of a group of timesteps into strips: `weight` in fp16 in the order of strips, a factor an input (to the next
// four), the reciprocal of a scale an output (to the next strip).
EXPORT void earmark_pack_group(
    const uint16_t* weight, const float* factor, const float* inverse, uint8_t* packed, int64_t outputs, int64_t inputs,
    int64_t threads) {
    const int64_t groups = (inputs + 3) / 4, strips = (outputs + STRIP - 1) / STRIP;
    const __m256 most = _mm256_set1_ps(127.0f), least = _mm256_set1_ps(-127.0f);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    const __m256i shift = _mm256_set1_epi8(static_cast<char>(SHIFT));
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (int64_t strip = 0; strip < strips; strip++) {
        alignas(64) float by[STRIP * 4];
        for (int n = 0; n < STRIP * 4; n++) by[n] = inverse[strip * STRIP + n / 4];
        const uint16_t* from = weight + strip * groups * STRIP * 4;
        uint8_t* to = packed + strip * groups * STRIP * 4;
        for (int64_t k = 0; k < groups; k++) {
            const __m256 four = _mm256_broadcast_ps(reinterpret_cast<const __m128*>(factor + k * 4));
            for (int n = 0; n < STRIP * 4; n += 32, from += 32, to += 32) {
                __m256i codes[4];
#pragma GCC unroll 4
                for (int q = 0; q < 4; q++) {
                    __m256 value = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + q * 8)));
                    value = _mm256_mul_ps(_mm256_mul_ps(value, four), _mm256_load_ps(by + n + q * 8));
                    codes[q] = _mm256_cvtps_epi32(_mm256_max_ps(_mm256_min_ps(value, most), least));
                }
                const __m256i low = _mm256_packs_epi32(codes[0], codes[1]), high = _mm256_packs_epi32(codes[2], codes[3]);
                const __m256i bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
                _mm256_stream_si256(reinterpret_cast<__m256i*>(to), _mm256_xor_si256(bytes, shift));
            }
        }
        _mm_sfence();
    }
}
