// What this processor can do at best: int8 products from registers, and reading memory; for shares of it.
#include <immintrin.h>
#include <omp.h>
#ifdef __AMX_INT8__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdint>
#include <cstring>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int CHAINS = 12;  // independent sums: as many as hide the latency and fit the registers
volatile int32_t sink;

#if defined(__AMX_INT8__)
// A constant, for the compiler does not see that all of it is read: bytes a row, and rows, of eight tiles.
alignas(64) const uint8_t CONFIGURATION[64] = {1,  0, 0,  0, 0,  0, 0,  0, 0,  0,  0,  0,  0,  0,  0,  0,
                                               64, 0, 64, 0, 64, 0, 64, 0, 64, 0,  64, 0,  64, 0,  64, 0,
                                               0,  0, 0,  0, 0,  0, 0,  0, 0,  0,  0,  0,  0,  0,  0,  0,
                                               16, 16, 16, 16, 16, 16, 16, 16};
double loop(int64_t repeats) {
    alignas(64) static thread_local int8_t codes[1024];
    std::memset(codes, 1, sizeof codes);
    _tile_loadconfig(CONFIGURATION);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, codes, 64);
    _tile_loadd(5, codes, 64);
    _tile_loadd(6, codes, 64);
    _tile_loadd(7, codes, 64);
    for (int64_t i = 0; i < repeats; ++i) {
        _tile_dpbssd(0, 4, 6);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
    }
    alignas(64) int32_t sums[256];
    _tile_stored(0, sums, 64);
    sink = sums[0];
    _tile_release();
    return 2.0 * repeats * 4 * 16 * 16 * 64;
}
#else
#if defined(__AVX512VNNI__) && defined(__AVX512F__) && !defined(EARMARK_HALF_VECTORS)
using Vector = __m512i;
constexpr int PRODUCTS = 64;
inline Vector filled(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
#define EARMARK_MULTIPLY "vpdpbusd %2, %1, %0"
#else
using Vector = __m256i;
inline Vector filled(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
#if defined(__AVXVNNI__)
constexpr int PRODUCTS = 32;
#define EARMARK_MULTIPLY "%{vex%} vpdpbusd %2, %1, %0"
#elif defined(__AVX512VNNI__)
constexpr int PRODUCTS = 32;
#define EARMARK_MULTIPLY "vpdpbusd %2, %1, %0"
#else
constexpr int PRODUCTS = 16;  // exact sums of codes as they are multiplied: widened to 16 bits
inline Vector multiply(Vector sum, Vector a, Vector b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }
#endif
#endif
double loop(int64_t repeats) {
    Vector sums[CHAINS], a = filled(1), b = filled(1);
    #pragma GCC unroll 12
    for (int j = 0; j < CHAINS; ++j) sums[j] = filled(0);
    for (int64_t i = 0; i < repeats; ++i) {
#pragma GCC unroll 12
        for (int j = 0; j < CHAINS; ++j) {
#ifdef EARMARK_MULTIPLY
            asm volatile(EARMARK_MULTIPLY : "+v"(sums[j]) : "v"(a), "v"(b));  // the intrinsic comes with a copy of each sum
#else
            asm volatile("" : "+x"(a));  // or the compiler would make the products of equal factors once
            sums[j] = multiply(sums[j], a, b);
#endif
        }
    }
    Vector all = sums[0];
#pragma GCC unroll 12
    for (int j = 1; j < CHAINS; ++j) all ^= sums[j];
    alignas(64) int32_t lanes[sizeof(Vector) / 4];
    std::memcpy(lanes, &all, sizeof all);
    sink = lanes[0];
    return 2.0 * repeats * CHAINS * PRODUCTS;
}
#endif

}  // namespace

// Operations a second, a multiplication and an addition counted as two, of all threads together.
EXPORT double earmark_peak_int8(int threads, int64_t repeats) {
#ifdef __AMX_INT8__
    syscall(SYS_arch_prctl, 0x1023, 18);  // tiles need the kernel's leave
#endif
    double operations = 0;
    const double began = omp_get_wtime();
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : operations)
    for (int thread = 0; thread < threads; ++thread) operations += loop(repeats);
    return operations / (omp_get_wtime() - began);
}

// Bytes a second that all threads together read from `from`.
EXPORT double earmark_peak_read(const int64_t* from, int64_t bytes, int threads) {
    int64_t all = 0;
    const double began = omp_get_wtime();
#pragma omp parallel for num_threads(threads) schedule(static) reduction(+ : all)
    for (int64_t i = 0; i < bytes / 8; ++i) all += from[i];
    const double taken = omp_get_wtime() - began;
    sink = static_cast<int32_t>(all);
    return bytes / taken;
}
