"""A batch that the API refuses as a whole: what it knows of the ids, for a bounded number of calls.

No document says whether a batch is answered 5000 when one of its ids is unknown, or only when all are. Asking each
half alone, and so on, would find out, with 199 calls for 100 unknown ids. So some ids are asked alone first, drawn at
random. When none of them is known, none of the batch is taken to be: a batch half of which is known passes for that
once in 350 times, and a timer's next sweep draws anew. When one is known, the API refuses batches for a single unknown
id, and halving finds the others; where that takes too many calls, the rest has no answer this time, and is not missing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from shared.errors import QueryError, ReplyTooLarge, UnknownTask, UpstreamFailed

Answered = dict[str, Mapping[str, object] | QueryError]
Ask = Callable[[Sequence[str]], Answered]

#: Ids that are asked alone.
SAMPLE = 8
#: Calls about parts of a batch: three unknown ids among a hundred are found with 37.
MOST_PARTS = 40


def told_apart(vids: Sequence[str], ask: Ask) -> Answered:
    """What `ask` says of the ids of a batch that it has answered with UnknownTask; unknown ids are left out.

    Raises its other errors while not one id is known.
    """
    sample = random.sample(vids, min(SAMPLE, len(vids)))
    found: Answered = {}
    for vid in sample:
        with suppress(UnknownTask):
            found |= ask([vid])
    rest = [vid for vid in vids if vid not in sample]
    return found | by_halves(rest, ask) if found and rest else found


def by_halves(vids: Sequence[str], ask: Ask) -> Answered:
    """What `ask` says of a batch's halves, and of the halves of those that are refused or whose reply is too large.

    An id without an answer has the error for it: another one that came, or that the calls are used up.
    """
    todo, found, calls = deque(_halves(vids)), Answered(), 0
    failure: QueryError = UpstreamFailed("some ids of a batch are unknown, not yet told which; ask for fewer")
    while todo and calls < MOST_PARTS:
        part, calls = todo.popleft(), calls + 1
        try:
            found |= ask(part)
        except (UnknownTask, ReplyTooLarge) as refusal:
            if len(part) > 1:
                todo.extend(_halves(part))
            elif isinstance(refusal, ReplyTooLarge):
                found[part[0]] = refusal
        except QueryError as error:
            failure = error
            todo.appendleft(part)
            break
    return found | {vid: failure for part in todo for vid in part}


def _halves(vids: Sequence[str]) -> list[Sequence[str]]:
    middle = len(vids) // 2
    return [half for half in (vids[:middle], vids[middle:]) if half]
