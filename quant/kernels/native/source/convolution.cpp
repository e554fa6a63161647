// Layers of an Oobleck decoder on (samples, channels): its activation, and a residual unit whose convolution of seven
// taps makes four outputs of ten products (Toom-Cook), all of a stretch of samples while it lies in cache.
#include "lanes.h"

namespace earmark {

constexpr int64_t OUTPUTS = 4, POINTS = 10, STRIP = 64, ROWS = 6;
constexpr int64_t TILES = 72, STRETCH = TILES * OUTPUTS;

#ifdef __AVX512F__
constexpr int WIDE = 4;
#else
constexpr int WIDE = 1;
#endif

// x + beta sin(alpha x)^2. Of alpha x the nearest multiple of pi is taken, in three parts; the square has no sign.
// The polynomial is that of least relative error, 1.4e-8, for sin(r)^2 / r^2 in r^2.
static inline Lanes snake(Lanes x, Lanes alpha, Lanes beta) {
    Lanes z = x * alpha, n = rounded(z * all(0.318309886f));
    Lanes r = fused(n, all(-3.140625f), z);
    r = fused(n, all(-9.67502593994140625e-4f), r);
    r = fused(n, all(-1.509957990978376432e-7f), r);
    r = larger(all(-1.6f), smaller(all(1.6f), r));  // beyond it only where float32 has no angle left
    Lanes u = r * r, p = all(-3.6095025719e-06f);
    for (float c : {1.3921354846e-4f, -3.1720975536e-3f, 4.4442903163e-2f, -0.33333297743f, 0.99999998613f})
        p = fused(p, u, all(c));
    return fused(p * u, beta, x);
}

struct Unit {
    const float *x, *alpha, *beta, *taps, *bias, *next_alpha, *next_beta, *mix, *mix_bias, *into, *back;
    float* out;
    int64_t samples, channels, dilation;
};

// (ROWS, STRIP) of a product: `a` a row every `lda`, `b` (inside, STRIP).
static inline void product(const float* a, int64_t lda, const float* b, int64_t inside, float* out, int64_t ldo) {
    for (int64_t first = 0; first < STRIP; first += WIDE * LANES) {
        Lanes sums[ROWS][WIDE];
        for (auto& row : sums)
            for (Lanes& each : row) each = all(0);
        for (int64_t p = 0; p < inside; p++) {
            Lanes right[WIDE];
            for (int c = 0; c < WIDE; c++) right[c] = load(b + p * STRIP + first + c * LANES);
            for (int r = 0; r < ROWS; r++) {
                Lanes left = all(a[r * lda + p]);
                for (int c = 0; c < WIDE; c++) sums[r][c] = fused(left, right[c], sums[r][c]);
            }
        }
        for (int r = 0; r < ROWS; r++)
            for (int c = 0; c < WIDE; c++) store(out + r * ldo + first + c * LANES, sums[r][c]);
    }
}

// Ten inputs to ten points: those of a point and of its negative are the sum and the difference of two halves. The first
// input counts at zero alone, the last at infinity alone.
static inline void evaluate(const Lanes* d, const float* into, Lanes* v) {
    const float *zero = into, *infinity = into + (POINTS - 1) * POINTS;
    v[0] = d[0] * all(zero[0]);
    v[POINTS - 1] = d[1] * all(infinity[1]);
    for (int k = 2; k < POINTS; k += 2) {
        v[0] = fused(d[k], all(zero[k]), v[0]);
        v[POINTS - 1] = fused(d[k + 1], all(infinity[k + 1]), v[POINTS - 1]);
    }
    for (int p = 1; p < POINTS - 1; p += 2) {
        const float* row = into + p * POINTS;
        Lanes odd = d[1] * all(row[1]), even = d[2] * all(row[2]);
        for (int k = 3; k < POINTS - 1; k += 2) {
            odd = fused(d[k], all(row[k]), odd);
            even = fused(d[k + 1], all(row[k + 1]), even);
        }
        v[p] = even + odd;
        v[p + 1] = even - odd;
    }
}

// Products at ten points to four outputs, likewise.
static inline void interpolate(const Lanes* m, const float* back, Lanes* y) {
    Lanes sums[4], differences[4];
    for (int k = 0; k < 4; k++) {
        sums[k] = m[1 + 2 * k] + m[2 + 2 * k];
        differences[k] = m[1 + 2 * k] - m[2 + 2 * k];
    }
    for (int i = 0; i < OUTPUTS; i++) {
        const float* row = back + i * POINTS;
        const Lanes* halves = i % 2 ? differences : sums;
        y[i] = halves[0] * all(row[1]);
        for (int k = 1; k < 4; k++) y[i] = fused(halves[k], all(row[1 + 2 * k]), y[i]);
    }
    y[0] = fused(m[0], all(back[0]), y[0]);
    y[OUTPUTS - 1] = fused(m[POINTS - 1], all(back[OUTPUTS * POINTS - 1]), y[OUTPUTS - 1]);
}

static void stretch(const Unit& unit, int64_t base) {
    const int64_t channels = unit.channels, d = unit.dilation, row = channels + LANES;
    const int64_t count = std::min(STRETCH, unit.samples - base);
    // Tile q * d + phase makes the outputs phase + (4 q + 0, 1, 2, 3) d.
    const int64_t tiles = ((count + OUTPUTS * d - 1) / (OUTPUTS * d) * d + ROWS - 1) / ROWS * ROWS;
    const int64_t seen = (tiles + d - 1) / d * OUTPUTS * d + 6 * d;
    float* active = scratch<float, 8>((STRETCH + 10 * d) * channels);
    float* points = scratch<float, 9>(POINTS * TILES * row);
    float* made = scratch<float, 10>(POINTS * TILES * STRIP);
    float* hidden = scratch<float, 11>((STRETCH + 4 * d + ROWS) * row);
    for (int64_t s = 0; s < seen; s++) {
        const int64_t sample = base - 3 * d + s;
        const bool inside = sample >= 0 && sample < unit.samples;
        for (int64_t c = 0; c < channels; c += LANES) {
            Lanes value = all(0);
            if (inside) value = snake(load(unit.x + sample * channels + c), load(unit.alpha + c), load(unit.beta + c));
            store(active + s * channels + c, value);
        }
    }
    for (int64_t tile = 0; tile < tiles; tile++) {
        const float* first = active + (tile / d * OUTPUTS * d + tile % d) * channels;
        for (int64_t c = 0; c < channels; c += LANES) {
            Lanes given[POINTS], value[POINTS];
            for (int k = 0; k < POINTS; k++) given[k] = load(first + k * d * channels + c);
            evaluate(given, unit.into, value);
            for (int p = 0; p < POINTS; p++) store(points + (p * TILES + tile) * row + c, value[p]);
        }
    }
    for (int64_t strip = 0; strip < channels; strip += STRIP) {
        for (int64_t p = 0; p < POINTS; p++) {
            const float* taps = unit.taps + (p * channels + strip) * channels;
            for (int64_t tile = 0; tile < tiles; tile += ROWS)
                product(points + (p * TILES + tile) * row, row, taps, channels, made + (p * TILES + tile) * STRIP, STRIP);
        }
        for (int64_t tile = 0; tile < tiles; tile++) {
            float* out = hidden + (tile / d * OUTPUTS * d + tile % d) * row + strip;
            for (int64_t c = 0; c < STRIP; c += LANES) {
                Lanes given[POINTS], value[OUTPUTS];
                for (int p = 0; p < POINTS; p++) given[p] = load(made + (p * TILES + tile) * STRIP + c);
                interpolate(given, unit.back, value);
                Lanes bias = load(unit.bias + strip + c);
                Lanes alpha = load(unit.next_alpha + strip + c), beta = load(unit.next_beta + strip + c);
                for (int i = 0; i < OUTPUTS; i++) store(out + i * d * row + c, snake(value[i] + bias, alpha, beta));
            }
        }
    }
    for (int64_t strip = 0; strip < channels; strip += STRIP)
        for (int64_t s = 0; s < count; s += ROWS) {
            float mixed[ROWS * STRIP];
            product(hidden + s * row, row, unit.mix + strip * channels, channels, mixed, STRIP);
            for (int64_t r = 0; r < std::min(ROWS, count - s); r++)
                for (int64_t c = 0; c < STRIP; c += LANES) {
                    const int64_t at = (base + s + r) * channels + strip + c;
                    Lanes sum = load(mixed + r * STRIP + c) + load(unit.mix_bias + strip + c);
                    store(unit.out + at, sum + load(unit.x + at));
                }
        }
}

}  // namespace earmark

using namespace earmark;

EARMARK void earmark_residual_unit(const Unit* unit, int threads) {
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int64_t base = 0; base < unit->samples; base += STRETCH) stretch(*unit, base);
}

EARMARK void earmark_snake(const float* x, const float* alpha, const float* beta, float* out, int64_t samples,
                           int64_t channels, int threads) {
#pragma omp parallel for num_threads(threads)
    for (int64_t s = 0; s < samples; s++)
        for (int64_t c = 0; c < channels; c += LANES) {
            const int64_t at = s * channels + c;
            store(out + at, snake(load(x + at), load(alpha + c), load(beta + c)));
        }
}
