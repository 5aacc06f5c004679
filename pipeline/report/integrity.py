"""How sure a reader of a bundle can be that nothing in it was altered, and how to check that."""

from __future__ import annotations

from pipeline.report.content import Content

_WITHHELD: dict[Content, str] = {
    "full": "Texts are as stored: secrets masked, long ones shortened. records/ has raw records, their secrets masked.",
    "masked": "Texts are as stored: secrets masked, long ones shortened. Raw records are withheld from this role.",
    "hashes": (
        "Prompts, arguments, results, errors and vendors' attributes are withheld from this role; a keyed hash stands "
        "for each where a key was at hand. Raw records are withheld."
    ),
}


def integrity(content: Content, *, proved: bool) -> list[str]:
    """What holds of a bundle, a sentence each."""
    hashes = "manifest.json has the SHA-256 and the size of every other file of this bundle."
    if proved:
        proof = "Run python verify.py in the folder of the bundle: it needs Python and the package cryptography only."
        return [hashes, "evidence/ has the proofs.", proof, _WITHHELD[content]]
    return [
        hashes,
        "This bundle was written without proofs: whoever could change it could change the manifest as well.",
        _WITHHELD[content],
    ]
