"""Measurements of Licet. Each prints figures and ratios taken in one run, on one machine, against a named limit."""
