"""Render: what a clip costs from its prompt to its file.

One of the embedded model beside others, and one of a full-size model alone.
"""
