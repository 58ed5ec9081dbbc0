"""Where the values of a call came from: labels and sources for each of them, and what the run has been exposed to.

The author of a tool declares what a parameter means (`licet.tools.markers`) and who wrote what a result holds. From
that, the user's own words and what this run has executed, `Provenance` computes labels. Rego judges the labels; it
never parses text. docs/provenance.md says what each label promises and what it does not.

The state is rebuilt from the journal: everything here is derived, in order, from the run's folded state.
"""

from __future__ import annotations

from licet.runtime.provenance.trace import Provenance, Traced, Unmarked, provenance_of

__all__ = ["Provenance", "Traced", "Unmarked", "provenance_of"]
