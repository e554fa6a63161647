// Sixteen floats at once, in one register or two: every instruction set adds in the same order, and rounds alike.
#pragma once
#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "scratch.h"

#define EARMARK extern "C" __attribute__((visibility("default")))

namespace earmark {

constexpr int64_t LANES = 16;
using bf16 = uint16_t;

#ifdef __AVX512F__
struct Lanes {
    __m512 v;
};
inline Lanes all(float x) { return {_mm512_set1_ps(x)}; }
inline Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Lanes load(const bf16* p) {
    return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16))};
}
inline void store(float* p, Lanes a) { _mm512_storeu_ps(p, a.v); }
inline Lanes operator+(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Lanes fused(Lanes a, Lanes b, Lanes c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Lanes smaller(Lanes a, Lanes b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Lanes larger(Lanes a, Lanes b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Lanes rounded(Lanes a) { return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
// Compared as integers, so that NaN is the largest.
inline Lanes largest(Lanes sizes, Lanes a) {
    __m512i size = _mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff));
    return {_mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(sizes.v), size))};
}
inline Lanes scaled(Lanes a, Lanes powers) { return {_mm512_scalef_ps(a.v, powers.v)}; }
// Lanes i and i ^ HALF change places.
template <int HALF>
inline Lanes exchanged(Lanes a) {
    if constexpr (HALF >= 4) return {_mm512_shuffle_f32x4(a.v, a.v, HALF == 8 ? 0x4e : 0xb1)};
    return {_mm512_permute_ps(a.v, HALF == 2 ? 0x4e : 0xb1)};
}
inline void store_codes(uint8_t* p, Lanes a, uint8_t flip) {
    __m128i bytes = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v));
    _mm_storeu_si128((__m128i*)p, _mm_xor_si128(bytes, _mm_set1_epi8((char)flip)));
}
#else
struct Lanes {
    __m256 v, w;
};
inline Lanes all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline Lanes load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline __m256 widened(const bf16* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
}
inline Lanes load(const bf16* p) { return {widened(p), widened(p + 8)}; }
inline void store(float* p, Lanes a) {
    _mm256_storeu_ps(p, a.v);
    _mm256_storeu_ps(p + 8, a.w);
}
inline Lanes operator+(Lanes a, Lanes b) { return {_mm256_add_ps(a.v, b.v), _mm256_add_ps(a.w, b.w)}; }
inline Lanes operator-(Lanes a, Lanes b) { return {_mm256_sub_ps(a.v, b.v), _mm256_sub_ps(a.w, b.w)}; }
inline Lanes operator*(Lanes a, Lanes b) { return {_mm256_mul_ps(a.v, b.v), _mm256_mul_ps(a.w, b.w)}; }
inline Lanes operator/(Lanes a, Lanes b) { return {_mm256_div_ps(a.v, b.v), _mm256_div_ps(a.w, b.w)}; }
inline Lanes fused(Lanes a, Lanes b, Lanes c) {
    return {_mm256_fmadd_ps(a.v, b.v, c.v), _mm256_fmadd_ps(a.w, b.w, c.w)};
}
inline Lanes smaller(Lanes a, Lanes b) { return {_mm256_min_ps(a.v, b.v), _mm256_min_ps(a.w, b.w)}; }
inline Lanes larger(Lanes a, Lanes b) { return {_mm256_max_ps(a.v, b.v), _mm256_max_ps(a.w, b.w)}; }
inline Lanes rounded(Lanes a) {
    constexpr int mode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    return {_mm256_round_ps(a.v, mode), _mm256_round_ps(a.w, mode)};
}
inline __m256 largest(__m256 sizes, __m256 a) {
    __m256i size = _mm256_and_si256(_mm256_castps_si256(a), _mm256_set1_epi32(0x7fffffff));
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(sizes), size));
}
// Compared as integers, so that NaN is the largest.
inline Lanes largest(Lanes sizes, Lanes a) { return {largest(sizes.v, a.v), largest(sizes.w, a.w)}; }
inline __m256 power_of_two(__m256 whole) {
    __m256i n = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(n, 23));
}
inline Lanes scaled(Lanes a, Lanes powers) { return a * Lanes{power_of_two(powers.v), power_of_two(powers.w)}; }
// Lanes i and i ^ HALF change places.
template <int HALF>
inline Lanes exchanged(Lanes a) {
    if constexpr (HALF == 8) return {a.w, a.v};
    if constexpr (HALF == 4) return {_mm256_permute2f128_ps(a.v, a.v, 1), _mm256_permute2f128_ps(a.w, a.w, 1)};
    constexpr int order = HALF == 2 ? 0x4e : 0xb1;
    return {_mm256_permute_ps(a.v, order), _mm256_permute_ps(a.w, order)};
}
inline void store_codes(uint8_t* p, Lanes a, uint8_t flip) {
    __m256i pairs = _mm256_packs_epi32(_mm256_cvtps_epi32(a.v), _mm256_cvtps_epi32(a.w));
    pairs = _mm256_permute4x64_epi64(pairs, 0xd8);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128((__m128i*)p, _mm_xor_si128(bytes, _mm_set1_epi8((char)flip)));
}
#endif

inline float widened_one(float x) { return x; }
inline float widened_one(bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float out;
    std::memcpy(&out, &bits, 4);
    return out;
}

// To nearest, ties to even; NaN stays NaN.
inline void put(float* p, float x) { *p = x; }
inline void put(bf16* p, float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t up = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    *p = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : (bf16)up;
}

#ifdef __AVX512BF16__
inline __m256i narrow(Lanes a) { return (__m256i)_mm512_cvtneps_pbh(a.v); }
#elif defined(__AVX512F__)
inline __m256i narrow(Lanes a) {
    __m512i bits = _mm512_castps_si512(a.v), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i up = _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
    __mmask16 none = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_mask_set1_epi32(up, none, 0x7fc0));
}
#endif
#ifdef __AVX512F__
inline void store(bf16* p, Lanes a) { _mm256_storeu_si256((__m256i*)p, narrow(a)); }
#else
inline void store(bf16* p, Lanes a) {
    float x[LANES];
    store(x, a);
    for (int64_t i = 0; i < LANES; i++) put(p + i, x[i]);
}
#endif

// The first n of sixteen, zeros behind them.
template <class T>
inline Lanes load(const T* p, int64_t n) {
    if (n >= LANES) return load(p);
    T some[LANES] = {};
    std::memcpy(some, p, n * sizeof(T));
    return load(some);
}

// The first n of sixteen, which may be none, and `other` behind them.
inline Lanes first(Lanes a, int64_t n, Lanes other) {
#ifdef __AVX512F__
    return {_mm512_mask_mov_ps(other.v, (__mmask16)((1u << std::clamp<int64_t>(n, 0, LANES)) - 1), a.v)};
#else
    const __m256 low = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7), count = _mm256_set1_ps((float)n);
    const __m256 high = _mm256_add_ps(low, _mm256_set1_ps(8));
    return {_mm256_blendv_ps(other.v, a.v, _mm256_cmp_ps(low, count, _CMP_LT_OQ)),
            _mm256_blendv_ps(other.w, a.w, _mm256_cmp_ps(high, count, _CMP_LT_OQ))};
#endif
}

// Sixteen to eight, to four, to two, to one.
#ifdef __AVX512F__
inline __m256 low(Lanes a) { return _mm512_castps512_ps256(a.v); }
inline __m256 high(Lanes a) { return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1)); }
#else
inline __m256 low(Lanes a) { return a.v; }
inline __m256 high(Lanes a) { return a.w; }
#endif
inline float sum(Lanes a) {
    __m256 eight = _mm256_add_ps(low(a), high(a));
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
inline float most_of(Lanes a) {
    __m256 eight = _mm256_max_ps(low(a), high(a));
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

inline float largest(Lanes a) {
    int32_t bits[LANES];
    std::memcpy(bits, &a, sizeof bits);
    int32_t most = *std::max_element(bits, bits + LANES);
    float out;
    std::memcpy(&out, &most, 4);
    return out;
}

constexpr float LOG2_E = 1.44269504f;

// 2^x for x up to 127, held to -125 unless it is no number: the polynomial of degree 6 whose largest relative error
// from -1/2 to 1/2 is the least, 2.0e-9. The steps of a few overlap.
template <int FEW>
inline void powers(Lanes* x) {
    Lanes n[FEW], p[FEW];
#pragma GCC unroll 4
    for (int i = 0; i < FEW; i++) {
        x[i] = larger(all(-125.0f), x[i]);
        n[i] = rounded(x[i]);
        x[i] = x[i] - n[i];
        p[i] = all(0.000153533618f);
    }
#pragma GCC unroll 8
    for (float c : {0.00133988744f, 0.00961843736f, 0.0555033247f, 0.240226479f, 0.693147203f, 1.0f})
#pragma GCC unroll 4
        for (int i = 0; i < FEW; i++) p[i] = fused(p[i], x[i], all(c));
#pragma GCC unroll 4
    for (int i = 0; i < FEW; i++) x[i] = scaled(p[i], n[i]);
}
inline Lanes power(Lanes x) {
    powers<1>(&x);
    return x;
}

}  // namespace earmark
