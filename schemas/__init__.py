"""The nouns: what every stage takes and returns, one file each."""
