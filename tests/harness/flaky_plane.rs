//! A control plane with moods, at an address that stays its own while nobody listens there.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::{Delivery, eventually};

/// A control plane that can be away. It records every callback whose last byte came, in any mood.
#[derive(Debug)]
pub struct FlakyPlane {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

/// How callbacks are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mood {
    /// With 204 at once.
    Well,
    /// With this status.
    Status(u16),
    /// With this status and `Retry-After` in seconds.
    RetryAfter(u16, u32),
    /// With 204 after this time.
    Slow(Duration),
    /// As the next mood says, when it comes.
    Hold,
    /// Not at all; the connection ends with the mood.
    Hang,
    /// With a reset of the connection.
    Reset,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    mood: Mood,
    exceptions: Vec<(String, Mood)>,
    deliveries: Vec<Delivery>,
    /// Changes when the listener closes: who belongs to an earlier one has to go.
    period: u64,
    streams: Vec<TcpStream>,
}

impl State {
    fn mood(&self, id: &str) -> Mood {
        let exception = self.exceptions.iter().rev().find(|(known, _)| known == id);
        exception.map_or(&self.mood, |(_, mood)| mood).clone()
    }
}

impl FlakyPlane {
    /// Starts one that is well.
    #[must_use]
    pub fn start() -> Self {
        let plane = Self::away();
        plane.open();
        plane
    }

    /// One that nobody listens for yet: connections are refused.
    ///
    /// # Panics
    ///
    /// Where there is no free port.
    #[must_use]
    pub fn away() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        // A loopback address of its own: nobody takes the port while it is closed.
        let own = std::process::id().wrapping_mul(61).wrapping_add(NUMBER.fetch_add(1, Ordering::Relaxed));
        let ip = Ipv4Addr::from((127 << 24) | (1 << 23) | (own & 0x7f_ffff));
        let address = TcpListener::bind((ip, 0)).and_then(|free| free.local_addr()).expect("a free port");
        let state =
            State { mood: Mood::Well, exceptions: Vec::new(), deliveries: Vec::new(), period: 0, streams: Vec::new() };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        Self { address, shared, listening: Mutex::new(None) }
    }

    /// Listens again.
    pub fn open(&self) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        if listening.is_none() {
            let listener = eventually("the plane's port", || TcpListener::bind(self.address).ok());
            let shared = Arc::clone(&self.shared);
            let period = shared.lock().period;
            *listening = Some(std::thread::spawn(move || shared.accept(&listener, period)));
        }
    }

    /// Ends every connection, and refuses new ones from now on.
    pub fn close(&self) {
        let Some(thread) = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let mut state = self.shared.lock();
        state.period += 1;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the one who accepts; the listener is gone when its thread is.
        let _ = TcpStream::connect(self.address);
        let _ = thread.join();
    }

    /// Answers all callbacks like this from now on, also those that are being held.
    pub fn set(&self, mood: Mood) {
        self.shared.lock().mood = mood;
        self.shared.changed.notify_all();
    }

    /// Answers the callbacks of this execution like this, whatever the others get.
    pub fn set_for(&self, id: &str, mood: Mood) {
        self.shared.lock().exceptions.push((id.to_owned(), mood));
        self.shared.changed.notify_all();
    }

    /// What `CALLBACK_URL` is set to.
    #[must_use]
    pub fn callback_url(&self) -> String {
        format!("http://{}/v1/internal/executions", self.address)
    }

    /// The host and port.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Every callback so far, in the order of arrival.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().deliveries.clone()
    }

    /// Those of one execution.
    #[must_use]
    pub fn of(&self, id: &str) -> Vec<Delivery> {
        self.deliveries().into_iter().filter(|delivery| delivery.id() == id).collect()
    }

    /// The ids of all callbacks so far, in the order of arrival.
    #[must_use]
    pub fn ids(&self) -> Vec<String> {
        self.deliveries().iter().map(|delivery| delivery.id().to_owned()).collect()
    }

    /// Waits for the execution's callback that is accepted.
    #[must_use]
    pub fn accepted(&self, id: &str) -> Delivery {
        eventually(&format!("an accepted callback of {id}"), || self.of(id).into_iter().find(Delivery::is_accepted))
    }

    /// Waits until this many callbacks of the execution have arrived.
    #[must_use]
    pub fn arrived(&self, id: &str, count: usize) -> Vec<Delivery> {
        eventually(&format!("{count} callbacks of {id}"), || Some(self.of(id)).filter(|found| found.len() >= count))
    }
}

impl Drop for FlakyPlane {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener, period: u64) {
        for stream in listener.incoming().flatten() {
            let mut state = self.lock();
            if state.period != period {
                return;
            }
            if let Ok(copy) = stream.try_clone() {
                state.streams.push(copy);
            }
            drop(state);
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while shared.answer(&mut reader, period).is_some() {}
                // Dropping the last copy ends the connection.
                let mut state = shared.lock();
                state.streams.retain(|copy| copy.peer_addr().ok() != stream.peer_addr().ok());
            });
        }
    }

    /// Takes one request; `None` where the connection is not to be used again.
    fn answer(&self, reader: &mut BufReader<&TcpStream>, period: u64) -> Option<()> {
        let delivery = Delivery::read(reader)?;
        let id = delivery.id().to_owned();
        let mut state = self.lock();
        let number = state.deliveries.len();
        state.deliveries.push(delivery);
        let mood = loop {
            match state.mood(&id) {
                _ if state.period != period => return None,
                Mood::Hold => state = self.wait(state),
                Mood::Hang => {
                    while state.period == period && state.mood(&id) == Mood::Hang {
                        state = self.wait(state);
                    }
                    return None;
                }
                mood => break mood,
            }
        };
        if let Mood::Slow(pause) = mood {
            drop(state);
            std::thread::sleep(pause);
            state = self.lock();
        }
        let (status, more) = match mood {
            Mood::Status(status) => (status, String::new()),
            Mood::RetryAfter(status, seconds) => (status, format!("retry-after: {seconds}\r\n")),
            Mood::Reset => {
                drop(state);
                reset(reader.get_ref());
                return None;
            }
            _ => (204, String::new()),
        };
        state.deliveries[number].answered = Some(status);
        drop(state);
        let length = if status == 204 { "" } else { "content-length: 0\r\n" };
        let answer = format!("HTTP/1.1 {status} Status\r\n{length}{more}\r\n");
        reader.get_mut().write_all(answer.as_bytes()).ok()
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without lingering the system resets the connection instead of closing it.
fn reset(stream: &TcpStream) {
    if let Ok(copy) = stream.try_clone() {
        let _ = TcpSocket::from_std_stream(copy).set_zero_linger();
    }
}
