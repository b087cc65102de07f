"""Profiles of people and of groups: a copy for each event, and a last state that is seen.

With `$skip_user_properties_sync` an event neither reads nor writes what Amplitude knows of its
person. So what a profile says is remembered for the events of the run, which carry it, and is told
by one `$identify` when all of them are there. A profile is read whole: names that were told before
and are gone now are taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from analytics_records.mixpanel.ids import Ids, looks_generated
from analytics_records.mixpanel.profile_mapping import GroupProfiles, PersonProfiles
from analytics_records.mixpanel.profiles import (
    Profile,
    Said,
    news,
    profile_of,
    said,
    whose_profile,
)
from analytics_records.nobody import besides
from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.choice import without
from singer_delivery.mapping.countries import country_name
from singer_delivery.model import (
    Decision,
    Effects,
    Event,
    Fact,
    Facts,
    Mapped,
    Note,
    Unmappable,
)

from target_amplitude import limits
from target_amplitude.amplitude import IDS, LOCATION, READER
from target_amplitude.copies import Copies
from target_amplitude.created import Created
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.from_mixpanel.payments import Payments
from target_amplitude.from_mixpanel.table import CREATED_EVENT, PROFILE_NAMES
from target_amplitude.groups import GroupTypes, update_event
from target_amplitude.people import closing_event, identify_event
from target_amplitude.settings import MappingSettings

_PLACE = {"$country_code": "country", "$region": "region", "$city": "city"}
"""Properties of a profile, to the keys of an event that say where its person is."""


class ProfileDecision(AmplitudeDecision, array_like=True, gc=False):
    """What is decided of a profile.

    Attributes:
        payments: which payments are sent, by their number.
    """

    payments: tuple[int, ...] = ()


class ProfilesFromMixpanel(PersonProfiles[MappingSettings]):
    """Makes what Amplitude gets of people of their profiles.

    Facts: `person`, user -> a digest and the names that were told; `profile`, `created` and
    `payment`, see `Copies`, `Created` and `Payments`.

    Args:
        settings: of the target.
    """

    decision_type: ClassVar[type[Decision]] = ProfileDecision
    service = READER

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__(settings)
        self._ids = Ids(besides(IDS))
        self._created = Created(settings, CREATED_EVENT)
        self._payments = Payments(settings.transaction_event)
        self._types = GroupTypes(settings.group_keys)
        self._leaves_out = settings.leaves_out_property()
        is_on = settings.user_properties_on_events and settings.skip_user_properties_sync
        self._copies = Copies(is_on=is_on)

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> ProfileDecision:
        """Return the decision of a profile, and fill in its effects.

        Raises:
            Unmappable: it is nobody's (`no_identity`).
        """
        user, device = self._whose(profile, facts)
        what, whose = self._said(profile), user or device or ""
        new = news("person", whose, profile, what, facts, effects)
        if isinstance(new, str):
            return self._paid_alone(new, user, profile, facts, effects)
        copied = {**what.set_once, **what.set}
        self._copies.remember(whose, copied, new.fact.since, effects)
        if user is None and facts.recall("owner", whose) is not None:
            return ProfileDecision(skipped="device has an owner", sends=False)
        it = ProfileDecision(whose, user=user, device=device, whose=whose, at=profile.read_at)
        if self._settings.user_properties == "none":
            it.skipped = "user_properties: none"
        else:
            it.state, it.since, it.cleared = new.fact.value, new.fact.since, new.gone
            deferred = self._settings.skip_user_properties_sync or user is None
            (effects.kept if deferred else effects.facts).append(new.fact)
        if user is not None and profile.created() is not None:  # else the first event says it
            self._created.decide(it, user, profile.created(), None, facts, effects)
        if self._payments.drops(profile):
            effects.notes.append(Note("transactions_dropped"))
        if user is not None:
            it.payments = self._payments.new(user, profile, facts, effects)
        it.sends = bool(it.state or it.created or it.payments)
        return it

    def map(self, record: Mapping[str, Any], decision: ProfileDecision) -> Mapped:
        """Return what a clean profile becomes. Pure."""
        it, profile, found = decision, profile_of(record), set[str]()
        user, made = it.user, list[Event]()
        if user is not None:
            made += self._payments.events(user, profile, it.payments)
        if it.state:
            made.append(self._identify(it, profile, found))
        if user is not None:
            made += self._created.events(it, user)
        return Mapped(made, limits.notes_of(found))

    def _paid_alone(
        self, reason: str, user: str | None, profile: Profile, facts: Facts, effects: Effects
    ) -> ProfileDecision:
        """Return the decision of a profile that says nothing new, unless there are payments."""
        paid = () if user is None else self._payments.new(user, profile, facts, effects)
        if not paid:
            return ProfileDecision(skipped=reason, sends=False)
        return ProfileDecision(user or "", user=user, at=profile.read_at, payments=paid)

    def _whose(self, profile: Profile, facts: Facts) -> tuple[str | None, str | None]:
        """Return the user or the device of a profile: a device is the error that can be mended."""
        user, device = whose_profile(profile, self._ids, facts)
        if user is None or facts.recall("user", user) is not None:
            return user, device
        mode = facts.recall("source_mode", "mixpanel")
        bare = self._settings.bare_distinct_ids
        is_device = bare == "device" or (bare == "auto" and looks_generated(user))
        if mode is not None and mode.value == "original" and is_device:
            return None, user
        return user, device

    def _said(self, profile: Profile) -> Said:
        return said(without(profile.properties, self._leaves_out), PROFILE_NAMES)

    def _identify(self, it: AmplitudeDecision, profile: Profile, found: set[str]) -> Event:
        """Return the update of a person, or of a device that is nobody's when the run ends."""
        what = self._said(profile)
        for part in (what.set, what.set_once):
            limits.fit(part, found, flattens=True)
        change = Changes(set=what.set, set_once=what.set_once, unset=[*it.cleared])
        beside, mode = self._beside(profile, found), self._settings.user_properties
        ids, at = (it.user, it.device), it.at or None
        if self._settings.skip_user_properties_sync or it.user is None:
            fact = Fact("person", it.whose, it.state, *it.since)
            return closing_event(*ids, change, mode, at=at, fact=fact, beside=beside)
        event = identify_event(*ids, change, mode, at, beside)
        event.leads = True  # before the person's first event
        return event

    def _beside(self, profile: Profile, found: set[str]) -> dict[str, Any]:
        """Return the place of a person and their groups, as keys of the event."""
        get = profile.properties.get
        place = {key: None if self._leaves_out(name) else get(name) for name, key in _PLACE.items()}
        place["country"] = country_name(str(place["country"] or ""))
        known = {key: value for key, value in place.items() if isinstance(value, str) and value}
        made: dict[str, Any] = {}
        if known:
            made = {**dict.fromkeys(LOCATION, ""), **known}
        keys = {key: _texts(get(key)) for key in self._settings.group_keys if _texts(get(key))}
        if keys:
            made["groups"] = self._types.named(keys, found)
        return made


class GroupProfilesFromMixpanel(GroupProfiles[MappingSettings]):
    """Makes `$groupidentify`s of group profiles, acknowledged before the first event.

    Fact: `group`, type and key -> a digest and the names that were told.

    Args:
        settings: of the target.
    """

    decision_type: ClassVar[type[Decision]] = AmplitudeDecision
    service = READER

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__(settings)
        self._types = GroupTypes(settings.group_keys)

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> AmplitudeDecision:
        """Return the decision of a profile, and fill in its effects.

        Raises:
            Unmappable: it names no group (`no_identity`).
        """
        if not self._settings.groups:
            return AmplitudeDecision(skipped="groups: false", sends=False)
        if not (profile.id and profile.group_key.strip()):
            reason = "no_identity"
            raise Unmappable(reason, "`group_key` or `group_id` is missing or empty")
        group = self._group(profile)
        name = "\x1f".join(group)
        new = news("group", name, profile, _of_group(profile), facts, effects)
        if isinstance(new, str):
            return AmplitudeDecision(skipped=new, sends=False)
        effects.facts.append(new.fact)
        return AmplitudeDecision(f"group:{name}", at=profile.read_at, cleared=new.gone)

    def map(self, record: Mapping[str, Any], decision: AmplitudeDecision) -> Mapped:
        """Return what a clean profile becomes. Pure."""
        profile, found = profile_of(record), set[str]()
        state = _of_group(profile).set
        limits.fit(state, found, flattens=True)
        change = Changes(set=state, unset=[*decision.cleared])
        made = [update_event(self._group(profile), change, at=decision.at or None)]
        return Mapped(made, limits.notes_of(found))

    def _group(self, profile: Profile) -> tuple[str, str]:
        return self._types.type_of(profile.group_key), IDS.fitted(profile.id)


def _of_group(profile: Profile) -> Said:
    return said(profile.properties, PROFILE_NAMES, first=())


def _texts(value: Any) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [str(each) for each in listed if isinstance(each, (str, int)) and str(each).strip()]
