//! What a run says, line by line: on stdout, and in a file where one is given.
//!
//! Must not: fail a run because nobody listens.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the lines go. Clones share the file.
#[derive(Clone, Debug, Default)]
pub struct Journal(Option<Arc<Mutex<File>>>);

impl Journal {
    /// Also into this file, which is made anew.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn in_file(path: &Path) -> std::io::Result<Journal> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Journal(Some(Arc::new(Mutex::new(File::create(path)?)))))
    }

    /// Writes a line.
    #[expect(clippy::print_stdout, reason = "this is what a run says")]
    pub fn line(&self, text: &str) {
        println!("{text}");
        if let Some(file) = &self.0 {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            // The line is on stdout in any case.
            let _ = writeln!(file, "{text}");
        }
    }
}
