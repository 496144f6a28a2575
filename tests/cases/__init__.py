"""Cases: one folder each, with what is given and what comes of it."""
