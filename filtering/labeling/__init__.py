"""Learning from one's own corpus: what to judge, who judges it, what was learned, and what that is worth.

A folder holds the candidates, one line for every judgement, and the classifiers made of them; see `docs/labeling.md`.
"""
