"""Score files to standings: a pure function of the files, never of anything kept beside them."""
