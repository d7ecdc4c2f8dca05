"""The account of the local cloud: its ids, its bucket and the keys that the services accept."""

from __future__ import annotations

import hmac

from shared.signing.credentials import Credentials

APP_ID = "1253125191"
UIN = "100000000001"
REGION = "ap-guangzhou"
BUCKET = f"media-{APP_ID}"

#: Permanent keys, for clients outside the functions; obviously fake on purpose.
PERMANENT = Credentials("AKIDLOCALEXAMPLE", "local-secret-key")
#: Temporary keys of the functions' run role; they need their token.
ROLE = Credentials("AKIDLOCALROLE", "local-role-key", "local-role-token")

KNOWN = {keys.secret_id: keys for keys in (PERMANENT, ROLE)}


def same(one: str, other: str) -> bool:
    """Compare two signatures or tokens in constant time; lone surrogates are allowed."""
    return hmac.compare_digest(one.encode(errors="surrogatepass"), other.encode(errors="surrogatepass"))
