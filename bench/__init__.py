"""The daemon against what bounds it, side by side in one run: `make bench`. What counts is ratios."""
