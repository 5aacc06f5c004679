"""Made-up organisations with known truth, in the native formats of their logs."""
