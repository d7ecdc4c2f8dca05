"""The client for scripts: ids in, an iterator of outcomes out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Literal

from client.asking import Source, in_order, one_round, until_settled
from client.errors import ClientError
from client.outcomes import Outcome
from shared.errors import Misconfigured
from shared.tasks import AUDIO, PENDING, VIDEO, Kind

KINDS = {kind.name: kind for kind in (VIDEO, AUDIO)}


def ask(
    kind: Literal["video", "audio"],
    ids: Iterable[str],
    *,
    url: str | None = None,
    token: str | None = None,
    wait: bool = False,
) -> Iterator[Outcome]:
    """Yield the outcome of each id, in the order given, as soon as it and those before it are known.

    `url` (or MEDIA_QUERY_URL) is a deployed function, `token` (or MEDIA_QUERY_TOKEN) its token. Without a URL the API
    is asked directly, with the settings of the environment. With `wait`, pending tasks are asked about again, with
    growing pauses, until they are not pending. An id that occurs twice is asked once.

    Raises ClientError if further requests are pointless; a single id without an answer has the outcome `unanswered`.
    """
    vids = [vid.strip() for vid in ids]
    source = choose_source(
        KINDS[kind], url or os.environ.get("MEDIA_QUERY_URL", ""), token or os.environ.get("MEDIA_QUERY_TOKEN", "")
    )
    outcomes = chain.from_iterable(until_settled(source, vids) if wait else one_round(source, vids))
    return in_order(vids, (outcome for outcome in outcomes if not (wait and outcome.outcome == PENDING)))


def choose_source(kind: Kind, url: str, token: str) -> Source:
    """Return the source to ask: the function at a URL, or the API. Raises ClientError."""
    if url:
        from client.function import Function

        return Function(kind, url, token)
    from client.direct import Api

    try:
        return Api(kind)
    except Misconfigured as error:
        raise ClientError(f"without --url the API itself is asked: {error.message}") from error
