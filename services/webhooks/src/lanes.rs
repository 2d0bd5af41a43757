//! First attempts waiting in memory: one lane's one after the other, different lanes side by
//! side. Pure: it decides what goes next, not when.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::delivery::Delivery;

/// First attempts that are not under way yet, in order of position within each lane.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// Those whose lane is free.
    ready: VecDeque<Delivery>,
    /// Those behind the lane's ready or started one; a lane without either is not here.
    behind: HashMap<String, VecDeque<Delivery>>,
    /// Lanes with an attempt under way.
    started: HashSet<String>,
    queued: usize,
    bytes: usize,
}

impl Lanes {
    /// Queues a delivery behind those of its lane; positions only rise.
    pub(crate) fn push(&mut self, delivery: Delivery) {
        self.queued += 1;
        self.bytes += delivery.letter.body.len();
        match self.behind.get_mut(&delivery.lane) {
            Some(behind) => behind.push_back(delivery),
            None => {
                self.behind.insert(delivery.lane.clone(), VecDeque::new());
                self.ready.push_back(delivery);
            }
        }
    }

    /// A delivery whose lane is free; its lane is not, until [`Lanes::free`].
    pub(crate) fn start(&mut self) -> Option<Delivery> {
        let delivery = self.ready.pop_front()?;
        self.queued -= 1;
        self.bytes -= delivery.letter.body.len();
        self.started.insert(delivery.lane.clone());
        Some(delivery)
    }

    /// The lane's attempt is over, however it ended.
    pub(crate) fn free(&mut self, lane: &str) {
        self.started.remove(lane);
        let Some(behind) = self.behind.get_mut(lane) else { return };
        match behind.pop_front() {
            Some(next) => self.ready.push_back(next),
            None => drop(self.behind.remove(lane)),
        }
    }

    /// Forgets what is not under way.
    pub(crate) fn forget_queued(&mut self) {
        self.ready.clear();
        self.behind.retain(|lane, _| self.started.contains(lane));
        self.behind.values_mut().for_each(VecDeque::clear);
        (self.queued, self.bytes) = (0, 0);
    }

    /// Deliveries not under way.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(pushed: &[(&str, i64)]) -> Lanes {
        let mut lanes = Lanes::default();
        for (lane, position) in pushed {
            lanes.push(Delivery::for_tests(lane, *position));
        }
        lanes
    }

    fn started(lanes: &mut Lanes) -> Vec<i64> {
        std::iter::from_fn(|| lanes.start()).map(|delivery| delivery.position).collect()
    }

    #[test]
    fn lanes_go_side_by_side_and_each_in_order() {
        let mut lanes = lanes(&[("a", 1), ("a", 2), ("b", 3), ("a", 4), ("c", 5), ("b", 6)]);
        assert_eq!(started(&mut lanes), [1, 3, 5]);
        lanes.free("b");
        assert_eq!(started(&mut lanes), [6]);
        lanes.free("a");
        assert_eq!(started(&mut lanes), [2]);
        lanes.free("c");
        lanes.free("a");
        assert_eq!(started(&mut lanes), [4]);
        lanes.push(Delivery::for_tests("c", 7));
        lanes.push(Delivery::for_tests("a", 8));
        assert_eq!(started(&mut lanes), [7], "the lane of 4 is not free");
        lanes.free("a");
        assert_eq!(started(&mut lanes), [8]);
        assert_eq!((lanes.queued(), lanes.bytes()), (0, 0));
    }

    #[test]
    fn what_is_forgotten_comes_again_behind_what_is_under_way() {
        let mut lanes = lanes(&[("a", 1), ("a", 2), ("b", 3)]);
        assert_eq!(lanes.start().map(|delivery| delivery.position), Some(1));
        lanes.forget_queued();
        assert!(started(&mut lanes).is_empty());
        for (lane, position) in [("a", 2), ("b", 3), ("a", 4)] {
            lanes.push(Delivery::for_tests(lane, position));
        }
        assert_eq!(started(&mut lanes), [3]);
        lanes.free("a");
        assert_eq!(started(&mut lanes), [2]);
        lanes.free("a");
        assert_eq!(started(&mut lanes), [4]);
    }
}
