//! What processes cost: CPU time and memory, as the kernel counts them.
//!
//! Must not: ask the processes themselves.

use std::fs;

use serde_json::{Value, json};

use crate::figure::rounded;

/// Ticks of `/proc` in a second, on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// What a parent may use by itself while its children are looked at.
const TICKS_MISSED_MAX: f64 = 2.0;
/// Places in `/proc/<pid>/stat`, counted behind the name, which may hold anything.
const PARENT: usize = 1;
const USER: usize = 11;
const SYSTEM: usize = 12;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;

/// The processes of a measurement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processes {
    /// Baton; none where the log is used in process.
    pub baton: Option<i32>,
    /// The postmaster.
    pub postgres: i32,
    /// The nats-server.
    pub nats: Option<i32>,
}

/// CPU seconds by process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cpu {
    baton: f64,
    postgres: f64,
    nats: f64,
    /// This program, the load generator and the receiver among it.
    bench: f64,
}

impl Processes {
    /// What they have used so far.
    #[must_use]
    pub fn cpu(&self) -> Cpu {
        Cpu {
            baton: self.baton.map_or(0.0, own),
            postgres: family(self.postgres),
            nats: self.nats.map_or(0.0, own),
            bench: stat("self").map_or(0.0, |fields| seconds(&fields, &[USER, SYSTEM])),
        }
    }
}

impl Cpu {
    /// What was used since.
    #[must_use]
    pub fn since(&self, before: &Cpu) -> Cpu {
        Cpu {
            baton: self.baton - before.baton,
            postgres: self.postgres - before.postgres,
            nats: self.nats - before.nats,
            bench: self.bench - before.bench,
        }
    }

    /// Milliseconds per command, by process.
    #[must_use]
    pub fn per_command(&self, commands: f64) -> Value {
        let ms = |seconds: f64| rounded(seconds * 1_000.0 / commands);
        json!({
            "baton_ms": ms(self.baton), "postgres_ms": ms(self.postgres),
            "nats_ms": ms(self.nats), "bench_ms": ms(self.bench),
        })
    }
}

/// CPU seconds of children of this program that have ended.
#[must_use]
pub fn ended_children() -> f64 {
    stat("self").map_or(0.0, |fields| seconds(&fields, &[CHILDREN_USER, CHILDREN_SYSTEM]))
}

/// Resident memory in MiB; none where the process is gone.
#[must_use]
pub fn resident_mib(pid: i32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1_024.0)
}

fn own(pid: i32) -> f64 {
    stat(&pid.to_string()).map_or(0.0, |fields| seconds(&fields, &[USER, SYSTEM]))
}

/// A process with its children, ended ones included. A child that ends while it is looked for
/// might be missed or counted twice: then all are looked at again.
fn family(pid: i32) -> f64 {
    let pid = pid.to_string();
    loop {
        let before = parent(&pid);
        let seconds = before + children(&pid);
        if parent(&pid) - before < TICKS_MISSED_MAX / TICKS_PER_SECOND {
            return seconds;
        }
    }
}

fn parent(pid: &str) -> f64 {
    let all = [USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM];
    stat(pid).map_or(0.0, |fields| seconds(&fields, &all))
}

fn children(pid: &str) -> f64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let numbers = names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let stats = numbers.filter_map(|number| stat(&number));
    let children = stats.filter(|fields| fields.get(PARENT).is_some_and(|parent| parent == pid));
    children.map(|fields| seconds(&fields, &[USER, SYSTEM])).sum()
}

fn stat(pid: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn seconds(fields: &[String], places: &[usize]) -> f64 {
    let ticks = places.iter().filter_map(|place| fields.get(*place)?.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(resident_mib(pid).unwrap() > 1.0);
        let before = own(pid);
        let mut value = 0_u64;
        while own(pid) - before < 0.03 {
            value = std::hint::black_box(value.wrapping_mul(31).wrapping_add(7));
        }
        assert!(family(pid) >= own(pid) - 0.02, "{value}");
        assert!(resident_mib(i32::MAX).is_none());
    }
}
