"""Ways in: files, buckets and HTTP become Records on the public topics.

In: files (also while they are written), standard input, objects and notices of them, HTTP bodies, OTLP.
Out: messages of `prompts`, `tool-calls`, `token-issuance` and `cloud-audit`, bytes as received, the native format's
name in the header `format`.
Fails: Permanent when an input cannot be read or a topic refuses, Transient when the broker is away. What an event
means is not judged here: bytes that are no event travel on and become dead letters of the stage that reads them.
"""
