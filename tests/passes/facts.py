"""The machine that tests of passes schedule for, whatever they run on."""

from firth.base.facts import TargetFacts

FACTS = TargetFacts("x86_64-unknown-linux-gnu", "x86-64-v3", "", 32, 16, fma=True, masked=True)
