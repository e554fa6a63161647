"""Engine: the parts of the integer engine's benchmark.

Speed at full size, held to instruction sets, error on the embedded model, and files and memory.
"""
