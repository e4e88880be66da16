//! How many live streams each node should have.

use std::collections::BTreeMap;

use crate::lease::Holder;
use streamsdk_sinks::StreamName;

/// How many streams each node takes.
pub(super) type Capacities = BTreeMap<String, usize>;

/// The share of a node of so many streams, by its capacity among those of all: rounded up, so that the shares are enough for all
/// streams unless all nodes are full.
pub(super) fn share(streams: usize, node: &str, capacities: &Capacities) -> usize {
    let own = capacities.get(node).copied().unwrap_or_default();
    let all: usize = capacities.values().sum();
    match all {
        0 => 0,
        all => (streams * own).div_ceil(all).min(own),
    }
}

/// How many streams a node should give to others now: those above its share, a few at a time, where another has room in its own.
pub(super) fn to_give(
    streams: usize,
    node: &str,
    capacities: &Capacities,
    held: &BTreeMap<String, usize>,
) -> usize {
    let count = |node: &str| held.get(node).copied().unwrap_or_default();
    let room = |node: &str| share(streams, node, capacities).saturating_sub(count(node));
    let excess = count(node).saturating_sub(share(streams, node, capacities));
    let room: usize = capacities.keys().filter(|other| *other != node).map(|node| room(node)).sum();
    // A few at a time, so that not all of them stand still at once.
    excess.min(room).min(excess.div_ceil(8))
}

/// How many of the streams each node holds.
pub(super) fn count_by_node<'a>(
    holders: &BTreeMap<StreamName, Holder>,
    streams: impl Iterator<Item = &'a StreamName>,
) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for stream in streams {
        if let Some(Holder::Node { name, .. }) = holders.get(stream) {
            *counts.entry(name.clone()).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(given: &[(&str, usize)]) -> BTreeMap<String, usize> {
        given.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn shares_go_by_capacity_and_are_enough_for_all() {
        let capacities = nodes(&[("a", 100), ("b", 100), ("c", 50)]);
        let shares = ["a", "b", "c"].map(|node| share(99, node, &capacities));
        assert_eq!(shares, [40, 40, 20]);
        assert_eq!(share(1000, "c", &capacities), 50);
        assert_eq!((share(9, "gone", &capacities), share(9, "a", &Capacities::new())), (0, 0));
    }

    #[test]
    fn a_node_gives_a_few_of_those_above_its_share_while_another_has_room() {
        let capacities = nodes(&[("a", 100), ("b", 100), ("c", 100)]);
        let held = nodes(&[("a", 45), ("b", 45)]);
        assert_eq!(to_give(90, "a", &capacities, &held), 2);
        assert_eq!(to_give(90, "c", &capacities, &held), 0);
        let even = nodes(&[("a", 31), ("b", 30), ("c", 30)]);
        assert_eq!(to_give(91, "a", &capacities, &even), 0);
        // Nobody has room.
        let full = nodes(&[("a", 40), ("b", 30), ("c", 30)]);
        assert_eq!(to_give(90, "a", &capacities, &full), 0);
    }
}
