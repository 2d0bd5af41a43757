//! A server process: one that we spawned, or one that a killed baton left behind.
//!
//! Must not: signal a process without having made sure that it is the one meant.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::Instant;

/// How often a server is asked whether it is ready, or gone.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// A command that Ctrl-C in our terminal does not reach and that is told none of our secrets.
pub(crate) fn detached(program: &Path) -> Command {
    let mut command = Command::new(program);
    // The environment may hold BATON_MASTER_KEY, and PG* variables that would misdirect.
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
    command.stdin(Stdio::null()).current_dir("/").process_group(0);
    command
}

/// A running server. Dropped before it is gone, it is told to go, unawaited.
#[derive(Debug)]
pub(crate) struct Server {
    pid: i32,
    /// Absent when adopted.
    child: Option<Child>,
    /// A path among its arguments, by which it is told from a stranger with a reused pid.
    mark: PathBuf,
    /// The signal that asks it to go.
    farewell: Signal,
}

impl Server {
    pub(crate) fn spawned(child: Child, mark: &Path, farewell: Signal) -> Server {
        // Process ids of every supported system fit.
        let pid = i32::try_from(child.id()).expect("a process id is an i32");
        Server { pid, child: Some(child), mark: mark.to_path_buf(), farewell }
    }

    /// The living process `pid`, if it is the one started with `mark`.
    pub(crate) fn adopted(pid: i32, mark: &Path, farewell: Signal) -> Option<Server> {
        runs_with(pid, mark).then(|| Server {
            pid,
            child: None,
            mark: mark.to_path_buf(),
            farewell,
        })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    pub(crate) fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    pub(crate) fn alive(&mut self) -> bool {
        match &mut self.child {
            Some(child) => matches!(child.try_wait(), Ok(None)),
            None => runs_with(self.pid, &self.mark),
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        if self.alive() {
            // It may have ended in between, which is what a signal here asks for anyway.
            let _ = kill(Pid::from_raw(self.pid), signal);
        }
    }

    /// Asks the process to go and waits; `false` when `limit` passes first.
    pub(crate) async fn go(&mut self, limit: Duration) -> bool {
        self.signal(self.farewell);
        self.gone(limit).await
    }

    /// Waits until the process is gone; `false` when `limit` passes first.
    pub(crate) async fn gone(&mut self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        while self.alive() {
            if Instant::now() >= end {
                return false;
            }
            tokio::time::sleep(TICK).await;
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(self.farewell);
    }
}

/// Whether `pid` lives and has `mark` among its arguments.
fn runs_with(pid: i32, mark: &Path) -> bool {
    if pid <= 0 {
        return false;
    }
    match fs::read(format!("/proc/{pid}/cmdline")) {
        // A zombie's list is empty.
        Ok(line) => line.split(|byte| *byte == 0).any(|word| word == mark.as_os_str().as_bytes()),
        Err(_) if Path::new("/proc/self/cmdline").exists() => false,
        Err(_) => runs_with_by_ps(pid, mark),
    }
}

/// Systems without /proc.
fn runs_with_by_ps(pid: i32, mark: &Path) -> bool {
    let output = Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).contains(&*mark.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adopted(pid: i32, mark: &str) -> bool {
        // Forgotten, so that no signal goes out.
        Server::adopted(pid, Path::new(mark), Signal::SIGTERM).map(std::mem::forget).is_some()
    }

    #[test]
    fn a_stranger_with_the_pid_is_not_taken_for_ours() {
        let mark = "/data/cluster";
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(!adopted(own, mark));
        assert!(!adopted(0, mark));
        assert!(!adopted(-1, mark));

        let mut command = Command::new("sh");
        command.args(["-c", "read line", "sh", "/data/cluster"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        // The system shows a new program's arguments a moment after it has begun.
        while fs::read(format!("/proc/{pid}/cmdline")).unwrap().is_empty() {
            std::thread::yield_now();
        }
        assert!(adopted(pid, mark));
        assert!(!adopted(pid, "/data/clust"));

        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!adopted(pid, mark));
    }
}
