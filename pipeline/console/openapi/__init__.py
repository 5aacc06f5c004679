"""What the API is, as an OpenAPI document: made of the routes, the nouns, and one table (`operations.OPERATIONS`)."""
