"""What a demonstration claims, and whether it holds: each claim is looked at where it can be seen to be false."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence, and what was seen."""

    says: str
    holds: bool
    seen: str = ""  # the machine's own words, or what is wrong


@dataclass
class Chapter:
    """One part of a story: what was done, the claims about it, and the files that it left."""

    title: str
    claims: list[Claim] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)  # name below the results' folder -> content

    def claim(self, says: str, holds: bool, seen: str = "") -> bool:
        """Add a claim; whether it holds."""
        self.claims.append(Claim(says, holds, " ".join(seen.split())[:300] if holds else seen[-1500:]))
        return holds

    def keep(self, name: str, content: str | bytes) -> None:
        """Keep a file for the reader."""
        self.files[name] = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")

    @property
    def wrong(self) -> int:
        """How many claims do not hold."""
        return sum(not claim.holds for claim in self.claims)

    def lines(self) -> list[str]:
        """For the summary."""
        told = [self.title]
        for claim in self.claims:
            told.append(f"  {'holds' if claim.holds else 'DOES NOT HOLD'}: {claim.says}")
            told += [f"         {line}" for line in claim.seen.splitlines()]
        return told
