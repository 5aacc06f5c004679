"""What every stage needs and none owns: settings, failures, topics, batches, metrics."""
