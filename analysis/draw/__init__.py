"""Draw: the figures, and the style, labels and fonts that they share."""
