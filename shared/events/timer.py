"""A timer's event (583/9708): what its Message asks to sweep. Imported only for a timer."""

from __future__ import annotations

from typing import NamedTuple

from shared.errors import BadInput
from shared.events.fields import Params, read_ids, read_name
from shared.events.http import parse_json
from shared.invocation import Event
from shared.tasks import VIDS, IdForm, Kind


class Sweep(NamedTuple):
    """One sweep: the ids that the event gives (None: those of the watch object), and where the results go.

    A `watch` that ends with `/` is a prefix of many watch objects; `results` is then a prefix too. `summary` names an
    object that also gets the summary, if any.
    """

    vids: tuple[str, ...] | None
    watch: str
    results: str
    summary: str = ""


def read_sweep(event: Event, kind: Kind, ids: IdForm = VIDS) -> Sweep:
    """Return the sweep that a timer's event asks for; `ids` is the form of the back end's ids.

    `Message` is empty, ids separated by commas, or JSON. Raises BadInput naming the field.
    """
    message = event.get("Message") or ""
    if not isinstance(message, str):
        raise BadInput("Message: must be text")
    is_json = message.lstrip()[:1] in ("{", "[")
    asked: object = parse_json(message, "Message") if is_json else {"vids": message or None}
    params: Params = asked if isinstance(asked, dict) else {"vids": asked}
    vids = None if params.get("vids") is None else tuple(dict.fromkeys(read_ids(params["vids"], "vids", ids)))
    if vids == ():
        raise BadInput("vids: no id given")
    watch = read_name(params, "watch", f"watch/{kind.name}.json")
    suffix = "/" if watch.endswith("/") else ".json"
    results = read_name(params, "results", f"results/{kind.name}{suffix}")
    if watch.endswith("/") != results.endswith("/"):
        raise BadInput("results: must end with '/' when watch does, and only then")
    if watch.endswith("/") and vids is not None:
        raise BadInput("watch: a prefix does not go with vids")
    if watch == results:
        raise BadInput("results: must not be the watch object")
    return Sweep(vids, watch, results, _summary(params, watch, results))


def _summary(params: Params, watch: str, results: str) -> str:
    """The object for the summary, empty for none. It has a folder of its own, so that it overwrites nothing else."""
    if not params.get("summary"):
        return ""
    summary, folder = read_name(params, "summary", ""), f"{results.rpartition('/')[0]}/summary/".lstrip("/")
    if not summary.startswith(folder) or summary in (watch, results) or summary.endswith("/"):
        raise BadInput(f"summary: must be an object in {folder}, other than the watch object and the results")
    return summary
