"""Token counts live on the ground floor, where characters can reach them too."""

from common.tokens import count_tokens, truncate_to_tokens

__all__ = ["count_tokens", "truncate_to_tokens"]
