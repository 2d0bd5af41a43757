//! Where the servers' programs are: PATH first, then the places where packages put them.
//!
//! Must not: run a server.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::LocalError;

/// The oldest major version that Baton's SQL is written for.
const POSTGRES_MAJOR_MIN: u32 = 14;
/// Homes of Postgres versions: Debian, Red Hat, Homebrew (ARM and Intel), Postgres.app.
const POSTGRES_HOMES: [&str; 5] = [
    "/usr/lib/postgresql",
    "/usr",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/Applications/Postgres.app/Contents/Versions",
];
/// A plain user's PATH lacks the `sbin` directories, where Debian puts nats-server.
const USUAL_DIRECTORIES: [&str; 6] = [
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/opt/homebrew/bin",
    "/usr/local/pgsql/bin",
];

/// Directories to look into, in order.
#[derive(Clone, Debug)]
pub(crate) struct Places(Vec<PathBuf>);

/// A Postgres installation.
#[derive(Clone, Debug)]
pub(crate) struct PostgresPrograms {
    bin: PathBuf,
    pub(crate) major: u32,
}

impl PostgresPrograms {
    pub(crate) fn initdb(&self) -> PathBuf {
        self.bin.join("initdb")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.bin.join("postgres")
    }
}

impl Places {
    /// PATH and the usual places of this machine.
    pub(crate) fn of_this_machine() -> Places {
        // PATH is the system's and no setting of Baton's, so it is not read in `config.rs`.
        let path: OsString = std::env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
        places.extend(USUAL_DIRECTORIES.map(PathBuf::from));
        places.extend(POSTGRES_HOMES.iter().flat_map(|home| versions_in(Path::new(home))));
        Places(places)
    }

    pub(crate) fn nats_server(&self) -> Option<PathBuf> {
        self.0.iter().map(|place| place.join("nats-server")).find(|path| is_program(path))
    }

    /// The Postgres for a cluster of version `major`, or the first good one for a new cluster.
    pub(crate) fn postgres(
        &self,
        cluster: Option<(&Path, u32)>,
    ) -> Result<PostgresPrograms, LocalError> {
        let mut found = self.postgres_installations();
        let Some((path, major)) = cluster else {
            let newest = found.find(|programs| programs.major >= POSTGRES_MAJOR_MIN);
            return newest.ok_or(LocalError::PostgresMissing);
        };
        found
            .find(|programs| programs.major == major)
            .ok_or_else(|| LocalError::PostgresVersion { cluster: path.to_path_buf(), major })
    }

    fn postgres_installations(&self) -> impl Iterator<Item = PostgresPrograms> {
        self.0
            .iter()
            .filter(|bin| is_program(&bin.join("initdb")) && is_program(&bin.join("postgres")))
            .filter_map(|bin| {
                let major = major_version(&bin.join("postgres"))?;
                Some(PostgresPrograms { bin: bin.clone(), major })
            })
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The `bin` directories of the Postgres versions under `home`, newest first.
fn versions_in(home: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(home) else {
        return Vec::new();
    };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let digits = name.trim_start_matches("postgresql@").trim_start_matches("pgsql-");
            Some((digits.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    versions.into_iter().map(|(_, bin)| bin).collect()
}

/// The number in `postgres (PostgreSQL) 15.18 (Debian …)`.
fn major_version(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_whitespace().nth(2)?;
    let digits = version.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake_postgres(place: &Path, version: &str) -> PathBuf {
        let bin = place.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["initdb", "postgres"] {
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Fake)'\n");
            fs::write(bin.join(name), script).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    #[test]
    fn missing_postgres_is_one_line_that_names_the_package() {
        let missing = Places(vec![PathBuf::from("/nowhere")]).postgres(None).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "PostgreSQL is not installed: install the Debian package `postgresql`, \
             or set BATON_DATABASE_URL"
        );
        assert!(Places(Vec::new()).nats_server().is_none());
    }

    #[test]
    fn a_cluster_gets_its_own_version_and_a_new_one_the_newest() {
        let place = std::env::temp_dir()
            .join(format!("baton-binaries-{}", crate::secret::random_token().unwrap()));
        for version in ["9", "15", "16", "13"] {
            fake_postgres(&place, version);
        }
        let places = Places(versions_in(&place));
        let cluster = Path::new("/data/cluster");

        assert_eq!(places.postgres(None).unwrap().major, 16);
        assert_eq!(places.postgres(Some((cluster, 15))).unwrap().major, 15);
        let gone = places.postgres(Some((cluster, 17))).unwrap_err().to_string();
        assert!(gone.contains("install the Debian package `postgresql-17`"), "{gone}");
        fs::remove_dir_all(place).unwrap();
    }
}
