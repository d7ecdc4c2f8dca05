"""Requests to an account, signed and sent by Tencent's own SDKs; answers as plain dictionaries."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from qcloud_cos import CosClientError, CosConfig, CosS3Client, CosServiceError
from tencentcloud.cam.v20190116.cam_client import CamClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.scf.v20180416.scf_client import ScfClient

from deploy.access import Access, Call
from deploy.errors import Refused, Unanswered

#: Timeout of a request in seconds. The bundle has some 1 MB.
TIMEOUT = 30
#: The local cloud's COS listens two ports above its gateway.
COS_PORT = 2
NOT_THE_API = "the answer is not the API's"
#: Short reasons by parts of the HTTP library's messages.
REASONS = (
    ("refused", "connection refused"),
    ("resolve", "its name can't be resolved"),
    ("Name or service", "its name can't be resolved"),
    ("timed out", "timed out"),
    ("aborted", "the connection was cut"),
    ("reset", "the connection was cut"),
    ("certificate", "its certificate is not trusted"),
)
#: Errors after which the result is unknown: the SDK's own, and API 3.0's internal ones (213/30435).
_UNKNOWN = {"ClientNetworkError", "ServerNetworkError", "ClientError", "FailedOperation", "ResourceUnavailable"}


def connect(access: Access) -> Call:
    """Return the function that sends requests. It never sends a request twice."""
    keys = Credential(access.secret_id, access.secret_key, access.token or None)
    clients = {
        "scf": ScfClient(keys, access.region, _profile(access)),
        "cam": CamClient(keys, access.region, _profile(access)),
    }
    if access.endpoint:
        for client in clients.values():  # the SDK expects host and port in NO_PROXY; requests reads it correctly
            client.request.conn.proxy = None
    buckets = _buckets(access)

    def call(service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if service == "cos":
            return _ask_cos(buckets, action, params["Bucket"])
        return _ask(clients[service], service, action, params)

    return call


def _profile(access: Access) -> ClientProfile:
    """Use HTTPS with certificate checks; plain HTTP only for a local cloud, which `read_access` has checked."""
    if access.endpoint:
        http = HttpProfile(protocol="http", endpoint=urlsplit(access.endpoint).netloc, reqTimeout=TIMEOUT)
    else:
        http = HttpProfile(reqTimeout=TIMEOUT)
    return ClientProfile(httpProfile=http, language="en-US")


def _ask(client: Any, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    try:
        answer = client.call_json(action, dict(params))["Response"]
    except TencentCloudSDKException as error:
        code = str(error.code)
        if code in _UNKNOWN or code.startswith("InternalError"):
            raise Unanswered(service, action, _reason(code, str(error.message))) from error
        raise Refused(service, action, code, str(error.message)) from error
    except requests.RequestException as error:
        raise Unanswered(service, action, type(error).__name__) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Unanswered(service, action, NOT_THE_API) from error
    if not isinstance(answer, dict):
        raise Unanswered(service, action, NOT_THE_API)
    return answer


def _reason(code: str, message: str) -> str:
    """Return why there is no answer in a few words; the SDK has the HTTP library's long message."""
    return next((words for part, words in REASONS if part in message), code)


def _buckets(access: Access) -> CosS3Client:
    """Return COS's client. With a local cloud's address it still sends the bucket's Host, which names the bucket."""
    place: dict[str, Any] = {"Scheme": "https"}
    if access.endpoint:
        parts = urlsplit(access.endpoint)
        place = {"Scheme": "http", "IP": parts.hostname, "Port": (parts.port or 80) + COS_PORT}
    config = CosConfig(
        Region=access.bucket_region or access.region,
        SecretId=access.secret_id,
        SecretKey=access.secret_key,
        Token=access.token or None,
        Timeout=TIMEOUT,
        **place,
    )
    logging.getLogger("qcloud_cos").setLevel(logging.CRITICAL + 1)  # it would log URLs and errors
    return CosS3Client(config, retry=0, session=requests.Session())


def _ask_cos(client: CosS3Client, action: str, bucket: str) -> dict[str, Any]:
    ask = {"HeadBucket": client.head_bucket, "PutBucket": client.create_bucket}[action]
    try:
        ask(Bucket=bucket)
    except CosServiceError as error:
        status = error.get_status_code()
        if status >= 500:
            raise Unanswered("cos", action, f"HTTP {status}") from error
        raise Refused("cos", action, _cos_code(error, status), error.get_error_msg()) from error
    except CosClientError as error:
        raise Unanswered("cos", action, _reason("no connection", str(error))) from error
    return {}


def _cos_code(error: CosServiceError, status: int) -> str:
    """Return the error's code. A refused HEAD has no body with a code."""
    code = error.get_error_code()
    if code in ("Unknown", "") and status == requests.codes.forbidden:
        return "AccessDenied"
    return str(code)
