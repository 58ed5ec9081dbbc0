"""An issuer's keys where it publishes them: fetched, kept for a while, and fetched again when a new one appears."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from licet.audit.clock import Clock, SystemClock
from licet.audit.errors import ConfigurationError
from licet.tools.identity.errors import KeysUnavailable, UnknownKey
from licet.tools.identity.fetch import check_url, discover, get_document
from licet.tools.identity.keys import Keys

if TYPE_CHECKING:
    from joserfc.jwk import Key

log = logging.getLogger("licet.identity")


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    since: datetime


class RemoteKeys:
    """The keys at a URL, or those that an issuer's configuration leads to.

    They are fetched with the first token, and again when they are older than `refresh` or a token names a key that is
    not among them; never more often than every `pause`, whatever tokens arrive. A key that the issuer has taken out
    is refused from the next fetch on. While the issuer does not answer, the keys that are known still count until they
    are older than `keep`; then nothing does. A clock that has stepped back makes them too old.

    For use on one event loop.

    Args:
        url: the JWK set's; without it the issuer's configuration says where it is.
        issuer: whose configuration is asked (OpenID Connect Discovery).
        refresh, keep, pause, timeout: seconds; `timeout` is for a fetch as a whole.
        clock: where time comes from.

    Raises:
        ConfigurationError: neither or both of `url` and `issuer`, one that is not https, times that do not fit.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        issuer: str | None = None,
        refresh: float = 300.0,
        keep: float = 3600.0,
        pause: float = 10.0,
        timeout: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        if (url is None) == (issuer is None):
            raise ConfigurationError("RemoteKeys takes the URL of the keys, or the issuer, and not both")
        self._url = None if url is None else check_url(url, "the URL of the keys")
        self._issuer = None if issuer is None else check_url(issuer, "the issuer")
        if not 0 <= pause <= refresh <= keep or not 0 < timeout <= 60:
            raise ConfigurationError(
                "RemoteKeys takes times with pause <= refresh <= keep, and a timeout of at most 60 seconds"
            )
        self._refresh, self._keep = timedelta(seconds=refresh), timedelta(seconds=keep)
        self._pause, self._timeout = timedelta(seconds=pause), timeout
        self._clock = clock or SystemClock()
        self._fetching = asyncio.Lock()
        self._held: _Held | None = None
        self._tried: datetime | None = None
        self._failure: str | None = None

    async def key(self, algorithm: str, kid: str | None) -> Key:
        """The key with this id that fits the algorithm.

        Raises:
            UnknownKey: the issuer has none.
            KeysUnavailable: the issuer does not answer, and what is known of its keys is too old or not enough.
        """
        held = self._held
        if held is not None and self._within(held.since, self._refresh):
            found = held.keys.find(algorithm, kid)
            if found is not None:
                return found
        elif held is not None and self._fetching.locked() and self._within(held.since, self._keep):
            # Somebody is asking already; what is known counts meanwhile.
            found = held.keys.find(algorithm, kid)
            if found is not None:
                return found
        found = (await self._renewed(held)).find(algorithm, kid)
        if found is not None:
            return found
        if self._failure is not None:
            raise KeysUnavailable(f"the key that the token names is not known here, and {self._failure}")
        raise UnknownKey("the token names a key that the issuer does not have; it may have been withdrawn")

    async def _renewed(self, seen: _Held | None) -> Keys:
        async with self._fetching:
            held = self._held
            if held is not seen and held is not None and self._within(held.since, self._refresh):
                return held.keys
            if self._tried is None or not self._within(self._tried, self._pause):
                self._tried = self._clock.now()
                try:
                    held = self._held = _Held(await self._fetch(), self._tried)
                    self._failure = None
                except KeysUnavailable as error:
                    self._failure = str(error)
                    log.warning("an issuer's keys cannot be had: %s", error)
                except BaseException:
                    self._tried = None  # whoever asked gave up; that says nothing of the issuer
                    raise
            if held is not None and self._within(held.since, self._keep):
                return held.keys
            raise KeysUnavailable(f"the issuer's keys cannot be had: {self._failure or 'they are too old'}")

    async def _fetch(self) -> Keys:
        url = self._url or await discover(self._issuer or "", self._timeout)
        document = await get_document(url, self._timeout)
        try:
            keys = Keys.read(document)
        except ValueError as error:
            raise KeysUnavailable(f"{url} answered, and {error}") from None
        if not len(keys):
            raise KeysUnavailable(f"{url} has no key that signatures could be checked by")
        return keys

    def _within(self, since: datetime, span: timedelta) -> bool:
        return timedelta(0) <= self._clock.now() - since < span
