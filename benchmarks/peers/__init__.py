"""Peers: other ways to run a transformer in int8, each behind one face.

What `requirements-bench.txt` lists must be on the path; a peer that is not there is left out with its reason.
"""
