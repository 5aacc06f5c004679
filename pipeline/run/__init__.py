"""Ways to run the same stages: roles against Kafka, everything on one machine, or log files without a broker."""
