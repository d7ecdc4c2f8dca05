"""The API gateway and the function URLs: an HTTP request to an event, a function's return value to a reply."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from local.config import Api, UrlTrigger
from local.scf.runtime import Outcome
from local.server import Reply, Request, json_reply

URL_PREFIX = "/_url/"
#: What the gateway answers to a return value that is no integrated response (FAQ, doc 583/40714). The status of that
#: answer is not documented; 403 repeats its errno.
MALFORMED = {"errno": 403, "error": "Invalid scf response format. please check your scf response format."}

#: Where a parameter of an API may stand, beside the path.
PLACES = ("QUERY", "HEADER")

Invoke = Callable[[str, object], Awaitable[Outcome]]
Event = dict[str, object]


class Gateway:
    """Serves the paths of the apigw trigger, and each function's URL under /_url/<function>."""

    def __init__(self, apis: Iterable[Api], urls: Iterable[UrlTrigger], invoke: Invoke) -> None:
        self._apis = list(apis)
        self._urls = {url.function for url in urls}
        self._invoke = invoke

    async def handle(self, request: Request) -> Reply:
        """Answer one request of the outside world."""
        if request.path.startswith(URL_PREFIX):
            name, _, rest = request.path[len(URL_PREFIX) :].partition("/")
            if name in self._urls:
                return url_reply(await self._invoke(name, url_event(request._replace(path=f"/{rest}"))))
        return await self._api(request)

    async def _api(self, request: Request) -> Reply:
        # The answers for no API and for no method are those of the gateway's error page (doc 628/31717).
        found = [
            (api, matched) for api in self._apis if (matched := path_parameters(api.path, request.path)) is not None
        ]
        if not found:
            return json_reply({"message": f"There is no api match uri[{request.path}]."}, 404)
        found.sort(key=lambda each: len(each[1]))  # which of two matching APIs wins is not documented: the plainer here
        api, parameters = next((each for each in found if each[0].method in ("ANY", request.method)), (None, {}))
        if api is None:
            return json_reply({"message": "Method Not Allowed."}, 405)
        request_id = str(uuid.uuid4())
        event = gateway_event(api, request._replace(parameters=parameters), request_id)
        call = asyncio.ensure_future(self._invoke(api.function, event))
        try:
            # The function runs on when the gateway no longer waits for it.
            outcome = await asyncio.wait_for(asyncio.shield(call), api.timeout)
            reply = gateway_reply(outcome, api.integrated)
        except asyncio.TimeoutError:
            reply = json_reply({"message": "Timeout."}, 504)  # FAQ: 504 when the gateway times out first
        return reply._replace(headers={**reply.headers, "X-Api-RequestId": request_id})


def path_parameters(pattern: str, path: str) -> dict[str, str] | None:
    """Return what `{name}` stands for in an API's path, None when the path is not the API's."""
    parts = re.split(r"\{([^{}/]+)\}", pattern)
    names, texts = parts[1::2], parts[::2]
    matched = re.fullmatch("([^/]+)".join(map(re.escape, texts)), unquote(path))
    return dict(zip(names, matched.groups(), strict=True)) if matched else None


def gateway_event(api: Api, request: Request, request_id: str) -> Event:
    """Return the integrated request of an API gateway trigger (doc 583/12513, and an event recorded in 2021).

    As recorded: header names in lower case, no requestId in requestContext, no body key for a request without one.
    """
    event: Event = {
        "requestContext": {
            "serviceId": "service-local",
            "path": api.path,
            "httpMethod": api.method,
            "identity": {},
            "sourceIp": request.remote,
            "stage": "release",
        },
        "headers": {
            **request.headers,
            "requestsource": "APIGW",
            "x-api-requestid": request_id,
            "x-api-scheme": "http",
            "x-b3-traceid": uuid.uuid4().hex[:16],
            "x-qualifier": "$DEFAULT",
        },
        "httpMethod": request.method,
        "path": request.path,
        "queryString": query_object(request.query),
        **_declared(api, request),
        "isBase64Encoded": False,
    }
    if request.body:
        event.update(_body(request.body))
    return event


def _declared(api: Api, request: Request) -> Event:
    """The parameters that the API declares: those of its path, and of `param` by their position."""
    query = query_object(request.query)
    names = {place: [each.get("name") for each in api.param if each.get("position") == place] for place in PLACES}
    return {
        "queryStringParameters": {name: query[name] for name in names["QUERY"] if name in query},
        "headerParameters": {
            name: request.headers[name.lower()]
            for name in names["HEADER"]
            if isinstance(name, str) and name.lower() in request.headers
        },
        "pathParameters": dict(request.parameters),
    }


def url_event(request: Request) -> Event:
    """Return the event of a function URL (doc 583/96099).

    It is the gateway's without requestContext, the three parameter objects and the Base64 flag.
    """
    return {
        "body": request.body.decode(errors="replace"),  # no Base64 flag: how binary arrives is not documented
        "headers": {**request.headers, "x-scf-remote-addr": request.remote},
        "httpMethod": request.method,
        "path": request.path,
        "queryString": query_object(request.query),
    }


def query_object(query: str) -> dict[str, object]:
    """Return the queryString object of an event.

    What becomes of a repeated key is not documented. Here it becomes a list, so that nothing is lost.
    """
    values: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in values:
            values[name] = [*(values[name] if isinstance(values[name], list) else [values[name]]), value]
        else:
            values[name] = value
    return values


def gateway_reply(outcome: Outcome, integrated: bool) -> Reply:
    """Turn an outcome into the gateway's reply.

    A function that fails or runs out of time gives HTTP 200 with SCF's error object as content (FAQ of the trigger).
    An integrated response is a whole reply. Without it the return value is the body of a 200, which is how the deploy
    engine makes every API whose file does not say `isIntegratedResponse`.
    """
    if outcome.error is not None:
        return json_reply(outcome.error)
    if not integrated:
        return json_reply(outcome.result)
    reply = _integrated(outcome.result)
    return json_reply(MALFORMED, 403) if reply is None else reply


def url_reply(outcome: Outcome) -> Reply:
    """Turn an outcome into a function URL's reply.

    A value without statusCode is the body of a 200 (doc 583/96099). What a failed function gives is not documented:
    here HTTP 500 with SCF's error object.
    """
    if outcome.error is not None:
        return json_reply(outcome.error, 500)
    if isinstance(outcome.result, Mapping) and "statusCode" in outcome.result:
        integrated = _integrated({"headers": {}, **outcome.result})
        return json_reply(MALFORMED, 500) if integrated is None else integrated
    return json_reply(outcome.result)


def _integrated(result: object) -> Reply | None:
    """The reply that an integrated response describes, None when it is malformed."""
    if not isinstance(result, Mapping):
        return None
    status, headers, body = result.get("statusCode"), result.get("headers"), result.get("body", "")
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        return None
    if not isinstance(headers, Mapping) or not all(_is_header(value) for value in headers.values()):
        return None
    if not isinstance(body, str):
        return None
    try:
        content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    except binascii.Error:
        return None
    return Reply(status, dict(headers), content)


def _is_header(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))


def _body(body: bytes) -> Event:
    """Text as it is. Real gateways send Base64 only where it is switched on; here whatever is not UTF-8 is."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
