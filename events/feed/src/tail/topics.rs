//! Who listens to what. Holds no events.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use baton_log::{Position, RecordedEvent, Scope};
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

    /// To be called while the receiver of the one who leaves is still there.
    pub(super) fn leave(&self, scope: &Scope) {
        let mut map = self.lock();
        if map.get(scope).is_some_and(|news| news.receiver_count() <= 1) {
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

    pub(super) fn tell(&self, event: &RecordedEvent) {
        let map = self.lock();
        let scopes =
            [Scope::Account(event.stream.account.clone()), Scope::Stream(event.stream.clone())];
        for news in scopes.iter().filter_map(|scope| map.get(scope)) {
            news.send_replace(event.position);
        }
    }

    pub(super) fn tell_all(&self, position: Position) {
        self.lock().values().for_each(|news| _ = news.send_replace(position));
    }

    fn lock(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
