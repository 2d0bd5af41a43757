//! Lookups of names, one at a time for each and so many at once for all: however many wait for a
//! resolver that does not answer, they hold no more threads than there are places, and the rest of
//! the process has the others. Who finds no place in time is told that the name was not resolved.
//!
//! Nothing is kept once it is found: the next delivery asks anew.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::sync::Semaphore;

use crate::resolve::Lookup;

/// How long a lookup waits for a place.
const PLACE_WAIT_MAX: Duration = Duration::from_secs(2);

type Found = Result<Vec<IpAddr>, LookupFailed>;
type UnderWay = Arc<Mutex<HashMap<String, Shared<BoxFuture<'static, Found>>>>>;

/// A name could not be resolved; all who waited for it are told.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot resolve the host's name")]
pub(crate) struct LookupFailed(#[source] Arc<io::Error>);

/// Asks a resolver. Clones share what is under way.
#[derive(Clone)]
pub(crate) struct Lookups {
    lookup: Arc<dyn Lookup>,
    under_way: UnderWay,
    /// A lookup holds one until it ends, also when nobody waits for it any more.
    places: Arc<Semaphore>,
}

/// Takes a lookup that ended out of those under way, however it ended.
struct Ended {
    host: String,
    under_way: UnderWay,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.under_way.lock().expect("no holder panics").remove(&self.host);
    }
}

impl Lookups {
    /// At most `places` lookups at once.
    pub(crate) fn new(lookup: Arc<dyn Lookup>, places: usize) -> Self {
        Self { lookup, under_way: Arc::default(), places: Arc::new(Semaphore::new(places)) }
    }

    /// All addresses of `host`.
    pub(crate) fn find(&self, host: &str) -> impl Future<Output = Found> + Send + use<> {
        let mut under_way = self.under_way.lock().expect("no holder panics");
        match under_way.get(host) {
            Some(pending) => pending.clone(),
            None => {
                let pending = self.begin(host.to_owned()).shared();
                under_way.insert(host.to_owned(), pending.clone());
                pending
            }
        }
    }

    /// A task of its own: it goes on when those who waited have given up, and its place is taken
    /// until it ends.
    fn begin(&self, host: String) -> BoxFuture<'static, Found> {
        let (lookup, places) = (Arc::clone(&self.lookup), Arc::clone(&self.places));
        let ended = Ended { host: host.clone(), under_way: Arc::clone(&self.under_way) };
        let task = tokio::spawn(async move {
            let _ended = ended;
            let place = tokio::time::timeout(PLACE_WAIT_MAX, places.acquire()).await;
            let _place = place.map_err(io::Error::from)?.map_err(io::Error::other)?;
            lookup.lookup(host).await
        });
        async move {
            let found = task.await.map_err(io::Error::other).flatten();
            found.map_err(|cause| LookupFailed(Arc::new(cause)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Answers when it is let, and counts how often it was asked.
    struct Slow {
        asked: Arc<AtomicUsize>,
        may_answer: Arc<Semaphore>,
    }

    impl Lookup for Slow {
        fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let may_answer = Arc::clone(&self.may_answer);
            Box::pin(async move {
                may_answer.acquire().await.unwrap().forget();
                match host.as_str() {
                    "broken.example" => panic!("as a resolver should not"),
                    "missing.example" => Err(io::ErrorKind::NotFound.into()),
                    _ => Ok(vec![IpAddr::from([8, 8, 8, 8])]),
                }
            })
        }
    }

    /// Lets the tasks that were begun go as far as they come.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    fn slow(places: usize) -> (Lookups, Arc<AtomicUsize>, Arc<Semaphore>) {
        let (asked, may_answer) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let slow = Slow { asked: Arc::clone(&asked), may_answer: Arc::clone(&may_answer) };
        (Lookups::new(Arc::new(slow), places), asked, may_answer)
    }

    #[tokio::test]
    async fn those_who_ask_for_a_name_meanwhile_wait_for_the_same_answer() {
        let (lookups, asked, may_answer) = slow(4);
        // Also when the first to ask gives up.
        drop(lookups.find("a.example"));
        let waiting = (0..32).map(|_| lookups.find("a.example"));
        let waiting: Vec<_> = waiting.collect();
        let other = lookups.find("b.example");
        settle().await;
        assert_eq!(asked.load(Ordering::SeqCst), 2, "one a name");
        may_answer.add_permits(2);
        for found in futures_util::future::join_all(waiting).await {
            assert_eq!(found.unwrap(), [IpAddr::from([8, 8, 8, 8])]);
        }
        other.await.unwrap();
        may_answer.add_permits(1);
        lookups.find("a.example").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3, "nothing is kept");
    }

    #[tokio::test]
    async fn a_lookup_that_fails_is_made_anew() {
        let (lookups, asked, may_answer) = slow(4);
        may_answer.add_permits(4);
        for host in ["missing.example", "broken.example", "missing.example", "broken.example"] {
            lookups.find(host).await.unwrap_err();
        }
        assert_eq!(asked.load(Ordering::SeqCst), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn more_names_than_places_wait_and_are_told_when_they_waited_in_vain() {
        let (lookups, asked, may_answer) = slow(2);
        let held = [lookups.find("a.example"), lookups.find("b.example")];
        settle().await;
        // The places stay taken when those who waited have given up.
        drop(held);
        lookups.find("c.example").await.unwrap_err();
        assert_eq!(asked.load(Ordering::SeqCst), 2, "it never reached the resolver");
        let waiting = lookups.find("d.example");
        settle().await;
        may_answer.add_permits(3);
        waiting.await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 3);
    }
}
