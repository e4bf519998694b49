"""Spark: jobs that `spark-submit` runs anywhere, and the code that submits them from here.

`interactions`, `train_als` and `recommend` are files for a cluster: each stands alone, imports
nothing of this package, and takes plain arguments. `launch` and `submit` belong to the command
line and are never imported by a job.
"""
