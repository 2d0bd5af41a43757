//! Who listens to what. Holds no events.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use baton_log::{Position, Scope, StreamId};
use tokio::sync::{Notify, watch};

type Map = HashMap<Scope, watch::Sender<Position>>;

#[derive(Default)]
pub(super) struct Topics {
    map: Mutex<Map>,
    somebody: Notify,
}

impl Topics {
    pub(super) fn join(&self, scope: &Scope) -> watch::Receiver<Position> {
        let mut map = self.lock();
        let news = map.entry(scope.clone()).or_insert_with(|| watch::Sender::new(0)).subscribe();
        drop(map);
        self.somebody.notify_one();
        news
    }

    /// Gives back what `join` gave. The receiver goes under the lock: of several who leave at
    /// once, one is the last.
    pub(super) fn leave(&self, scope: &Scope, news: watch::Receiver<Position>) {
        let mut map = self.lock();
        drop(news);
        if map.get(scope).is_some_and(|news| news.receiver_count() == 0) {
            map.remove(scope);
        }
    }

    /// Waits until somebody listens.
    pub(super) async fn somebody(&self) {
        while !self.is_heard() {
            self.somebody.notified().await;
        }
    }

    pub(super) fn is_heard(&self) -> bool {
        !self.lock().is_empty()
    }

    /// Says that nothing is told any more, unless somebody has begun to listen.
    pub(super) fn close_if_empty(&self, level: &watch::Sender<Option<Position>>) -> bool {
        let map = self.lock();
        if map.is_empty() {
            level.send_replace(None);
        }
        map.is_empty()
    }

    /// Something happened to the stream.
    pub(super) fn tell(&self, stream: StreamId, position: Position) {
        let map = self.lock();
        let scopes = [Scope::Account(stream.account.clone()), Scope::Stream(stream)];
        for news in scopes.iter().filter_map(|scope| map.get(scope)) {
            news.send_replace(position);
        }
    }

    pub(super) fn tell_all(&self, position: Position) {
        self.lock().values().for_each(|news| _ = news.send_replace(position));
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn nothing_is_left_of_those_who_leave_at_once() {
        const THREADS: usize = 4;
        const ROUNDS: usize = 5_000;
        let (topics, together) = (Topics::default(), Barrier::new(THREADS));
        let scope = Scope::Account("default".to_owned());
        std::thread::scope(|threads| {
            for _ in 0..THREADS {
                threads.spawn(|| {
                    for _ in 0..ROUNDS {
                        let news = topics.join(&scope);
                        together.wait();
                        topics.leave(&scope, news);
                        together.wait();
                        let is_heard = topics.is_heard();
                        together.wait();
                        assert!(!is_heard, "all have left");
                    }
                });
            }
        });
    }

    #[test]
    fn a_topic_stays_for_as_long_as_anybody_listens() {
        let topics = Topics::default();
        let scope = Scope::Account("default".to_owned());
        let (one, mut other) = (topics.join(&scope), topics.join(&scope));
        topics.leave(&scope, one);
        assert!(topics.is_heard());
        topics.tell_all(7);
        assert_eq!(*other.borrow_and_update(), 7);
        topics.leave(&scope, other);
        assert!(!topics.is_heard());
    }
}
