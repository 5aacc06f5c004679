"""What the store holds, for people and programs: the HTTP API and the console page."""
