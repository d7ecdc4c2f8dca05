"""The signatures of Tencent Cloud, which both functions share: API 2.0, COS and Cloud Infinite, API 3.0 (TC3).

Pure functions take the time and the nonce as arguments. The auth classes for `requests` draw both anew each time they
sign, because a signed API 2.0 request can't be sent twice.
"""
