"""Whose signatures the local services accept."""

from __future__ import annotations

from shared.signing.credentials import Credentials

APP_ID = "1253125191"
UIN = "100000000001"
REGION = "ap-guangzhou"
BUCKET = f"media-{APP_ID}"

#: The local cloud's permanent keys, for clients outside the functions; obviously fake on purpose.
PERMANENT = Credentials("AKIDLOCALEXAMPLE", "local-secret-key")
#: The temporary keys of the functions' run role: no good without their token.
ROLE = Credentials("AKIDLOCALROLE", "local-role-key", "local-role-token")

KNOWN = {keys.secret_id: keys for keys in (PERMANENT, ROLE)}
