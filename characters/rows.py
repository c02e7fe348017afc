"""One character as one row of SQL, and as the contract's dictionary.

Reads of characters are the busiest of the site, so they are one statement each and no model is made on the way. The
numbers shown are the column and the deltas that are not folded yet, in the same snapshot.
"""

from typing import Any

from characters.avatars import avatar_url

# What a list shows. Long texts that only matter in a conversation come with the single character.
LISTED_FIELDS = (
    "id",
    "name",
    "tagline",
    "description",
    "nickname",
    "character_version",
    "age",
    "gender",
    "ethnicity",
    "body_type",
    "tags",
    "category",
    "content_rating",
    "visibility",
    "downloadable",
    "system_prompt_tokens",
    "created_at",
    "updated_at",
)
SINGLE_FIELDS = (
    *LISTED_FIELDS,
    "greeting",
    "alternate_greetings",
    "example_dialogue",
    "personality",
    "scenario",
    "post_history_instructions",
    "creator_notes",
)

COUNTS_AND_CREATOR = """
c.likes_amount + COALESCE(d.likes, 0), c.messages_amount + COALESCE(d.messages, 0), u.id, u.username, u.display_name
"""
JOINS = """
JOIN accounts_user u ON u.id = c.creator_id
LEFT JOIN LATERAL (
    SELECT sum(likes) AS likes, sum(messages) AS messages FROM characters_counterdelta WHERE character_id = c.id
) d ON true
"""
# Who deleted their account is hidden at once, and so is what they made.
CREATOR_IS_HERE = "u.deleted_at IS NULL AND u.is_active"
# What a person (`%(user)s`, or NULL for nobody) may see who has the id.
VISIBLE = f"""
c.deleted_at IS NULL AND (c.creator_id = %(user)s OR (c.visibility <> 'private' AND {CREATOR_IS_HERE}))
"""


def columns(fields: tuple[str, ...]) -> str:
    return ", ".join(f"c.{name}" for name in fields) + "," + COUNTS_AND_CREATOR


def as_data(fields: tuple[str, ...], row: tuple[Any, ...]) -> dict[str, Any]:
    """The dictionary of a row of `columns(fields)`, as someone sees it who has not liked it."""
    data = dict(zip(fields, row, strict=False))
    likes, messages, creator_id, username, display_name = row[len(fields) : len(fields) + 5]
    data["avatar"] = avatar_url(data["id"])
    data["likes_amount"] = likes
    data["messages_amount"] = messages
    data["liked"] = False
    data["creator"] = {"id": creator_id, "username": username, "display_name": display_name}
    return data
