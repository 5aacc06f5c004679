"""One clue becomes an Incident: what led to it, what followed, who it was, what is hurt, what cannot be known.

In:     a store, a Clue, a cut-off
Out:    schemas.incident.Incident
Fails:  Invalid when the clue is none, or nothing in the store is of that name; Transient when the store is away

Reads the store by pivots only; `clue` finds where to begin, `spread` follows links both ways, the other modules tell of
what was found. Nothing here guesses who: links and findings were made while the stream went by.
"""

from pipeline.reconstruct.reconstruct import CUTOFF, reconstruct

__all__ = ["CUTOFF", "reconstruct"]
