// Memory of a thread that grows with what is asked of it and is kept for the next call.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <new>

struct Scratch {
    void* memory = nullptr;
    int64_t size = 0;

    template <typename T>
    T* of(int64_t count) {
        const int64_t bytes = (count * static_cast<int64_t>(sizeof(T)) + 64) / 64 * 64;
        if (bytes > size) {
            std::free(memory);
            memory = std::aligned_alloc(64, bytes);
            size = memory ? bytes : 0;
            if (!memory) throw std::bad_alloc();
        }
        return static_cast<T*>(memory);
    }

    ~Scratch() { std::free(memory); }
};
