"""Profiles of people and groups, as updates of PostHog's people and groups.

PostHog copies what is set on a person onto each event that it takes afterwards, so profiles go
ahead of the events, and history shows them, as Mixpanel's reports do. A profile is the whole
person: a name that is gone is taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from analytics_records.mixpanel import profiles
from analytics_records.mixpanel.columns import FIRST_ATTRIBUTION
from analytics_records.mixpanel.ids import Ids
from analytics_records.mixpanel.pair import goes_by
from analytics_records.mixpanel.profile_mapping import GroupProfiles, PersonProfiles, ProfileMapping
from analytics_records.mixpanel.profiles import Profile, Said, profile_of
from singer_delivery.mapping.choice import without
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.values import Moment, country_name, rfc3339, stable_uuid
from singer_delivery.model import (
    DEVICE,
    Decision,
    Effects,
    Event,
    Fact,
    Facts,
    Mapped,
    Note,
    Unmappable,
)

from target_posthog import groups, nesting
from target_posthog.events import base_of, young
from target_posthog.from_mixpanel.conversions import IDS, first_name
from target_posthog.posthog import READER, SET, make_event
from target_posthog.settings import MappingSettings

NAMES = {
    "$city": "$geoip_city_name",
    "$region": "$geoip_subdivision_1_name",
    "$country_code": "$geoip_country_code",
    **{name: name for name in ("$os", "$browser", "$browser_version", "$lib_version")},
    **{name: first_name(name) for name in sorted(FIRST_ATTRIBUTION)},
    profiles.LAST_SEEN: "mixpanel_last_seen",
}
"""Names of a profile to PostHog's; others lose their `$`."""

WAITS = Note("profile_of_a_device")
OWNED = "device_has_an_owner"
NOT_NAMED = "group_key_not_named"

BEFORE_ALL = 1_230_768_000_000_000
"""2009-01-01, before any event of Mixpanel's: older servers hide links to groups of events that
are older than the first `$groupidentify` of their type."""


class ProfileDecision(PairDecision, array_like=True, gc=False):
    """What is decided of a profile.

    Attributes:
        digest: stands for what is told; empty when nothing is.
        gone: names that are taken away.
        fact: kind, name, value and time of the fact that a waiting update was sent.
    """

    digest: str = ""
    gone: tuple[str, ...] = ()
    fact: tuple[str, str, str, int] | None = None


class _Profiles(ProfileMapping[MappingSettings]):
    """What the two kinds of profiles have in common."""

    service = READER
    decision_type: ClassVar[type[Decision]] = ProfileDecision

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__(settings)
        self._base = base_of(settings, "mixpanel")
        self._leaves_out = settings.leaves_out_property()

    def said(self, profile: Profile) -> Said:
        """Return what a profile says, by PostHog's names."""
        found = profiles.said(without(profile.properties, self._leaves_out), NAMES)
        code = found.set.get("$geoip_country_code")
        country = country_name(code) if isinstance(code, str) else None
        if country is not None:
            found.set["$geoip_country_name"] = country
        return found

    def mapped(self, event: Event) -> Mapped:
        """Return what a profile becomes, in the shapes that PostHog stores."""
        return Mapped([event], young([event], self._settings.live_from) + nesting.fit([event]))


class ProfilesFromMixpanel(_Profiles, PersonProfiles[MappingSettings]):
    """Makes updates of people of Mixpanel's profiles.

    Facts: `profile`, person -> digest and names that were told.
    """

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__(settings)
        self._ids = Ids(IDS)

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> ProfileDecision:
        """Return the decision of a profile, and fill in its effects.

        Raises:
            Unmappable: it is of nobody, or was read nobody knows when.
        """
        check_read(profile)
        if self._settings.person_properties == "none":
            return ProfileDecision(skipped="person_properties: none", sends=False)
        it = self._whose(profile, facts)
        if it.skipped is not None:
            return it
        what = self.said(profile)
        told = profiles.news("profile", it.person, profile, what, facts, effects)
        if isinstance(told, str):
            return ProfileDecision(skipped=told, sends=False)
        effects.notes += [Note("profile_properties_dropped", name) for name in what.dropped]
        it.digest, it.gone = told.digest, told.gone
        if it.device is None:
            effects.facts.append(told.fact)
        else:
            effects.notes.append(WAITS)
            effects.kept.append(told.fact)
            it.fact = told.fact[:4]
        return it

    def map(self, record: Mapping[str, Any], decision: ProfileDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        profile = profile_of(record)
        properties = {**self._base, **self._changes(profile, decision)}
        uuid = stable_uuid("profile", "mixpanel", decision.person, decision.digest)
        at = profile.created() or profile.changed() or profile.read_at
        when = Moment(at, rfc3339(at))
        event = make_event("person", SET, decision.person, uuid, when, properties)
        if decision.fact is not None and decision.device is not None:
            event.kind, event.order, event.deferred = DEVICE, decision.device, True
            event.facts = (Fact(*decision.fact),)
        return self.mapped(event)

    def _whose(self, profile: Profile, facts: Facts) -> ProfileDecision:
        user, device = profiles.whose_profile(profile, self._ids, facts)
        if user is not None:
            return ProfileDecision(_person(user, facts), user=user)
        if facts.recall("owner", str(device)) is not None:
            return ProfileDecision(skipped=OWNED, sends=False)
        if self._settings.person_profiles == "identified_only":
            return ProfileDecision(skipped="person_profiles: identified_only", sends=False)
        is_user = facts.recall("user", str(device)) is not None
        person = f"device:{device}" if is_user else str(device)
        return ProfileDecision(person, device=device)

    def _changes(self, profile: Profile, decision: ProfileDecision) -> dict[str, Any]:
        return changes_of(self.said(profile), decision.gone, self._settings.person_properties)


def changes_of(what: Said, gone: tuple[str, ...], mode: str) -> dict[str, Any]:
    """The whole profile, `initial_…` once; names that are gone are taken away. See the setting."""
    if mode == "set_once":
        return {"$set_once": {**what.set, **what.set_once}}
    named = (("$set", what.set), ("$set_once", what.set_once), ("$unset", list(gone)))
    return {key: value for key, value in named if value}


def check_read(profile: Profile) -> None:
    """Refuse a profile that was read nobody knows when.

    Raises:
        Unmappable: it has no `read_at` (`no_time`).
    """
    if not profile.read_at:
        reason = "no_time"
        raise Unmappable(reason, "`read_at` of a profile is no date and time")


def _person(user: str, facts: Facts) -> str:
    """Return the id under which the events of a profile's person are."""
    owner = facts.recall("owner", user)
    if facts.recall("user", user) is None and owner is not None:
        return owner.value  # Mixpanel has joined it to a user since
    return goes_by(user, facts)


class GroupProfilesFromMixpanel(_Profiles, GroupProfiles[MappingSettings]):
    """Makes updates of groups of Mixpanel's group profiles.

    Facts: `group_profile`, type and id -> digest and names that were told.
    """

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> ProfileDecision:
        """Return the decision of a group's profile, and fill in its effects.

        Raises:
            Unmappable: it has no id, or was read nobody knows when.
        """
        check_read(profile)
        group = self._group(profile)
        if group is None:
            return ProfileDecision(skipped=NOT_NAMED, sends=False)
        linked = groups.link_types([group[0]], self._settings.group_types, facts, BEFORE_ALL)
        effects.notes += linked.notes
        if not linked.types:
            return ProfileDecision(skipped=linked.notes[0].name, sends=False)
        name, what = "\x1f".join(group), self.said(profile)
        told = profiles.news("group_profile", name, profile, what, facts, effects)
        if isinstance(told, str):
            return ProfileDecision(skipped=told, sends=False)
        effects.facts.append(told.fact)
        effects.claims += linked.claims
        if told.gone:
            effects.notes.append(Note("operations_without_counterpart", "$unset"))
        return ProfileDecision(person=groups.order_of(group), digest=told.digest)

    def map(self, record: Mapping[str, Any], decision: ProfileDecision) -> Mapped:
        """Return what a clean record becomes. Pure."""
        profile = profile_of(record)
        group = self._group(profile)
        assert group is not None, "as it was decided"
        return self.mapped(
            groups.group_event(
                group,
                group_changes(self.said(profile)),
                uuid=stable_uuid("group", "mixpanel", *group, decision.digest),
                moment=Moment(BEFORE_ALL, rfc3339(BEFORE_ALL)),
                base=self._base,
            )
        )

    def _group(self, profile: Profile) -> tuple[str, str] | None:
        """Return type and id of a group; None where its key is not named in the settings."""
        group_type = self._settings.group_keys.get(profile.group_key)
        if group_type is None:
            return None
        if not profile.id:
            reason = "no_identity"
            raise Unmappable(reason, "`group_id` of a group's profile holds no id")
        return group_type, profile.id


def group_changes(what: Said) -> dict[str, Any]:
    """The whole profile."""
    return {**what.set, **what.set_once}
