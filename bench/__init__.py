"""`make bench`: the production processes under load, each figure beside its limit in the same run."""
