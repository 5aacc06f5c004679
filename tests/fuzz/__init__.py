"""Inputs that nobody wrote, against what must hold for any bytes: `make fuzz`."""
