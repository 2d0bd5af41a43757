//! The faults of one round: which, when, for how long. All of it follows from the round's seed and
//! from who holds what.
//!
//! Must not: leave anything broken behind.

use std::fmt;
use std::time::Duration;

use baton_harness::before_a_fault;
use baton_harness::receiver::Answer;
use fastrand::Rng;

use crate::world::{API_NODES, PROCESSES, World};

/// Faults of one round at most.
const FAULTS_MAX: usize = 3;
/// A round's faults begin within this time.
const BEGIN_WITHIN_MS: u64 = 1_200;
/// A frozen process misses its lease of three seconds.
const FROZEN_MS: std::ops::Range<u64> = 3_300..4_500;
/// One time in five it misses whatever else it was to be in time for.
const FROZEN_LONG_MS: std::ops::Range<u64> = 5_500..7_000;
/// How long anything else is away.
const AWAY_MS: std::ops::Range<u64> = 50..1_500;
/// How long the receiver has its trouble, or NATS is out of reach.
const TROUBLE_MS: std::ops::Range<u64> = 800..2_500;
/// A slow receiver's answer takes so long.
const SLOWNESS: Duration = Duration::from_millis(400);

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    what: What,
    begins: Duration,
    lasts: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// `kill -9` of a process, and why it.
    Kill(usize, String),
    /// `kill -9` of a process, and again while it starts, and why it.
    KillTwice(usize, String),
    /// SIGSTOP and SIGCONT of a process, and why it.
    Freeze(usize, String),
    /// Postgres crashes.
    Postgres,
    /// NATS crashes and loses its store.
    NatsLost,
    /// NATS crashes.
    Nats,
    /// NATS takes connections and says nothing.
    NatsFrozen,
    /// The receiver refuses connections.
    ReceiverDown,
    /// The receiver is slow.
    ReceiverSlow,
    /// The receiver answers 500.
    ReceiverFails,
    /// Processes cannot reach NATS.
    CutOff(Vec<usize>),
}

/// The faults of a round.
///
/// # Panics
///
/// When the database does not answer.
pub async fn choose(rng: &mut Rng, world: &World) -> Vec<Fault> {
    let holders: Vec<(String, usize)> = world.holders().await.into_iter().collect();
    let mut faults: Vec<Fault> = Vec::new();
    for _ in 0..rng.usize(1..=FAULTS_MAX) {
        let what = one(rng, &holders);
        if faults.iter().any(|fault| fault.what.place() == what.place()) {
            continue;
        }
        let lasts = what.lasts(rng);
        let begins = Duration::from_millis(rng.u64(..BEGIN_WITHIN_MS));
        faults.push(Fault { what, begins, lasts });
    }
    faults
}

fn one(rng: &mut Rng, holders: &[(String, usize)]) -> What {
    // Mostly whoever holds a subscription: the others have little to lose.
    let (at, why) = match rng.choice(holders) {
        Some((name, at)) if rng.u8(..3) > 0 => (*at, format!(", holder of {name}")),
        _ => (rng.usize(..PROCESSES), String::new()),
    };
    match rng.u8(..16) {
        0..=2 => What::Kill(at, why),
        3 => What::KillTwice(at, why),
        4..=6 => What::Freeze(at, why),
        7 | 8 => What::Postgres,
        9 => What::NatsLost,
        10 => What::Nats,
        11 => What::NatsFrozen,
        12 => What::ReceiverDown,
        13 => What::ReceiverSlow,
        14 => What::ReceiverFails,
        _ => What::CutOff((API_NODES - 1..PROCESSES).filter(|_| rng.bool()).collect()),
    }
}

impl What {
    /// What breaks: no two faults of a round break the same.
    fn place(&self) -> usize {
        match self {
            Self::Kill(at, _) | Self::KillTwice(at, _) | Self::Freeze(at, _) => *at,
            Self::Postgres => 100,
            Self::NatsLost | Self::Nats | Self::NatsFrozen => 101,
            Self::ReceiverDown | Self::ReceiverSlow | Self::ReceiverFails => 102,
            Self::CutOff(_) => 103,
        }
    }

    fn lasts(&self, rng: &mut Rng) -> Duration {
        let range = match self {
            Self::Freeze(..) if rng.u8(..5) == 0 => FROZEN_LONG_MS,
            Self::Freeze(..) => FROZEN_MS,
            Self::Kill(..) | Self::KillTwice(..) => AWAY_MS,
            Self::Postgres | Self::Nats | Self::NatsLost => AWAY_MS,
            _ => TROUBLE_MS,
        };
        Duration::from_millis(rng.u64(range))
    }
}

impl Fault {
    /// The receiver did not take everything at the first attempt.
    #[must_use]
    pub fn is_of_receiver(&self) -> bool {
        matches!(self.what, What::ReceiverDown | What::ReceiverFails)
    }

    /// What followers had not committed durably may be lost.
    #[must_use]
    pub fn is_of_postgres(&self) -> bool {
        self.what == What::Postgres
    }

    /// Breaks it, waits, and makes it whole again.
    ///
    /// # Panics
    ///
    /// When it cannot be made whole.
    pub async fn inflict(&self, world: &World) {
        before_a_fault(self.begins).await;
        match &self.what {
            What::Kill(at, _) | What::KillTwice(at, _) | What::Freeze(at, _) => {
                self.on_process(world, *at).await;
            }
            What::Postgres => {
                let _nobody_starts = world.starting.write().await;
                let mut cluster = world.cluster.lock().await;
                cluster.kill().await;
                self.lasts().await;
                cluster.restart().await;
            }
            What::Nats | What::NatsLost | What::NatsFrozen => self.on_nats(world).await,
            What::ReceiverDown => {
                let mut receiver = world.receiver.lock().await;
                receiver.down().await;
                self.lasts().await;
                receiver.up().await;
            }
            What::ReceiverSlow | What::ReceiverFails => {
                let receiver = world.receiver.lock().await;
                receiver.answer_always(match self.what {
                    What::ReceiverSlow => Answer::status(200).after(SLOWNESS),
                    _ => Answer::status(500),
                });
                self.lasts().await;
                receiver.answer_always(Answer::status(200));
            }
            What::CutOff(nodes) => {
                nodes.iter().for_each(|at| world.nodes[*at].proxy.cut());
                self.lasts().await;
                nodes.iter().for_each(|at| world.nodes[*at].proxy.mend());
            }
        }
    }

    async fn on_process(&self, world: &World, at: usize) {
        let mut baton = world.nodes[at].baton.lock().await;
        if let What::Freeze(..) = self.what {
            baton.sigstop();
            self.lasts().await;
            baton.sigcont();
            return;
        }
        baton.kill9();
        let is_again = matches!(self.what, What::KillTwice(..));
        if !is_again {
            self.lasts().await;
        }
        let _with_postgres = world.starting.read().await;
        if is_again {
            // Wherever it is by then, the next restart ends it.
            let _started = tokio::time::timeout(self.lasts, baton.restart()).await;
        }
        baton.restart().await;
    }

    async fn on_nats(&self, world: &World) {
        let mut nats = world.nats.lock().await;
        match self.what {
            What::NatsFrozen => nats.sigstop(),
            What::NatsLost => nats.lose_everything().await,
            _ => nats.kill().await,
        }
        self.lasts().await;
        if self.what == What::NatsFrozen {
            return nats.sigcont();
        }
        nats.restart().await;
        world.watcher.server_restarted();
    }

    async fn lasts(&self) {
        before_a_fault(self.lasts).await;
    }

    /// For people.
    #[must_use]
    pub fn tell(&self, world: &World) -> String {
        let name = |at: &usize| world.nodes[*at].name;
        let what = match &self.what {
            What::Kill(at, why) => format!("kill -9 {}{why}", name(at)),
            What::KillTwice(at, why) => {
                format!("kill -9 {}{why}, again while it starts", name(at))
            }
            What::Freeze(at, why) => format!("freeze {}{why}", name(at)),
            What::CutOff(nodes) => {
                let names: Vec<&str> = nodes.iter().map(name).collect();
                format!("NATS out of reach of [{}]", names.join(", "))
            }
            plain => plain.to_string(),
        };
        format!("{what} at {:?} for {:?}", self.begins, self.lasts)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill(..) | Self::KillTwice(..) => "kill -9",
            Self::Freeze(..) => "freeze",
            Self::Postgres => "Postgres crashes",
            Self::NatsLost => "NATS crashes and loses its store",
            Self::Nats => "NATS crashes",
            Self::NatsFrozen => "NATS frozen",
            Self::ReceiverDown => "receiver down",
            Self::ReceiverSlow => "receiver slow",
            Self::ReceiverFails => "receiver answers 500",
            Self::CutOff(_) => "NATS out of reach",
        })
    }
}
