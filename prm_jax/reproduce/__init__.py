"""Claims of papers, tested small: models trained from scratch in worlds whose truth is known.

`chains` is the world, `label_sources` knows less of it than the truth, `population` trains one
small model a seed, all side by side, `policy` lets language models write chains and
`uncertainty_heads` reads how certain they were, `measures` turns step scores into figures, `claim`
figures into verdicts, `study` both into a result, and `document` results into
docs/reproductions.md. A study is a file of `studies`, a file of configs/reproduce and a line in
`studies.STUDIES`.
"""
