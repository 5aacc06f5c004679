"""Who in the group of the correlators gets which partitions: Faust's assignor, told of all topics or of none."""

from __future__ import annotations

import logging
from typing import Any

from aiokafka.cluster import ClusterMetadata
from faust.assignor import PartitionAssignor

log = logging.getLogger("whodid")


class WholeAssignor(PartitionAssignor):  # type: ignore[misc]
    """Assigns nothing while the leader does not know all topics.

    Faust leaves out topics that it does not know. A partition whose changelog is left out would begin with no state.
    As soon as the leader is told of topics (`pipeline.app.METADATA_AGE`) it makes the group join again.
    """

    def assign(self, cluster: ClusterMetadata, members: dict[str, Any]) -> Any:
        """Assignments by member."""
        topics = {topic for member in members.values() for topic in member.subscription}
        unknown = sorted(topic for topic in topics if not cluster.partitions_for_topic(topic))
        if unknown:
            log.warning("Kafka has not told of %s yet: no partitions are assigned until it has", ", ".join(unknown))
        return super().assign(ClusterMetadata() if unknown else cluster, members)
