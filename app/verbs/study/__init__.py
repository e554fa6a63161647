"""Study: the verbs by which a study is made, served, watched and revised, and whose page it is.

None of them needs torch: where clips are to be rendered, a process of its own does that.
"""

__all__ = ["account", "demo", "new", "revise", "serve", "state", "status"]
