//! Why a process cannot be watched.

/// Why metrics cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The recorder cannot be set up.
    #[error("cannot set up the metrics")]
    Recorder(#[from] metrics_exporter_prometheus::BuildError),
}
