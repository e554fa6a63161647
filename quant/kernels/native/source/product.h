// What is multiplied, and what becomes of the sums.
#pragma once
#include <cstdint>

struct Product {
    const int8_t* codes;        // (rows, inputs)
    const uint8_t* packed;      // strips of the weight
    const uint16_t* weight;     // the weight in fp16 in their order, of which codes are made in passing; or null, and
    const float* factor;        // a factor an input, to whole groups
    const float* inverse;       // the reciprocal of a scale an output, to whole strips
    const float* scale;         // (outputs,)
    void* out;                  // (rows, outputs)
    const float* stream;        // (rows, outputs) to be added to, or null
    const float* token_scale;   // with a stream: (rows,), or one
    const float* bias;          // with a stream: (outputs,) or null
    const float* down;          // (rows, rank) or null
    const char* back;           // strips of the branch's second half
    int64_t rows, inputs, outputs;
    int64_t rank;               // a multiple of 32
    int64_t per_token;          // whether each token has a scale
    int64_t halves;             // whether `out` is bfloat16
};
