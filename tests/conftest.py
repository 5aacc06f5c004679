"""What holds for all tests."""

import os

# What is printed into a pipe is as wide as it needs to be; a test worker may have been told how wide its terminal is.
os.environ.pop("COLUMNS", None)
