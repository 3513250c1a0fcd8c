"""The verdict: order, acceptance, and one ignorance said once."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.finding import Judgement, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Unknown
from bootkeep.flows.check import check_readings
from bootkeep.rules.judge import ALL_RULES, judge
from unit.rules.states import healthy, kernels, recorded


def test_a_healthy_machine_has_no_findings() -> None:
    verdict = judge(healthy(), Policy())
    assert verdict.judgement is Judgement.GO and verdict.findings == ()


def test_worst_first() -> None:
    state = healthy(kernels=kernels(healthy())[:1], root_drivers=("none_such",), fstab=Unknown("denied"))
    weights = [finding.severity for finding in judge(state, Policy()).findings]
    assert weights == sorted(weights, key=list(Severity).index) and weights[0] is Severity.WILL_NOT_BOOT


def test_an_accepted_finding_stops_nothing_and_is_shown() -> None:
    alone = healthy(kernels=kernels(healthy())[:1])
    assert judge(alone, Policy()).judgement is Judgement.NO_GO
    verdict = judge(alone, Policy(accepted={"fallback-kernel-missing": "test machine", "grub-config-stale": "x"}))
    assert {finding.severity for finding in verdict.findings} == {Severity.ADVICE}
    assert verdict.judgement is Judgement.GO and any("test machine" in each.summary for each in verdict.findings)
    blank = Policy(accepted={"fallback-kernel-missing": "  "})
    assert judge(alone, blank).judgement is Judgement.NO_GO, "an acceptance without a reason is none"


def test_an_empty_snapshot_is_unknown_and_says_little() -> None:
    verdict = check_readings(Readings(), Policy(), taken_at="2026-11-23T18:00:00Z").verdict
    assert verdict.judgement is Judgement.UNKNOWN
    assert {finding.severity for finding in verdict.findings} == {Severity.UNKNOWN}
    assert len(verdict.findings) <= len(ALL_RULES)


def test_one_unread_thing_is_one_finding() -> None:
    state = replace(healthy(), fstab=Unknown("fstab: denied"))
    findings = judge(state, Policy()).findings
    assert len(findings) == 1 and any(each.source == "also not judged" for each in findings[0].evidence)


def test_ids_and_classes_are_unique_and_complete() -> None:
    assert len({rule.id for rule in ALL_RULES}) == len(ALL_RULES) >= 14


def test_an_unmounted_boot_hides_its_consequences_unless_it_is_accepted() -> None:
    state = recorded("boot-unmounted")
    assert [finding.id for finding in judge(state, Policy()).findings] == ["boot-not-mounted"]
    accepted = judge(state, Policy(accepted={"boot-not-mounted": "mounted by hand"}))
    assert accepted.judgement is not Judgement.GO and len(accepted.findings) > 1
