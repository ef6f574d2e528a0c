//! Users of an open model who are free, and arrivals who wait for one.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::{
    Target,
    visitor::{Crowd, Visitor},
    worker::{Worker, count_round},
};
use crate::measure::{Count, Meter, Trend};

/// Who takes the next round in an open model.
pub(super) struct Desk<'a> {
    pub(super) worker: &'a Worker,
    pub(super) crowd: &'a Arc<Crowd>,
    pub(super) free: UnboundedSender<Visitor>,
    pub(super) idle: Vec<Visitor>,
    pub(super) made: usize,
    pub(super) room: usize,
    /// Arrivals nobody was free for.
    pub(super) waiting: VecDeque<Instant>,
}

impl Desk<'_> {
    pub(super) fn arrive(&mut self, intended: Instant) {
        if self.idle.is_empty() && self.made < self.room {
            let index = self.made * self.worker.part.of + self.worker.part.index;
            self.idle.push(self.crowd.visitor(index));
            self.made += 1;
        }
        match self.idle.pop() {
            Some(visitor) => self.begin(visitor, intended),
            None => self.waiting.push_back(intended),
        }
    }

    pub(super) fn leave(&mut self, visitor: Visitor, freed: &mut UnboundedReceiver<Visitor>) {
        let mut next = Some(visitor);
        while let Some(visitor) = next {
            match self.waiting.pop_front() {
                Some(intended) => self.begin(visitor, intended),
                None => self.idle.push(visitor),
            }
            next = freed.try_recv().ok();
        }
    }

    fn begin(&self, mut visitor: Visitor, intended: Instant) {
        let (free, meter) = (self.free.clone(), self.crowd.meter());
        let rounds_are_requests = self.rounds_are_requests();
        tokio::spawn(async move {
            let begun = Instant::now();
            visitor.round(true).await;
            count_round(&meter, begun);
            if rounds_are_requests {
                meter.count(|tally| tally.trend(Trend::CorrectedDuration).record(intended.elapsed()));
            }
            // The desk is closed when the run is over.
            let _ = free.send(visitor);
        });
    }

    /// Arrivals that waited longer than a request may take are dropped, and counted.
    pub(super) fn drop_late(&mut self, meter: &Meter) {
        let timeout = self.worker.plan.timeout;
        let late = self.waiting.iter().take_while(|intended| intended.elapsed() > timeout).count();
        self.waiting.drain(..late);
        meter.count(|tally| {
            tally.add(Count::DroppedIterations, late as u64);
            if self.rounds_are_requests() {
                // What they were to ask for was not got, and they waited at least so long.
                tally.add(Count::NotServed, late as u64);
                (0..late).for_each(|_| tally.trend(Trend::CorrectedDuration).record(timeout));
            }
        });
    }

    /// A session on a map is many requests and the pauses between them: how long it took says nothing of a request.
    fn rounds_are_requests(&self) -> bool {
        !matches!(self.worker.plan.target, Target::Map(_))
    }
}
