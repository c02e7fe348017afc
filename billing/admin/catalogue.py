"""The operators' console of what is for sale."""
