"""What tests ask the inventory."""

from pipeline.store.inventory import inventory, named


def listed(store, of="identities", **given):
    """Names, as they are listed."""
    return [one.name for one in inventory(store, of, **given).items]


def one(store, of, name):
    """The only one of this name."""
    (found,) = named(store, of, name)
    return found
