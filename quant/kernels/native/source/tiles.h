// Tiles of AMX: sums of 16 or 32 rows by 32 columns in four, and what is multiplied in four more.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace {

constexpr int64_t SIDE = 16, DEEP = 64, TILE = SIDE * DEEP;  // rows, and bytes of one and of all

// Bytes a row, and rows, of eight tiles; a constant, for the compiler does not see that all of it is read.
alignas(64) const uint8_t CONFIGURATION[64] = {1,  0, 0,  0, 0,  0, 0,  0, 0,  0,  0,  0,  0,  0,  0,  0,
                                               64, 0, 64, 0, 64, 0, 64, 0, 64, 0,  64, 0,  64, 0,  64, 0,
                                               0,  0, 0,  0, 0,  0, 0,  0, 0,  0,  0,  0,  0,  0,  0,  0,
                                               16, 16, 16, 16, 16, 16, 16, 16};

// While this lives its thread has tiles.
struct Tiles {
    Tiles() { _tile_loadconfig(CONFIGURATION); }
    ~Tiles() { _tile_release(); }
};

// The sums lie tile after tile: of each 16 rows two.
template <int BLOCKS>
inline void clear() {
    _tile_zero(0);
    _tile_zero(1);
    if (BLOCKS == 1) return;
    _tile_zero(2);
    _tile_zero(3);
}
template <int BLOCKS>
inline void fetch(const void* sums) {
    const auto* from = static_cast<const char*>(sums);
    _tile_loadd(0, from, 64);
    _tile_loadd(1, from + TILE, 64);
    if (BLOCKS == 1) return;
    _tile_loadd(2, from + 2 * TILE, 64);
    _tile_loadd(3, from + 3 * TILE, 64);
}
template <int BLOCKS>
inline void keep(void* sums) {
    auto* to = static_cast<char*>(sums);
    _tile_stored(0, to, 64);
    _tile_stored(1, to + TILE, 64);
    if (BLOCKS == 1) return;
    _tile_stored(2, to + 2 * TILE, 64);
    _tile_stored(3, to + 3 * TILE, 64);
}

// Products of 16 rows each, `block` bytes apart, by 16 columns each, `strip` bytes apart, are added to the sums of BLOCKS;
// lines of tiles are `pitch` bytes apart, and those of columns `line`.
#define EARMARK_STEP(PRODUCT, left, pitch, block, right, line, strip) \
    _tile_loadd(4, left, pitch);                                      \
    _tile_loadd(6, right, line);                                      \
    PRODUCT(0, 4, 6);                                                 \
    _tile_loadd(7, (right) + (strip), line);                          \
    PRODUCT(1, 4, 7);                                                 \
    if (BLOCKS == 2) {                                                \
        _tile_loadd(5, (left) + (block), pitch);                      \
        PRODUCT(2, 5, 6);                                             \
        PRODUCT(3, 5, 7);                                             \
    }

}  // namespace
