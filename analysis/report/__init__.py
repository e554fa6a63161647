"""Report: the whole analysis of one file of ratings, written as a page, as JSON and as figures."""
