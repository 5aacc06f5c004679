"""Who works in an organisation for weeks: people, services, pipelines, workloads and agents, each with habits."""
