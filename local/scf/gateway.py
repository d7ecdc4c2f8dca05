"""The API gateway and function URLs: turn a request into an event, and a function's result into a reply."""

from __future__ import annotations

import asyncio
import base64
import re
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import chain
from typing import Annotated, Any
from urllib.parse import parse_qsl, unquote

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from local.config import Api
from local.scf.runtime import Outcome
from local.server import NOT_HEADER, Reply, Request, json_reply

URL_PREFIX = "/_url/"
#: The gateway's answer to a malformed integrated response (FAQ, doc 583/40714). Its status is not documented; 403
#: repeats the errno.
MALFORMED = {"errno": 403, "error": "Invalid scf response format. please check your scf response format."}

#: The positions of an API's parameters, beside the path.
PLACES = ("QUERY", "HEADER")

Invoke = Callable[[str, object], Awaitable[Outcome]]
#: Returns what a function URL invokes, by the name in the URL; a refusal, or None if there is no such URL.
Lookup = Callable[[str], str | Reply | None]
Event = dict[str, object]


class Gateway:
    """Serves the paths of the apigw trigger, and function URLs under /_url/<name>, which `callee` looks up.

    While somebody is `debugging`, the gateway waits for a reply without limit.
    """

    def __init__(self, apis: Iterable[Api], callee: Lookup, invoke: Invoke, debugging: bool = False) -> None:
        self._apis = list(apis)
        self._callee = callee
        self._invoke = invoke
        self._debugging = debugging

    async def handle(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(URL_PREFIX):
            name, _, rest = request.path.removeprefix(URL_PREFIX).partition("/")
            callee = self._callee(unquote(name))
            if isinstance(callee, Reply):
                return callee
            if callee:
                return url_reply(await self._invoke(callee, url_event(request._replace(path=f"/{rest}"))))
        return await self._api(request)

    async def _api(self, request: Request) -> Reply:
        # The answers for no API and for no method are those of the gateway's error page (doc 628/31717).
        found = [
            (api, matched) for api in self._apis if (matched := path_parameters(api.path, request.path)) is not None
        ]
        if not found:
            return json_reply({"message": f"There is no api match uri[{request.path}]."}, 404)
        found.sort(key=lambda each: len(each[1]))  # undocumented: fewer path parameters win
        api, parameters = next((each for each in found if each[0].method in ("ANY", request.method)), (None, {}))
        if api is None:
            return json_reply({"message": "Method Not Allowed."}, 405)
        request_id = str(uuid.uuid4())
        event = gateway_event(api, request._replace(parameters=parameters), request_id)
        call = asyncio.ensure_future(self._invoke(api.function, event))
        try:
            # The function continues after the gateway's timeout.
            outcome = await asyncio.wait_for(asyncio.shield(call), None if self._debugging else api.timeout)
            reply = gateway_reply(outcome, api.integrated)
        except asyncio.TimeoutError:
            reply = json_reply({"message": "Timeout."}, 504)  # FAQ: 504 when the gateway times out first
        return reply._replace(headers={**reply.headers, "X-Api-RequestId": request_id})


def path_parameters(pattern: str, path: str) -> dict[str, str] | None:
    """Return the values of `{name}` in an API's path, None if the path does not match."""
    parts = re.split(r"\{([^{}/]+)\}", pattern)
    names, texts = parts[1::2], parts[::2]
    matched = re.fullmatch("([^/]+)".join(map(re.escape, texts)), unquote(path))
    return dict(zip(names, matched.groups(), strict=True)) if matched else None


def gateway_event(api: Api, request: Request, request_id: str) -> Event:
    """Return the event of an API gateway trigger (doc 583/12513, and an event recorded in 2021).

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
    """Return the parameters that the API declares: in its path, and in `param` by position."""
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
        "body": request.body.decode(errors="replace"),  # without a Base64 flag: undocumented for binary
        "headers": {**request.headers, "x-scf-remote-addr": request.remote},
        "httpMethod": request.method,
        "path": request.path,
        "queryString": query_object(request.query),
    }


def query_object(query: str) -> dict[str, object]:
    """Return the queryString object of an event.

    What a repeated key becomes is not documented. Here it is a list, so that nothing is lost.
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

    A function that fails or runs out of time gives HTTP 200 with SCF's error object as content (FAQ of the trigger). An
    integrated response is a whole reply. Otherwise the return value is the body of a 200: the deploy engine's default
    without `isIntegratedResponse`.
    """
    if outcome.error is not None:
        return json_reply(outcome.error)
    if not integrated:
        return json_reply(outcome.result)
    reply = _integrated(outcome.result)
    return json_reply(MALFORMED, 403) if reply is None else reply


def url_reply(outcome: Outcome) -> Reply:
    """Turn an outcome into a function URL's reply.

    A value without statusCode is the body of a 200 (doc 583/96099). The reply of a failed function is not documented:
    here HTTP 500 with SCF's error object.
    """
    if outcome.error is not None:
        return json_reply(outcome.error, 500)
    if isinstance(outcome.result, Mapping) and "statusCode" in outcome.result:
        integrated = _integrated({"headers": {}, **outcome.result})
        return json_reply(MALFORMED, 500) if integrated is None else integrated
    return json_reply(outcome.result)


class _Integrated(BaseModel):
    """An integrated response."""

    model_config = ConfigDict(strict=True, alias_generator=to_camel)

    status_code: Annotated[int, Field(ge=100, le=599)]
    headers: dict[str, str | list[str]]
    body: str = ""
    is_base64_encoded: Any = False


def _integrated(result: object) -> Reply | None:
    """Return the reply that an integrated response describes, None if it is malformed."""
    try:
        given = _Integrated.model_validate(result)
        content = base64.b64decode(given.body, validate=True) if given.is_base64_encoded else given.body.encode()
    except ValueError:
        return None
    values = [[value] if isinstance(value, str) else value for value in given.headers.values()]
    if any(NOT_HEADER.search(text) for text in chain(given.headers, *values)):
        return None
    return Reply(given.status_code, given.headers, content)


def _body(body: bytes) -> Event:
    """Return the body's fields; Base64 for all but UTF-8, where real gateways need it switched on."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
