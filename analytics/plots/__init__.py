"""Figures: tidy frame in, Axes out; nothing is computed here. One module per stage."""
