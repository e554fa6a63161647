// The passes between products: what makes tokens of their results, a row at a time, and what splits them into heads.
#include "lanes.h"

namespace earmark {

constexpr float SMALLEST = 0x1p-121f;  // as quant/method/primitives.py has it

// What rows become. `channels` are taken out, to be divided by the scale and not rounded; the largest magnitude of the
// rest, rotated in blocks, counts as no less than `least` of theirs. There is one scale, `fixed`, or each row has its own,
// by its largest magnitude over `limit`; it is written to `scale`.
struct Out {
    const float* fixed;
    const int64_t* channels;
    uint8_t* codes;
    float *scale, *taken;
    int64_t count, block;
    float limit, least;
    int flip;
};

template <int HALF>
static inline Lanes butterfly(Lanes a) {
    float signs[LANES];
    for (int i = 0; i < LANES; i++) signs[i] = i & HALF ? -1.0f : 1.0f;
    return exchanged<HALF>(a) + a * load(signs);
}

// Every `block` floats by the normalized Hadamard matrix: pairs of neighbours first, then of those, as torch does it.
static void rotate_blocks(float* row, int64_t k, int64_t block) {
    int64_t half = 1;
    if (block >= LANES) {
        half = LANES;
        for (int64_t i = 0; i < k; i += LANES)
            store(row + i, butterfly<8>(butterfly<4>(butterfly<2>(butterfly<1>(load(row + i))))));
    }
    for (; half < block; half *= 2)
        for (int64_t start = 0; start < k; start += 2 * half) {
            float *left = row + start, *right = left + half;
            if (half < LANES)
                for (int64_t i = 0; i < half; i++) {
                    float first = left[i], second = right[i];
                    left[i] = first + second;
                    right[i] = first - second;
                }
            else
                for (int64_t i = 0; i < half; i += LANES) {
                    Lanes first = load(left + i), second = load(right + i);
                    store(left + i, first + second);
                    store(right + i, first - second);
                }
        }
    float norm = (float)(1 / std::sqrt((double)block));
    for (int64_t i = 0; i < k; i++) row[i] *= norm;
}

static void row_codes(float* row, int64_t k, const Out& out, int64_t index) {
    const float *fixed = out.fixed, limit = out.limit;
    uint8_t *codes = out.codes + index * k, flip = (uint8_t)out.flip;
    float* taken = out.taken + index * out.count;
    Lanes most = all(limit), least = all(-limit);
    Lanes factor;
    float held = 0;
    for (int64_t i = 0; i < out.count; i++) {
        float one = row[out.channels[i]];
        taken[i] = one;
        held = std::max(held, std::fabs(one));
        row[out.channels[i]] = 0;
    }
    if (out.block > 1) rotate_blocks(row, k, out.block);
    float scale;
    if (fixed) {
        factor = all(scale = *fixed);
        // Zero times NaN or infinity is NaN: the row's scale then is, and all that is made of its codes.
        Lanes nothing = all(0);
        for (int64_t i = 0; i < k; i += LANES) nothing = fused(load(row + i, k - i), all(0), nothing);
        out.scale[index] = scale + sum(nothing);
    } else {
        Lanes sizes = all(held * out.least);
        for (int64_t i = 0; i < k; i += LANES) sizes = largest(sizes, load(row + i, k - i));
        float size = largest(sizes);
        out.scale[index] = scale = size / limit;
        factor = all(1 / (size >= SMALLEST ? size : limit) * limit);  // rounded twice, as torch divides a number by a tensor
    }
    if (scale > 0)
        for (int64_t i = 0; i < out.count; i++) taken[i] /= scale;
    for (int64_t i = 0; i < k; i += LANES) {
        Lanes x = load(row + i, k - i);
        x = larger(smaller(fixed ? x / factor : x * factor, most), least);
        if (k - i >= LANES) {
            store_codes(codes + i, x, flip);
        } else {
            uint8_t some[LANES];
            store_codes(some, x, flip);
            std::memcpy(codes + i, some, k - i);
        }
    }
}

static void normalize(float* out, const float* x, int64_t k, const float* gamma, const float* beta, float eps) {
    Lanes total = all(0);
    for (int64_t i = 0; i < k; i += LANES) total = total + load(x + i, k - i);
    float mean = sum(total) / (float)k;
    Lanes middle = all(mean);
    total = all(0);
    int64_t i = 0;
    for (; i + LANES <= k; i += LANES) {
        Lanes apart = load(x + i) - middle;
        total = total + apart * apart;
    }
    if (i < k) {
        float some[LANES] = {};
        for (int64_t j = i; j < k; j++) some[j - i] = x[j] - mean;
        Lanes apart = load(some);
        total = total + apart * apart;
    }
    float inverse = 1 / std::sqrt(sum(total) / (float)k + eps);
    Lanes factor = all(inverse);
    for (i = 0; i + LANES <= k; i += LANES)
        store(out + i, (load(x + i) - middle) * factor * load(gamma + i) + load(beta + i));
    for (; i < k; i++) out[i] = (x[i] - mean) * inverse * gamma[i] + beta[i];
}

template <class T>
static void gate(float* out, const T* y, int64_t k, float scale, const float* bias, const float* fold) {
    Lanes factor = all(scale), one = all(1), most = all(127), minus = all(-LOG2_E);
    for (int64_t i = 0; i < k; i += LANES) {
        int64_t n = k - i;
        Lanes up = load(y + i, n) * factor + load(bias + i, n);
        Lanes open = load(y + k + i, n) * factor + load(bias + k + i, n);
        Lanes x = up * load(fold + i, n) * (open / (one + power(smaller(most, open * minus))));
        store(out + i, x);
    }
}

// Rotated by the angles of a token: the first half of `width` channels with the second.
static inline void rotate(float* x, const float* cos, const float* sin, int64_t width) {
    int64_t half = width / 2, i = 0;
    for (; i + LANES <= half; i += LANES) {
        Lanes first = load(x + i), second = load(x + i + half);
        store(x + i, first * load(cos + i) - second * load(sin + i));
        store(x + i + half, second * load(cos + i + half) + first * load(sin + i + half));
    }
    for (; i < half; i++) {
        float first = x[i], second = x[i + half];
        x[i] = first * cos[i] - second * sin[i];
        x[i + half] = second * cos[i + half] + first * sin[i + half];
    }
}

template <class T, class Y>
static inline void turn_head(T* out, const Y* y, float* x, int64_t d, float scale, const float* gamma,
                             const float* beta, float eps, const float* cos, const float* sin, int64_t width) {
    int64_t i = 0, half = width / 2;
    if (!gamma && half % LANES == 0 && d % LANES == 0) {  // what most models have, without a copy between
        for (; i < half; i += LANES) {
            Lanes first = load(y + i) * all(scale), second = load(y + i + half) * all(scale);
            store(out + i, first * load(cos + i) - second * load(sin + i));
            store(out + i + half, second * load(cos + i + half) + first * load(sin + i + half));
        }
        for (i = width; i < d; i += LANES) store(out + i, load(y + i) * all(scale));
        return;
    }
    for (; i + LANES <= d; i += LANES) store(x + i, load(y + i) * all(scale));
    for (; i < d; i++) x[i] = widened_one(y[i]) * scale;
    if (gamma) normalize(x, x, d, gamma, beta, eps);
    rotate(x, cos, sin, width);
    for (i = 0; i + LANES <= d; i += LANES) store(out + i, load(x + i));
    for (; i < d; i++) put(out + i, x[i]);
}

template <class T>
static void merge(const T* x, const int64_t* shape, const int64_t* steps, const Out& out, int threads) {
    int64_t heads = shape[1], tokens = shape[2], d = shape[3], k = heads * d;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < shape[0] * tokens; row++) {
        float* found = scratch<float, 0>(k);
        for (int64_t head = 0; head < heads; head++) {
            const T* from = x + row / tokens * steps[0] + head * steps[1] + row % tokens * steps[2];
            for (int64_t i = 0; i < d; i++) found[head * d + i] = widened_one(from[i]);
        }
        row_codes(found, k, out, row);
    }
}

template <class T>
static void inputs(const T* y, int64_t batch, int64_t tokens, int64_t heads, int64_t d, const float* scale,
                   int64_t step, const float* cos, const float* sin, int64_t width, const float* const* norms,
                   float eps, T* q, T* k, T* v, int threads) {
    // A few tokens at a time, so that what is written for a head lies side by side.
    constexpr int64_t FEW = 8;
    int64_t rows = batch * tokens;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t first = 0; first < rows; first += FEW) {
        float* x = scratch<float, 1>(d);
        for (int64_t head = 0; head < 3 * heads; head++) {
            int64_t kind = head / heads;
            T* out = kind == 0 ? q : kind == 1 ? k : v;
            for (int64_t row = first; row < std::min(rows, first + FEW); row++) {
                int64_t item = row / tokens, token = row % tokens;
                T* to = out + ((item * heads + head % heads) * tokens + token) * d;
                const float* gamma = kind < 2 ? norms[2 * kind] : nullptr;
                const float* beta = kind < 2 ? norms[2 * kind + 1] : nullptr;
                turn_head(to, y + (row * 3 * heads + head) * d, x, d, scale[row * step], gamma, beta, eps,
                          cos + token * width, sin + token * width, kind < 2 ? width : 0);
            }
        }
    }
}

template <class T>
static void heads_of(const float* y, int64_t batch, int64_t tokens, int64_t heads, int64_t d, const float* scale,
                     int64_t step, T* out, int threads) {
    constexpr int64_t FEW = 8;
    int64_t rows = batch * tokens;
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t first = 0; first < rows; first += FEW) {
        float* x = scratch<float, 1>(d);
        for (int64_t head = 0; head < heads; head++)
            for (int64_t row = first; row < std::min(rows, first + FEW); row++)
                turn_head(out + ((row / tokens * heads + head) * tokens + row % tokens) * d, y + (row * heads + head) * d, x,
                          d, scale[row * step], nullptr, nullptr, 0, nullptr, nullptr, 0);
    }
}

}  // namespace earmark

using namespace earmark;

EARMARK void earmark_norm(const float* x, int64_t rows, int64_t k, const float* gamma, const float* beta, float eps,
                          const Out* out, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < rows; row++) {
        float* found = scratch<float, 0>(k);
        normalize(found, x + row * k, k, gamma, beta, eps);
        row_codes(found, k, *out, row);
    }
}

EARMARK void earmark_gate(const void* y, int half, int64_t rows, int64_t k, const float* scale, int64_t step,
                          const float* bias, const float* fold, const Out* out, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < rows; row++) {
        float* found = scratch<float, 0>(k + LANES);
        if (half)
            gate(found, (const bf16*)y + row * 2 * k, k, scale[row * step], bias, fold);
        else
            gate(found, (const float*)y + row * 2 * k, k, scale[row * step], bias, fold);
        row_codes(found, k, *out, row);
    }
}

// Tokens of (batch, heads, tokens, d), whose elements are `steps` apart, heads side by side.
EARMARK void earmark_merge(const void* x, int half, const int64_t* shape, const int64_t* steps, const Out* out,
                           int threads) {
    if (half)
        merge((const bf16*)x, shape, steps, *out, threads);
    else
        merge((const float*)x, shape, steps, *out, threads);
}

EARMARK void earmark_inputs(const void* y, int half, int64_t batch, int64_t tokens, int64_t heads, int64_t d,
                            const float* scale, int64_t step, const float* cos, const float* sin, int64_t width,
                            const float* const* norms, float eps, void* q, void* k, void* v, int threads) {
    if (half)
        inputs((const bf16*)y, batch, tokens, heads, d, scale, step, cos, sin, width, norms, eps, (bf16*)q, (bf16*)k,
               (bf16*)v, threads);
    else
        inputs((const float*)y, batch, tokens, heads, d, scale, step, cos, sin, width, norms, eps, (float*)q,
               (float*)k, (float*)v, threads);
}

// (batch, tokens, heads * d) scaled, to (batch, heads, tokens, d).
EARMARK void earmark_heads(const float* y, int64_t batch, int64_t tokens, int64_t heads, int64_t d, const float* scale,
                           int64_t step, int half, void* out, int threads) {
    if (half)
        heads_of(y, batch, tokens, heads, d, scale, step, (bf16*)out, threads);
    else
        heads_of(y, batch, tokens, heads, d, scale, step, (float*)out, threads);
}

EARMARK void earmark_residual(const float* x, const float* y, int64_t rows, int64_t k, const float* scale,
                              int64_t step, const float* bias, float* out, int threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t row = 0; row < rows; row++) {
        const float *a = x + row * k, *b = y + row * k;
        float *to = out + row * k, s = scale[row * step];
        if (bias)
            for (int64_t i = 0; i < k; i++) to[i] = (a[i] + b[i] * s) + bias[i];
        else
            for (int64_t i = 0; i < k; i++) to[i] = a[i] + b[i] * s;
    }
}
