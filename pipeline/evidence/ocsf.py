"""A leaf, its proof and its head become OCSF's `record_integrity` (a profile merged into ocsf-schema by its PR 1661).

No released version up to 1.8 has the profile, so an exporter that validates against one of those puts this under
`unmapped`. Two things differ from the profile's text, since a tree is no chain: `fingerprint` is of the leaf and not of
the OCSF event, and the signature is over the head that covers it; `uid` and `unmapped` say where, with the proof.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.evidence.head import Signed

#: OCSF's numbers: SHA-256; an algorithm that it does not list.
_SHA_256, _OTHER = 3, 99


def record_integrity(leaf: dict[str, Any], proof: Sequence[str], head: Signed) -> dict[str, Any]:
    """Attributes of the profile. `leaf` is a line of a bundle's `leaves.jsonl` (or has its `hash`, `log`, `epoch`,
    `index`); `proof` are the hashes of its inclusion proof."""
    signed = head.fields
    chain = f"{leaf['log']}/{leaf['epoch']}"
    return {
        "attestation_list": [
            {
                "uid": f"{chain}/{leaf['index']}",
                "authority_uid": signed.key,
                "chain_uid": chain,
                "fingerprint": {"algorithm": "SHA-256", "algorithm_id": _SHA_256, "value": leaf["hash"]},
                "signatures": [
                    {
                        "algorithm": "Ed25519",
                        "algorithm_id": _OTHER,
                        "created_time": signed.time // 1000,
                        "digest": {"algorithm": "SHA-256", "algorithm_id": _SHA_256, "value": head.hash},
                    }
                ],
            }
        ],
        "unmapped": {
            "tree_head": head.head, "signature": head.signature, "inclusion_proof": list(proof),
            "tree_hashing": "RFC 9162",
        },
    }  # fmt: skip
