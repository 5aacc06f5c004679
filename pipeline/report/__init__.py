"""An Incident becomes what people, machines and courts are handed: reports, timelines, a graph, proofs."""
