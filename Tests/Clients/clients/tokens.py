"""Access tokens: JWT HS256 with LiveKit's claims, signed with the development key unless told otherwise."""

import time

import jwt


def token(room, identity, key="devkey", secret="secret", expires_in=600, kind=None, **grants):
    """A token that joins `room` as `identity`; `grants` adds to or replaces the video grant (`canPublish=False`)."""
    video = {"roomJoin": True, "room": room, **grants}
    now = int(time.time())
    claims = {"iss": key, "sub": identity, "nbf": now - 5, "exp": now + expires_in, "video": video}
    if kind:
        claims["kind"] = kind
    return jwt.encode(claims, secret, algorithm="HS256")
