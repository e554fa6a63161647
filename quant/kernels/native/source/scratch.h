// Memory of a thread for a row, a tile or a strip, kept between calls.
#pragma once

#include <cstdint>
#include <vector>

// On a line of the cache; WHICH tells those of one type apart that are used at the same time.
template <class T, int WHICH>
inline T* scratch(int64_t count) {
    static thread_local std::vector<T> kept;
    if ((int64_t)kept.size() < count + 64) kept.resize(count + 64);
    return (T*)(((uintptr_t)kept.data() + 63) & ~(uintptr_t)63);
}
