"""Profiles of people and of groups: sent when they changed, with what is gone from them.

A profile is read complete, so a name that was told before and is gone now was taken away. Mixpanel
joins today's profile to every event: so profiles go as they are read, and need no order among the
events. The facts keep a digest and names, and no values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from analytics_records.mixpanel.ids import DEVICE_PREFIX as PREFIXED
from analytics_records.mixpanel.ids import looks_generated
from analytics_records.mixpanel.profile_mapping import GroupProfiles, PersonProfiles
from analytics_records.mixpanel.profiles import LAST_SEEN, Profile, profile_of
from analytics_records.mixpanel.source import PREFIX
from analytics_records.nobody import stands_for_nobody
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation
from singer_delivery.mapping.values import digest
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

from target_mixpanel.from_mixpanel.clusters import Clusters
from target_mixpanel.from_mixpanel.table import PROFILE_DROPPED
from target_mixpanel.from_mixpanel.whose import AS_DEVICE, AS_USER
from target_mixpanel.groups import NamedKeys, Warn
from target_mixpanel.mixpanel import READER, fitted_id, is_illegal_id
from target_mixpanel.profiles import Profile as UpdatedProfile
from target_mixpanel.profiles import group_profile, harmless, person_profile, updates
from target_mixpanel.settings import MappingSettings

Content = dict[str, Any]


class ProfileDecision(Decision, array_like=True, gc=False):
    """What is decided of a profile.

    Attributes:
        id: whose it is in the destination.
        once: whether it sets only what is not set, since a newer profile of the person was sent.
        unset: names that are gone.
        fact: of the profile of a device: that it was sent, if the device has no owner by then.
    """

    id: str = ""
    once: bool = False
    unset: tuple[str, ...] = ()
    fact: tuple[str, str, str, int] | None = None


class ProfilesFromMixpanel(PersonProfiles[MappingSettings]):
    """Makes updates for `/engage` of the profiles of another project.

    Facts: `profile`, id in the source -> digest and names that were sent; `profile_of`, user -> the
    `$last_seen` and id of the newest profile that was sent of them.

    Args:
        settings: of the target.
    """

    decision_type: ClassVar[type[Decision]] = ProfileDecision
    service = READER

    def __init__(self, settings: MappingSettings) -> None:
        super().__init__(settings)
        self._is_simplified = settings.identity_merge == "simplified"

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> ProfileDecision:
        """Return the decision of a profile, and fill in its effects.

        Raises:
            Unmappable: it is nobody's.
        """
        if not self._settings.profiles:
            return ProfileDecision(skipped="profiles: false", sends=False)
        _check_id(profile.id, "distinct_id")
        id_ = self._whose(profile.id, facts)
        is_device = id_.startswith(PREFIXED)
        device = id_.removeprefix(PREFIXED)
        if is_device and facts.recall("owner", device) is not None:
            return ProfileDecision(skipped="device has an owner", sends=False)
        it = _decided("profile", profile.id, id_, profile, facts, effects)
        if it.sends and is_device:
            it.fact = effects.facts[-1][:4]
            effects.kept.append(effects.facts.pop())
        if it.sends and not is_device:
            self._put_in_order(it, profile, facts, effects)
        it.person = device if is_device else id_
        return it

    def map(self, record: Mapping[str, Any], decision: ProfileDecision) -> Mapped:
        """Return what a clean profile becomes. Pure."""
        mapped = _mapped(person_profile(decision.id), profile_of(record), decision)
        if decision.fact is not None:
            _wait(mapped.events, decision.person, Fact(*decision.fact))
        return mapped

    def _whose(self, id_: str, facts: Facts) -> str:
        """Return whose profile it is in the destination: a user, or `$device:` and a device."""
        bare = id_.removeprefix(PREFIXED)
        if not self._is_simplified:
            return fitted_id(bare) if _mode(facts) == "simplified" else fitted_id(id_)
        if id_ != bare:
            return f"{PREFIXED}{fitted_id(bare)}"
        if _mode(facts) != "original":
            return fitted_id(id_)
        return self._of_original(id_, facts)

    def _of_original(self, id_: str, facts: Facts) -> str:
        clusters = Clusters(_UNSEEN, facts, Effects())
        claimed = facts.recall("sent_as", id_)
        user = clusters.user_of(id_)
        if claimed is not None and claimed.value.startswith(AS_USER):
            return claimed.value.removeprefix(AS_USER)
        if user is not None:
            return fitted_id(user)
        bare = self._settings.bare_distinct_ids
        by_form = bare == "device" or (bare == "auto" and looks_generated(id_))
        is_device = by_form if claimed is None else claimed.value == AS_DEVICE
        return f"{PREFIXED}{fitted_id(id_)}" if is_device else fitted_id(id_)

    def _put_in_order(
        self, it: ProfileDecision, profile: Profile, facts: Facts, effects: Effects
    ) -> None:
        """Let the newest profile of a user win, key by key; an older one fills what is missing."""
        last = facts.recall("profile_of", it.id)
        seen, _, of = (last.value if last is not None else "").partition("\x1f")
        it.once = last is not None and of != profile.id and _last_seen(profile) < seen
        if it.once:
            it.unset = ()
        else:
            value = f"{_last_seen(profile)}\x1f{profile.id}"
            effects.facts.append(Fact("profile_of", it.id, value, profile.read_at))


class GroupProfilesFromMixpanel(GroupProfiles[MappingSettings]):
    """Makes updates for `/groups` of the group profiles of another project.

    Fact: `group_profile`, group key and id -> digest and names that were sent.

    Args:
        settings: of the target.
        warn: gets a sentence for each group key, when the first of its groups is read.
    """

    decision_type: ClassVar[type[Decision]] = ProfileDecision
    service = READER

    def __init__(self, settings: MappingSettings, warn: Warn | None = None) -> None:
        super().__init__(settings)
        self._keys = NamedKeys(warn)

    def decide(self, profile: Profile, facts: Facts, effects: Effects) -> ProfileDecision:
        """Return the decision of a profile, and fill in its effects.

        Raises:
            Unmappable: it names no group.
        """
        if not self._settings.groups:
            return ProfileDecision(skipped="groups: false", sends=False)
        _check_id(profile.id, "group_id")
        key = profile.group_key.strip()
        if not key:
            reason = "no_identity"
            raise Unmappable(reason, "`group_key` is missing or empty")
        name = f"{key}\x1f{profile.id}"
        it = _decided("group_profile", name, fitted_id(profile.id), profile, facts, effects)
        it.person = f"group:{name}"
        if it.sends:
            self._keys.name(self._key_of(profile))
        return it

    def map(self, record: Mapping[str, Any], decision: ProfileDecision) -> Mapped:
        """Return what a clean profile becomes. Pure."""
        profile = profile_of(record)
        return _mapped(group_profile(self._key_of(profile), decision.id), profile, decision)

    def _key_of(self, profile: Profile) -> str:
        key = profile.group_key.strip()
        return self._settings.group_keys.get(key, key)


_UNSEEN = Observation("", None, None, None, 0, "", NOTHING, NO_GROUPS)


def _content(profile: Profile) -> Content:
    """Return the properties of a profile that travel."""
    return {k: v for k, v in profile.properties.items() if k not in PROFILE_DROPPED}


def _last_seen(profile: Profile) -> str:
    """Return when the source saw the person; empty where it does not say."""
    last_seen = profile.properties.get(LAST_SEEN)
    return last_seen if isinstance(last_seen, str) else ""


def _check_id(id_: str, column: str) -> None:
    bare = id_.removeprefix(PREFIXED)
    if not bare or is_illegal_id(bare) or stands_for_nobody(bare):
        reason = "no_identity"
        raise Unmappable(reason, f"`{column}` is missing or stands for nobody")


def _decided(
    kind: str, name: str, id_: str, profile: Profile, facts: Facts, effects: Effects
) -> ProfileDecision:
    """Decide what is sent of a profile: nothing, what it says, and what is gone from it."""
    content, last = _content(profile), facts.recall(kind, name)
    said, *names = ("",) if last is None else last.value.split("\x1f")
    now = digest([id_, content])
    if last is not None and profile.read_at < last.at:
        return ProfileDecision(skipped="superseded", sends=False)
    if last is not None and said == now:
        effects.renewed.append(Fact(kind, name, last.value, profile.read_at))
        return ProfileDecision(skipped="unchanged", sends=False)
    gone = tuple(name for name in names if name not in content)
    if not content and not gone:
        return ProfileDecision(skipped="nothing to set", sends=False)
    effects.facts.append(Fact(kind, name, "\x1f".join((now, *content)), profile.read_at))
    return ProfileDecision(id=id_, unset=gone)


def _mapped(updated: UpdatedProfile, profile: Profile, it: ProfileDecision) -> Mapped:
    found = set[str]()
    content = harmless(_content(profile), found, PREFIX)
    operations: dict[str, Any] = {"$set_once" if it.once else "$set": content} if content else {}
    if it.unset:
        operations["$unset"] = list(it.unset)
    made: list[Event] = updates(updated, operations, profile.read_at or None, None)
    return Mapped(made, [Note(name) for name in sorted(found)])


def _wait(events: Sequence[Event], device: str, fact: Fact) -> None:
    """Let the update of a device wait for the end of the run: Mixpanel carries nothing over."""
    update = events[0]
    update.kind, update.order, update.deferred = DEVICE, device, True
    update.facts = (fact,)


def _mode(facts: Facts) -> str:
    """Return how the source merges ids, as far as its rows have told; empty if they have not."""
    known = facts.recall("source_mode", "mixpanel")
    return "" if known is None else known.value
