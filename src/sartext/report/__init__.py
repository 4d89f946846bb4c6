"""Tables, figures and the page: pure functions of the files of a run."""
