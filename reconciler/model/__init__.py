"""Nouns: frozen values without I/O, from which everything else is made."""
