"""Draw: the figures, which know tables and rows of results, and the style, labels and fonts that they share.

Which of them a report shows is chosen in `report`.
"""

__all__ = ["answer_figures", "difference_figures", "figures", "labels", "metric_figures", "rating_figures"]
