// The order in which weights lie to be multiplied, the vectors that multiply them, and codes of halves, of every
// instruction set.
//
// Weights lie in strips of 64 outputs: for every four inputs, 64 outputs by 4 codes. Where vpdpbusd multiplies unsigned
// by signed bytes, the weight is the unsigned one (128 more), and 128 times the sum of a token's codes is taken off.
//
// The second half of a low-rank branch is multiplied in 16-bit integers: of its factor a strip is, for every two ranks,
// 64 outputs by 2 codes, and behind these the scales of the outputs in float32.
//
// AMX multiplies tiles: there a strip has 16 outputs, zeros up to whole tiles of 64 inputs and pairs of strips, and its
// branch is what tiles.cpp says.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int RANKS = 32;  // whose products are summed before they are scaled

#ifdef __AMX_INT8__
#define EARMARK_UNSIGNED 0
constexpr int STRIP = 16, STRIPS = 2, GROUPS = 16;  // strips, and groups of four inputs, come in multiples of these
#else
constexpr int STRIP = 64, STRIPS = 1, GROUPS = 1;
constexpr int ROWS = 6;
constexpr float LARGEST_DOWN = 8191.0f;  // so that 32 products of two of these are below 2^31

#if defined(__AVX512VNNI__) && !defined(EARMARK_HALF_VECTORS)
#define EARMARK_UNSIGNED 1
using Vector = __m512i;
constexpr int LANES = 16, ACROSS = 4;
inline Vector load(const void* from) { return _mm512_loadu_si512(from); }
inline Vector spread(const void* from) {
    int32_t four;
    std::memcpy(&four, from, 4);
    return _mm512_set1_epi32(four);
}
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm512_dpbusd_epi32(sum, weight, code); }
inline Vector multiply_pairs(Vector sum, Vector weight, Vector code) { return _mm512_dpwssd_epi32(sum, weight, code); }
inline void store(void* to, Vector sum) { _mm512_storeu_si512(to, sum); }
inline Vector zero() { return _mm512_setzero_si512(); }
#else
using Vector = __m256i;
constexpr int LANES = 8, ACROSS = 2;
inline Vector load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
inline Vector spread(const void* from) {
    int32_t four;
    std::memcpy(&four, from, 4);
    return _mm256_set1_epi32(four);
}
inline void store(void* to, Vector sum) { _mm256_storeu_si256(static_cast<__m256i*>(to), sum); }
inline Vector zero() { return _mm256_setzero_si256(); }
#if defined(__AVXVNNI__)
#define EARMARK_UNSIGNED 1
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm256_dpbusd_avx_epi32(sum, weight, code); }
inline Vector multiply_pairs(Vector sum, Vector weight, Vector code) {
    return _mm256_dpwssd_avx_epi32(sum, weight, code);
}
#elif defined(__AVX512VNNI__)
#define EARMARK_UNSIGNED 1
inline Vector multiply(Vector sum, Vector weight, Vector code) { return _mm256_dpbusd_epi32(sum, weight, code); }
inline Vector multiply_pairs(Vector sum, Vector weight, Vector code) { return _mm256_dpwssd_epi32(sum, weight, code); }
#else
#define EARMARK_UNSIGNED 0
// Codes are widened to 16 bits a strip and a few tokens at a time: sums of pairs of products then fit 32 bits.
inline Vector multiply_pairs(Vector sum, Vector weight, Vector code) {
    return _mm256_add_epi32(sum, _mm256_madd_epi16(weight, code));
}
inline Vector multiply(Vector sum, Vector weight, Vector code) { return multiply_pairs(sum, weight, code); }
#endif
#endif

constexpr int PANEL = LANES * ACROSS;
constexpr int64_t PANELS = STRIP / PANEL;
#endif

constexpr uint8_t SHIFT = EARMARK_UNSIGNED ? 0x80 : 0;

inline int64_t whole(int64_t count, int64_t each, int64_t multiple) {
    return (count + each * multiple - 1) / (each * multiple) * multiple;
}
inline int64_t strips_of(int64_t outputs) { return whole(outputs, STRIP, STRIPS); }
inline int64_t groups_of(int64_t inputs) { return whole(inputs, 4, GROUPS); }

// Sixteen codes of as many halves, of four inputs each: times their factors, and the inverse scale of each output.
#ifdef __AVX512F__
using Wide = __m512;
inline Wide broadcast(const float* four) { return _mm512_broadcast_f32x4(_mm_loadu_ps(four)); }
inline __m128i codes_of(const uint16_t* halves, Wide four, const float* by) {
    __m512 value = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
    value = _mm512_mul_ps(_mm512_mul_ps(value, four), _mm512_load_ps(by));
    value = _mm512_max_ps(_mm512_min_ps(value, _mm512_set1_ps(127.0f)), _mm512_set1_ps(-127.0f));
    return _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(value));
}
#else
using Wide = __m256;
inline Wide broadcast(const float* four) { return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(four)); }
inline __m256i eight(const uint16_t* halves, Wide four, const float* by) {
    __m256 value = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(halves)));
    value = _mm256_mul_ps(_mm256_mul_ps(value, four), _mm256_load_ps(by));
    value = _mm256_max_ps(_mm256_min_ps(value, _mm256_set1_ps(127.0f)), _mm256_set1_ps(-127.0f));
    return _mm256_cvtps_epi32(value);
}
inline __m128i codes_of(const uint16_t* halves, Wide four, const float* by) {
    const __m256i pairs = _mm256_packs_epi32(eight(halves, four, by), eight(halves + 8, four, by + 8));
    const __m256i order = _mm256_permute4x64_epi64(pairs, 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1));
}
#endif

}  // namespace
