"""Raw provider records become Events.

In:    Record: bytes, the name of their native format (or none: it is recognised), topic coordinates.
Out:   Normalized: the Events of one native record and the record itself, secrets masked, for evidence.
Fails: Rejected, with the original bytes and a reason that names the field. Total: nothing else for any bytes.

One module per native format, all alike: FORMAT, SOURCE (what it says of itself), recognizes, split, normalize. They are
pure and share no state. `formats.py` lists them; `make schemas` writes docs/sources/ and the examples from them.
"""
