"""Measurements of Licet. Each prints figures and ratios taken in one run against a named limit or peer."""
