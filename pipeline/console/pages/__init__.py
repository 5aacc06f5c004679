"""The console's pages: one module a page, each a question that becomes a document (`frame` is what they share)."""
