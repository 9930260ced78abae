//! All sessions: those that are always there, and those that are made on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::interpreter::{NotStarted, Spares};
use super::session::{Session, Shared};
use super::settings::Settings;
use super::task::Key;
use crate::executor::Stage;

/// How many sessions may live beyond `KERNEL_MAX_SESSIONS` for the sake of their artifacts, as a
/// multiple of it.
const KEPT_FOR_ARTIFACTS: usize = 4;

/// Every session of this process.
pub(crate) struct Sessions {
    pub(super) settings: Settings,
    /// There once interpreters can be started.
    shared: OnceLock<Arc<Shared>>,
    table: Mutex<HashMap<Key, Arc<Session>>>,
}

/// Why there is no session.
#[derive(Debug)]
pub(crate) enum NoSession {
    /// Interpreters cannot be started yet.
    Starting,
    /// All of them are at work.
    Full(usize),
}

impl Sessions {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings, shared: OnceLock::new(), table: Mutex::default() }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Key, Arc<Session>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what lives before the first call, and waits until it does.
    pub(super) async fn open(self: &Arc<Self>, stage: &Stage) -> Result<(), NotStarted> {
        let spares = Spares::new(self.settings.launcher(), self.settings.spare);
        let rules = self.settings.rules();
        let shared = Arc::new(Shared { spares, rules, metrics: Arc::clone(&stage.metrics) });
        let shared = Arc::clone(self.shared.get_or_init(|| shared));
        let mut first = Vec::new();
        for number in 0..self.settings.sessions {
            let (started, waiting) = oneshot::channel();
            let session = Session::start(Key::Number(number), Arc::clone(&shared), Some(started), || {});
            self.table().insert(Key::Number(number), session);
            first.push(waiting);
        }
        shared.spares.first().await?;
        for waiting in first {
            // Without an answer the process stops.
            waiting.await.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    /// Ends them all.
    pub(super) async fn close(&self) {
        let all: Vec<_> = self.table().drain().map(|(_, session)| session).collect();
        for session in all {
            session.end().await;
        }
    }

    /// The session of this key, which is made where it is one that can be.
    pub(super) fn session(self: &Arc<Self>, key: &Key) -> Result<Arc<Session>, NoSession> {
        let shared = self.shared.get().ok_or(NoSession::Starting)?;
        let mut table = self.table();
        if let Some(session) = table.get(key).filter(|session| !session.has_ended()) {
            return Ok(Arc::clone(session));
        }
        if matches!(key, Key::Number(_)) {
            return Err(NoSession::Starting);
        }
        self.make_room(&mut table)?;
        let (me, mine): (Weak<Self>, _) = (Arc::downgrade(self), key.clone());
        let session = Session::start(key.clone(), Arc::clone(shared), None, move || {
            if let Some(me) = me.upgrade() {
                // There may be another one of that name by now.
                let mut table = me.table();
                if table.get(&mine).is_some_and(|session| session.has_ended()) {
                    table.remove(&mine);
                }
            }
        });
        table.insert(key.clone(), Arc::clone(&session));
        Ok(session)
    }

    /// Ends the session on demand that was used least recently, where there are too many. One whose
    /// code has published artifacts loses its variables alone, as long as that is enough.
    fn make_room(&self, table: &mut HashMap<Key, Arc<Session>>) -> Result<(), NoSession> {
        let most = self.settings.max_sessions;
        let on_demand = || table.iter().filter(|(key, _)| !matches!(key, Key::Number(_)));
        // A session that has just been made counts; one that is kept for its artifacts alone does not.
        let lives = |session: &Session| session.has_namespace() || !session.has_artifacts();
        let (all, live) = (on_demand().count(), on_demand().filter(|(_, session)| lives(session)).count());
        if live < most && all < most * KEPT_FOR_ARTIFACTS {
            return Ok(());
        }
        let is_full = all >= most * KEPT_FOR_ARTIFACTS;
        let idle = on_demand().filter(|(_, session)| session.is_idle() && (is_full || lives(session)));
        let Some((key, session)) = idle.min_by_key(|(_, session)| session.last_used()) else {
            return Err(NoSession::Full(live));
        };
        let (key, session) = (key.clone(), Arc::clone(session));
        if session.has_artifacts() && !is_full {
            session.forget_namespace();
            tokio::spawn(async move {
                if let Err(error) = session.ask(json!({"op": "clear_namespace"})).await {
                    tracing::warn!(target: "nanofaas", session = %key, error, "its variables were not cleared");
                }
            });
        } else {
            tracing::info!(target: "nanofaas", session = %key, "the session was not used for the longest time and ends (KERNEL_MAX_SESSIONS)");
            table.remove(&key);
            tokio::spawn(async move { session.retire().await });
        }
        Ok(())
    }

    /// The session of this key, if it lives.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Session>> {
        self.table().get(key).cloned()
    }

    /// Ends a session once what runs in it has ended, and waits for that.
    pub(super) async fn end(&self, key: &Key) {
        let session = self.table().remove(key);
        if let Some(session) = session {
            session.retire().await;
        }
    }

    /// Those that live.
    pub(super) fn all(&self) -> Vec<(Key, Arc<Session>)> {
        self.table().iter().map(|(key, session)| (key.clone(), Arc::clone(session))).collect()
    }

    /// Interrupts what runs, in all of them; whether something did.
    pub(super) fn interrupt(&self) -> bool {
        // Each of them, not the first alone.
        self.all().iter().filter(|(_, session)| session.interrupt()).count() > 0
    }

    /// What code of flows has published: of one, or of all.
    pub(super) fn artifacts(&self, flow: Option<i64>) -> Map<String, Value> {
        let mut all = self.all();
        all.sort_by_key(|(_, session)| session.last_used());
        all.retain(|(key, _)| match (key, flow) {
            (Key::Flow(id), Some(flow)) => *id == flow,
            (Key::Flow(_), None) => true,
            _ => false,
        });
        all.iter().flat_map(|(_, session)| session.artifacts()).collect()
    }
}
