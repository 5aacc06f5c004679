"""Entries and raw records become leaves of Merkle logs, whose signed heads prove that nothing was changed since."""
