"""Sets: distances between sets of embeddings and of tag probabilities, as numbers of arrays.

They know no clip and no network.
"""

__all__ = ["divergence", "extrapolated", "frechet", "kernel", "vectors"]
