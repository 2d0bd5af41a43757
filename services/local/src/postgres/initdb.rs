//! A new cluster: made beside its place, moved there when it is whole.
//!
//! Must not: let a half-made cluster be taken for one.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::home::Home;
use crate::LocalError;
use crate::secret::random_token;

/// Byte order everywhere, and the letters of all languages where the system knows them.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];
/// A cluster has two bootstrap logins; this one is never Baton's own.
pub(super) const SUPERUSER: &str = "postgres";

/// What a new cluster is made with.
pub(super) struct NewCluster<'a> {
    pub(super) home: &'a Home,
    pub(super) initdb: PathBuf,
    pub(super) password: &'a str,
    pub(super) durable: bool,
}

impl NewCluster<'_> {
    /// Makes the cluster. Killed half-way it leaves a draft, which the next start removes.
    pub(super) fn make(&self) -> Result<(), LocalError> {
        self.home.remove_drafts();
        let name = random_token()?;
        let draft = self.home.path().join(format!("cluster.new-{}", &name[..16]));
        let password_file = self.home.path().join("cluster.new-password");
        self.write_password(&password_file)?;
        let mut made = Ok(());
        for locale in LOCALES {
            made = self.run(&draft, &password_file, locale);
            if made.is_ok() {
                break;
            }
            // The other locale starts from nothing; initdb has cleaned up after itself.
            let _ = fs::remove_dir_all(&draft);
        }
        // Nothing reads it any more, and a stale one is replaced by the next start.
        let _ = fs::remove_file(&password_file);
        made?;
        let cluster = self.home.cluster();
        fs::rename(&draft, &cluster).map_err(LocalError::file("create", &cluster))?;
        let synced = File::open(self.home.path()).and_then(|home| home.sync_all());
        synced.map_err(LocalError::file("sync", self.home.path()))
    }

    fn write_password(&self, path: &Path) -> Result<(), LocalError> {
        // Never through a link: the directory is not ours when we are root.
        let _ = fs::remove_file(path);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| writeln!(file, "{}", self.password));
        written.map_err(LocalError::file("write", path))?;
        self.home.owner.own(path)
    }

    fn run(&self, draft: &Path, password: &Path, locale: &str) -> Result<(), LocalError> {
        let mut command = self.home.owner.command(&self.initdb);
        command.arg("--pgdata").arg(draft).arg("--pwfile").arg(password);
        command.args(["--username", SUPERUSER, "--auth", "scram-sha-256"]);
        command.args(["--encoding", "UTF8", "--data-checksums", "--locale", locale]);
        if !self.durable {
            command.arg("--no-sync");
        }
        let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output =
            output.map_err(|source| LocalError::Spawn { program: self.initdb.clone(), source })?;
        if output.status.success() {
            return Ok(());
        }
        Err(LocalError::Failed { program: self.initdb.clone(), output: complaint(&output) })
    }
}

/// The line that says what went wrong; later lines say what initdb cleaned up.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let error = text.lines().find(|line| line.contains("error") || line.contains("FATAL"));
    error.or(text.lines().next()).unwrap_or("no output").trim().to_owned()
}
