// Bringing codes, and weights of which codes are made, into strips.
#include "strips.h"

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
