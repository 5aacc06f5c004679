"""Rules of one's own: Sigma's language over the fields of an Entry, evaluated on the stream.

In:     a folder with rules (ours, and Sigma's as they are), and Entries
Out:    Matches
Fails:  Invalid, which names the file, the field and the fix; a folder that became invalid keeps its last good rules
"""
