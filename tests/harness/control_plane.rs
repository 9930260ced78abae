//! The recording control plane, for tests that are plain threads.

use std::ops::Deref;
use std::sync::OnceLock;

use nanofaas::testing::{Completion, Platform};
use tokio::runtime::Runtime;

/// A [`Platform`] whose waiting blocks the thread.
#[derive(Debug, Default)]
pub struct ControlPlane {
    platform: Platform,
}

impl ControlPlane {
    /// Starts one.
    #[must_use]
    pub fn start() -> Self {
        Self::default()
    }

    /// The host and port, as a list of allowed hosts names them.
    #[must_use]
    pub fn host(&self) -> String {
        let url = self.callback_url();
        url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned()
    }

    /// A URL on this control plane.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.host())
    }

    /// Waits for the execution's callback that is accepted.
    #[must_use]
    pub fn accepted(&self, execution_id: &str) -> Completion {
        waiting().block_on(self.platform.completion(execution_id))
    }

    /// Waits until this many callbacks of the execution have arrived, accepted or not.
    #[must_use]
    pub fn arrived(&self, execution_id: &str, count: usize) -> Vec<Completion> {
        waiting().block_on(self.platform.wait_for_attempts(execution_id, count))
    }
}

impl Deref for ControlPlane {
    type Target = Platform;

    fn deref(&self) -> &Platform {
        &self.platform
    }
}

/// Has the clock for the platform's own time-outs.
fn waiting() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_time().build().expect("a runtime for waiting")
    })
}
