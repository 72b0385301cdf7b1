"""Training one process reward model on several sources and measuring it on each.

`data` makes the parts of every source, `run` trains, scores and measures, `tables` and `card` say
what came out.
"""
