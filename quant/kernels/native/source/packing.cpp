// Bringing codes, and weights of which codes are made, into strips.
#include "strips.h"

// Codes (outputs, inputs) into strips.
EXPORT void earmark_pack(const int8_t* codes, uint8_t* packed, int64_t outputs, int64_t inputs, int64_t threads) {
    const int64_t groups = groups_of(inputs), strips = strips_of(outputs);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t strip = 0; strip < strips; strip++) {
        uint8_t* to = packed + strip * groups * STRIP * 4;
        const int8_t* from = codes + strip * STRIP * inputs;
        const int64_t rows = std::clamp<int64_t>(outputs - strip * STRIP, 0, STRIP), whole = inputs / 4;
        if (rows < STRIP || whole < groups) std::memset(to, SHIFT, groups * STRIP * 4);
        // A cache line of each row at a time: what is read is then read once, and what is written lies together.
        for (int64_t first = 0; first < groups; first += 16)
            for (int64_t n = 0; n < rows; n++) {
                const int8_t* row = from + n * inputs;
                const int64_t last = std::min(first + 16, groups);
                for (int64_t group = first; group < std::min(last, whole); group++) {
                    uint32_t four;
                    std::memcpy(&four, row + group * 4, 4);
                    four ^= SHIFT * 0x01010101u;
                    std::memcpy(to + (group * STRIP + n) * 4, &four, 4);
                }
                if (last > whole)  // the last group is not full
                    for (int64_t k = whole * 4; k < inputs; k++)
                        to[(whole * STRIP + n) * 4 + k % 4] = static_cast<uint8_t>(row[k]) ^ SHIFT;
            }
    }
}

// Codes of a group of timesteps into strips: `weight` in fp16 in the order of strips, a factor an input (to the next
// four), the reciprocal of a scale an output (to the next strip).
EXPORT void earmark_pack_group(
    const uint16_t* weight, const float* factor, const float* inverse, uint8_t* packed, int64_t outputs, int64_t inputs,
    int64_t threads) {
    constexpr int64_t AHEAD = 2048;  // halves that are asked for before they are needed
    const int64_t groups = groups_of(inputs), strips = strips_of(outputs);
    const __m128i shift = _mm_set1_epi8(static_cast<char>(SHIFT));
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (int64_t strip = 0; strip < strips; strip++) {
        alignas(64) float by[STRIP * 4];
        for (int n = 0; n < STRIP * 4; n++) by[n] = inverse[strip * STRIP + n / 4];
        const uint16_t* from = weight + strip * groups * STRIP * 4;
        uint8_t* to = packed + strip * groups * STRIP * 4;
        for (int64_t k = 0; k < groups; k++) {
            const Wide four = broadcast(factor + k * 4);
            for (int n = 0; n < STRIP * 4; n += 64, from += 64, to += 64) {
                _mm_prefetch(reinterpret_cast<const char*>(from + AHEAD), _MM_HINT_T0);
                _mm_prefetch(reinterpret_cast<const char*>(from + AHEAD + 32), _MM_HINT_T0);
#pragma GCC unroll 4
                for (int q = 0; q < 64; q += 16)
                    _mm_stream_si128(reinterpret_cast<__m128i*>(to + q),
                                     _mm_xor_si128(codes_of(from + q, four, by + n + q), shift));
            }
        }
        _mm_sfence();
    }
}
