"""A batch that the API refuses as a whole: find the known ids with a bounded number of calls.

No document says whether the API answers 5000 when one id of a batch is unknown, or only when all are. Halving the batch
again and again would find out, but takes 199 calls for 100 unknown ids. So a random sample of ids is asked first, one
id a call. If none of them is known, the whole batch counts as unknown. With half of a batch known that is wrong once in
350 times, and a timer's next sweep draws another sample. If one of them is known, the API refuses a batch for a single
unknown id, and halving finds the others. When that takes too many calls, the remaining ids have no answer this time;
they do not count as missing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from shared.backends.base import Answered
from shared.errors import QueryError, ReplyTooLarge, UnknownTask, UpstreamFailed

Ask = Callable[[Sequence[str]], Answered]

#: Ids in the sample.
SAMPLE = 8
#: The most calls while halving: three unknown ids among a hundred take 37.
MOST_PARTS = 40


def by_sample(vids: Sequence[str], ask: Ask) -> Answered:
    """Return the answers to a batch that `ask` has refused with UnknownTask. Unknown ids are left out.

    Raises any other error that `ask` raises about an id of the sample.
    """
    sample = random.sample(vids, min(SAMPLE, len(vids)))
    found: Answered = {}
    for vid in sample:
        with suppress(UnknownTask):
            found |= ask([vid])
    rest = [vid for vid in vids if vid not in sample]
    return found | by_halves(rest, ask) if found and rest else found


def by_halves(vids: Sequence[str], ask: Ask) -> Answered:
    """Return the answers to a batch's halves. A half that is refused, or whose reply is too large, is halved again.

    When the calls are used up or another error comes, the remaining ids have that error.
    """
    todo, found, calls = deque(_halves(vids)), Answered(), 0
    failure: QueryError = UpstreamFailed("some ids of a batch are unknown; ask for fewer to find out which")
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
