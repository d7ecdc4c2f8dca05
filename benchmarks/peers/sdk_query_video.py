"""query-video as its users would write it with Tencent's own clients, qcloudapi-sdk-python and cos-python-sdk-v5.

The imports and the clients are at the module's top, as the READMEs of both have them, and nothing is tried twice. It
leaves out the timer, the token, the checks and the limits that ours has, so it has less to load than ours.
"""

import json
import os
from http.client import HTTPConnection
from urllib.parse import urlsplit

from qcloud_cos import CosConfig, CosS3Client
from QcloudApi.common import request
from QcloudApi.qcloudapi import QcloudApi


class PlainConnection(HTTPConnection):
    """The SDK's own connection without TLS, to MEDIA_API_URL instead of its module's host.

    It exists for the benchmark only: the local media API speaks plain HTTP. `request_length` is part of what the SDK
    expects of its connection.
    """

    def __init__(self, host: str) -> None:  # noqa: ARG002 - the SDK's signature
        where = urlsplit(os.environ["MEDIA_API_URL"])
        super().__init__(where.hostname or "", where.port)
        self.request_length = 0

    def send(self, data: bytes) -> None:  # type: ignore[override]  # all that the SDK sends
        """Send and count."""
        super().send(data)
        self.request_length += len(data)


request.MyHTTPSConnection = PlainConnection

secret_id, secret_key = os.environ["TENCENTCLOUD_SECRETID"], os.environ["TENCENTCLOUD_SECRETKEY"]
token = os.environ.get("TENCENTCLOUD_SESSIONTOKEN", "")
media = QcloudApi("cdn", {"secretId": secret_id, "secretKey": secret_key, "Token": token, "method": "POST"})
cos = CosS3Client(
    CosConfig(Region=os.environ["COS_REGION"], SecretId=secret_id, SecretKey=secret_key, Token=token), retry=0
)


def main_handler(event: dict[str, object], context: dict[str, str]) -> object:
    """Answer a direct event `{"vids": […]}` or a GET of the gateway with the envelope, or keep it in COS."""
    params = event.get("queryString", event)
    assert isinstance(params, dict)
    vids = params["vids"].split(",") if isinstance(params["vids"], str) else params["vids"]
    envelope = json.loads(media.call("GetVpResult", {"vids": vids}))
    if params.get("output") == "cos":
        key = f"media-query/query-video/{context['request_id']}.json"
        cos.put_object(Bucket=os.environ["COS_BUCKET"], Key=key, Body=json.dumps(envelope).encode())
    if "httpMethod" not in event:
        return envelope
    headers = {"Content-Type": "application/json"}
    return {"isBase64Encoded": False, "statusCode": 200, "headers": headers, "body": json.dumps(envelope)}
