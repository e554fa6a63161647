"""Study: the verbs by which a study is made, served, watched and revised.

None of them needs torch: where clips are to be rendered, a process of its own does that.
"""

__all__ = ["demo", "new", "revise", "serve", "status"]
