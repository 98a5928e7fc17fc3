"""The order of clusters."""

from __future__ import annotations

from firth.passes.clusters import Cluster, in_order


def test_clusters_come_after_those_they_need_and_else_as_recorded() -> None:
    late, first, second = Cluster(0, []), Cluster(1, []), Cluster(2, [])
    late.before = 1 << 1 | 1 << 2
    assert in_order([late, first, second]) == [first, second, late]
    assert in_order([first, second]) == [first, second]
