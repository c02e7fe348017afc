"""Lists of characters: what may be asked for, and the one statement that answers it."""

import re
import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from accounts.viewers import HIDDEN_IDS_SQL, Viewer
from characters import limits
from characters.models import Category, Gender
from characters.rows import CREATOR_IS_HERE, JOINS, LISTED_FIELDS, as_data, columns
from characters.tags import clean_tags
from common.database import fetch_all, fetch_one, replica
from common.errors import ValidationProblem
from common.pagination import DEFAULT_LIMIT, Page, bad_cursor, decode_cursor, encode_cursor, read_moment
from common.rendering import to_json

BIGGEST = 2**63
NEGATIONS = 16

# "Will" and "the Who" are no words to the English dictionary; names are indexed as written, too.
QUERY = """
CASE WHEN numnode(websearch_to_tsquery('english', %(search)s)) > 0
     THEN websearch_to_tsquery('english', %(search)s) ELSE websearch_to_tsquery('simple', %(search)s) END
"""
GENERATION = "COALESCE((SELECT number FROM characters_scoregeneration), 0)"


@dataclass(frozen=True)
class Order:
    """What a list is sorted by, greatest first, then by id. `previous` is the same one refresh of the scores ago."""

    column: str
    type: str
    previous: str | None = None


ORDERS = {
    "popular": Order("c.popularity", "bigint", "c.popularity_previous"),
    "trending": Order("c.trend", "bigint", "c.trend_previous"),
    "new": Order("c.published_at", "timestamptz"),
    "relevance": Order(f"ts_rank(c.search, {QUERY})::float8", "float8"),
}
# Among one's own, drafts have no date of publication.
OWN_ORDERS = ORDERS | {
    "new": Order("c.created_at", "timestamptz"),
    "changed": Order("c.updated_at", "timestamptz"),
}


@dataclass(frozen=True)
class Listing:
    """One list of characters. `own_of` lists that person's own, whatever their visibility, instead of the public ones;
    `creator` is a username or an id. Mature characters are there for who asked for them (`mature`); nothing is there of
    whom `apart_from` has blocked, or who has blocked them."""

    search: str = ""
    tags: tuple[str, ...] = ()
    gender: str = ""
    category: str = ""
    creator: str = ""
    order: str = ""
    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    total: bool = False
    own_of: uuid.UUID | None = None
    mature: bool = False
    apart_from: uuid.UUID | None = None

    @property
    def key(self) -> str:
        """The same for lists that are the same."""
        return to_json(self.__dict__).decode()


def seen_by(listing: Listing, user_id: uuid.UUID | None, viewer: Viewer) -> Listing:
    """The listing without what this person does not want to meet. It stays the same for all who keep nobody out."""
    if listing.own_of:
        return listing
    return replace(listing, mature=viewer.mature, apart_from=user_id if viewer.has_hidden else None)


def checked(listing: Listing) -> Listing:
    """The listing in its one normal form. Raises ValidationProblem for what can't be asked."""
    search = " ".join(_few_negations(listing.search).split())
    tags = tuple(sorted(clean_tags(listing.tags)))
    order = listing.order or ("relevance" if search else "popular" if listing.own_of is None else "new")
    wrong = {
        "search": ("\x00" in listing.search or len(listing.search) > limits.SEARCH)
        and f"Give at most {limits.SEARCH} characters, without NUL.",
        "tags": (len(tags) > limits.TAGS or any(len(tag) > limits.TAG or "\x00" in tag for tag in tags))
        and f"Give at most {limits.TAGS} tags of at most {limits.TAG} characters.",
        "gender": listing.gender not in ("", *Gender.values) and f"Give one of {', '.join(Gender.values)}.",
        "category": listing.category not in ("", *Category.values) and f"Give one of {', '.join(Category.values)}.",
        "creator": (len(listing.creator) > 64 or "\x00" in listing.creator) and "Give a username or an id.",
        "order": _wrong_order(order, search, own=listing.own_of is not None),
    }
    if errors := {name: [message] for name, message in wrong.items() if message}:
        raise ValidationProblem(errors=errors)
    return replace(listing, search=search, tags=tags, order=order, creator=listing.creator.strip().lower())


def _few_negations(search: str) -> str:
    """Without the hyphens beyond `NEGATIONS`: PostgreSQL gives up on a search with more than 32 "not" in a row."""
    parts = search.split("-")
    return "-".join(parts[: NEGATIONS + 1]) + " ".join(["", *parts[NEGATIONS + 1 :]])


def _wrong_order(order: str, search: str, *, own: bool) -> str:
    if order not in (OWN_ORDERS if own else ORDERS):
        return f"Give one of {', '.join(ORDERS)}."
    return "There is relevance only to a search." if order == "relevance" and not search else ""


def find(listing: Listing) -> Page:
    """The page of a `checked` listing: one query, and another where the total is asked for."""
    order = (OWN_ORDERS if listing.own_of else ORDERS)[listing.order]
    conditions, params = _conditions(listing)
    place = _Place.of(listing, order)
    params |= {"limit": listing.limit + 1, "generation": place.generation, "position": place.position, "id": place.id}
    using = DEFAULT_DB_ALIAS if listing.own_of else replica()
    rows = fetch_all(_page_sql(order, conditions, place), params, using)
    total = _count(conditions, params, using) if listing.total else None
    more = len(rows) > listing.limit
    rows = rows[: listing.limit]
    next_cursor = encode_cursor([listing.order, *_end_of(rows[-1])]) if more else None
    return Page([as_data(LISTED_FIELDS, row) for row in rows], next_cursor, total)


@dataclass(frozen=True)
class _Place:
    """Where a page begins: behind `position` and `id`, in the order of score generation `generation`."""

    generation: int | None = None
    position: Any = None
    id: uuid.UUID | None = None

    @classmethod
    def of(cls, listing: Listing, order: Order) -> "_Place":
        if not listing.cursor:
            return cls()
        name, generation, position, last_id = decode_cursor(listing.cursor, 4)
        if name != listing.order or not _is_bigint(generation):
            raise bad_cursor()
        return cls(generation, _position(order, position), _uuid(last_id))


def _page_sql(order: Order, conditions: str, place: _Place) -> str:
    page = _branch(order.column, order, conditions, place)
    if order.previous and place.generation is not None:
        # Exactly one of the two runs: the other's condition is known to be false before it starts.
        went_on = f"%(generation)s = {GENERATION} - 1"
        now = _branch(order.column, order, f"NOT ({went_on}) AND {conditions}", place)
        before = _branch(order.previous, order, f"{went_on} AND {conditions}", place, generation=f"{GENERATION} - 1")
        page = f"({now}) UNION ALL ({before})"
    # only texts of this file are put together; values go as parameters
    return f"""
        SELECT {columns(LISTED_FIELDS)}, page.generation, page.position, page.id
        FROM ({page}) page JOIN characters_character c ON c.id = page.id {JOINS}
        ORDER BY page.position DESC, page.id DESC
    """  # noqa: S608


def _branch(column: str, order: Order, conditions: str, place: _Place, generation: str = GENERATION) -> str:
    behind = f"AND ({column}, c.id) < (%(position)s::{order.type}, %(id)s)" if place.id else ""
    return f"""
        SELECT c.id, {column} AS position, {generation} AS generation
        FROM characters_character c JOIN accounts_user u ON u.id = c.creator_id
        WHERE {conditions} {behind}
        ORDER BY {column} DESC, c.id DESC LIMIT %(limit)s
    """  # noqa: S608


def _conditions(listing: Listing) -> tuple[str, dict[str, Any]]:
    conditions, params = ["c.deleted_at IS NULL", CREATOR_IS_HERE], dict[str, Any]()
    if listing.own_of:
        conditions.append("c.creator_id = %(own_of)s")
        params["own_of"] = listing.own_of
    else:
        conditions.append("c.visibility = 'public'")
        if not listing.mature:
            conditions.append("c.content_rating = 'everyone'")
    if listing.apart_from:
        conditions.append(f"c.creator_id <> ALL({HIDDEN_IDS_SQL})")
        params["viewer"] = listing.apart_from
    if listing.search:
        conditions.append(f"c.search @@ {QUERY}")
        params["search"] = listing.search
    if listing.tags:
        conditions.append("c.tags @> %(tags)s::varchar[]")
        params["tags"] = list(listing.tags)
    for name in ("gender", "category"):
        if value := getattr(listing, name):
            conditions.append(f"c.{name} = %({name})s")
            params[name] = value
    if listing.creator:
        by_id = _uuid_or_none(listing.creator)
        conditions.append("u.id = %(creator)s" if by_id else "u.username = %(creator)s")
        params["creator"] = by_id or listing.creator
    return " AND ".join(conditions), params


def _count(conditions: str, params: dict[str, Any], using: str) -> int:
    row = fetch_one(
        f"SELECT count(*) FROM characters_character c JOIN accounts_user u ON u.id = c.creator_id WHERE {conditions}",  # noqa: S608
        params,
        using,
    )
    return row[0] if row else 0


def _end_of(row: tuple[Any, ...]) -> list[Any]:
    generation, position, last_id = row[-3:]
    return [generation, position, last_id]


def _position(order: Order, value: Any) -> Any:
    if order.type == "bigint" and _is_bigint(value):
        return value
    if order.type == "float8" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if order.type == "timestamptz":
        return read_moment(value)
    raise bad_cursor()


def _is_bigint(value: Any) -> bool:
    return type(value) is int and -BIGGEST <= value < BIGGEST


def _uuid(value: Any) -> uuid.UUID:
    parsed = _uuid_or_none(value)
    if parsed is None:
        raise bad_cursor()
    return parsed


UUID_SHAPE = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def _uuid_or_none(value: Any) -> uuid.UUID | None:
    return uuid.UUID(value) if isinstance(value, str) and UUID_SHAPE.fullmatch(value) else None
