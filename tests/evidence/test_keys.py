"""Keys: made once, rotated under the old one's signature; heads: signed, chained, and not to be forged."""

import stat

import msgspec
import pytest

from pipeline.evidence.head import Head, decoded, encoded, signed
from pipeline.evidence.keys import Key, KeyFile, Ring
from pipeline.evidence.tree import Frontier, leaf_hash
from pipeline.kit.failures import Invalid, Permanent


def head(key, size=1, **more):
    frontier = Frontier()
    frontier.extend([leaf_hash(str(n).encode()) for n in range(size)])
    values = {"epoch": 0, "number": 0, "time": 1, "offset": 0, "previous": "", **more}
    made = Head(log="entries/0", size=size, root=frontier.root().hex(), key=key.fingerprint, **values)
    return signed(made, frontier.peaks, key)


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    file = KeyFile(tmp_path / "deep" / "evidence.key")
    key = file.key()
    assert file.key().fingerprint == key.fingerprint
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [one.fields.key for one in file.statements()] == [key.fingerprint]
    file.path.chmod(0o644)
    with pytest.raises(Permanent, match="chmod 600"):
        file.key()


def test_what_is_no_key_is_refused(tmp_path):
    path = tmp_path / "evidence.key"
    path.write_bytes(b"nonsense")
    path.chmod(0o600)
    with pytest.raises(Permanent, match="no private key"):
        KeyFile(path).key()


def test_a_rotated_key_is_followed_from_the_first_fingerprint(tmp_path):
    file = KeyFile(tmp_path / "evidence.key")
    first, second, third = file.key(), file.rotate(), file.rotate()
    assert file.key().fingerprint == third.fingerprint
    ring = Ring([first.fingerprint], reversed(file.statements()))
    assert [one.key for one in ring.keys] == [first.fingerprint, second.fingerprint, third.fingerprint]
    assert ring.refused == []
    assert head(third).verified(ring)


def test_a_key_for_which_nobody_vouches_is_not_believed(tmp_path):
    file, forger = KeyFile(tmp_path / "evidence.key"), Key.made()
    trusted = file.key()
    claimed = forger.stated()
    forged = msgspec.structs.replace(
        claimed, statement=claimed.statement.replace(f'"by":"{forger.fingerprint}', f'"by":"{trusted.fingerprint}')
    )
    ring = Ring([trusted.fingerprint], [*file.statements(), claimed, forged])
    assert len(ring.refused) == 2
    assert head(trusted).verified(ring)
    assert not head(forger).verified(ring)


def test_a_head_that_was_changed_does_not_verify(tmp_path):
    file = KeyFile(tmp_path / "evidence.key")
    key = file.key()
    ring = Ring([key.fingerprint], file.statements())
    item = head(key, 5)
    assert decoded(encoded(item)) == item
    assert item.verified(ring)
    for field in ("size", "time", "number", "epoch", "offset"):
        was = f'"{field}":{getattr(item.fields, field)}'
        changed = msgspec.structs.replace(item, head=item.head.replace(was, f'"{field}":99'))
        assert changed.head != item.head
        assert not changed.verified(ring)


def test_peaks_must_make_the_signed_root():
    item = head(Key.made(), 5)
    assert item.frontier().size == 5
    with pytest.raises(Invalid, match="peaks"):
        msgspec.structs.replace(item, peaks=item.peaks[::-1]).frontier()
    with pytest.raises(Invalid, match="peaks"):
        msgspec.structs.replace(item, peaks=[]).frontier()


def test_another_signed_text_is_no_head():
    with pytest.raises(Invalid):
        decoded(b'{"head": "{}", "signature": ""}')
