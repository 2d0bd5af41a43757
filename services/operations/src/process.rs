//! What the operating system says about this process. Where it says nothing, nothing is shown.
//!
//! Written as text at once: CPU seconds are a counter with fractions, which the recorder's
//! counters cannot hold.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;

use crate::catalog::{CATALOG, Kind};

/// The process's metrics in the text format. `up` is how long it has been running.
pub(crate) fn text(up: Duration) -> String {
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = started.saturating_sub(up);
    let cpu = getrusage(UsageWho::RUSAGE_SELF).ok();
    let cpu = cpu.map(|usage| seconds(usage.user_time()) + seconds(usage.system_time()));
    // The directory that is being read is open, too.
    let open = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1));
    let open_max = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _hard)| soft);
    let mut text = String::new();
    add(&mut text, "baton_uptime_seconds", Some(up.as_secs_f64()));
    add(&mut text, "process_start_time_seconds", Some(started.as_secs_f64()));
    add(&mut text, "process_cpu_seconds_total", cpu);
    add(&mut text, "process_resident_memory_bytes", resident_bytes());
    add(&mut text, "process_open_fds", open);
    add(&mut text, "process_max_fds", open_max);
    text
}

fn add(text: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    let metric = CATALOG.iter().find(|metric| metric.name == name);
    let (Some(metric), Some(value)) = (metric, value) else { return };
    let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
    let help = metric.help;
    let written = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    written.expect("text takes text");
}

fn seconds(time: TimeVal) -> f64 {
    let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(u64::try_from(micros).unwrap_or_default()).as_secs_f64()
}

/// Linux: `VmRSS:     123456 kB`.
fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_process_has_a_size_and_an_age() {
        let text = text(Duration::from_secs(5));
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
        };
        assert_eq!(value("baton_uptime_seconds"), 5.0);
        assert!(value("process_start_time_seconds") > 1.7e9);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
    }
}
