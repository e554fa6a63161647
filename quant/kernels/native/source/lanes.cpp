// What a compiled library tells of itself.

extern "C" __attribute__((visibility("default"))) int earmark_vector_bytes() {
#ifdef __AVX512F__
    return 64;
#else
    return 32;
#endif
}
