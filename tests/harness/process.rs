//! A function's process: started, watched through its log, ended.

use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Answer, Connection};
use crate::log::Log;
use crate::{binary, eventually};

/// How long anything may take that a test waits for; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running function. It is killed when this is dropped.
#[derive(Debug)]
pub struct Function {
    child: Child,
    pub(crate) log: Arc<Log>,
    address: Option<SocketAddr>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

impl Function {
    /// Starts an example's server on a free port and waits until it is ready. Nothing of this
    /// process's environment is passed on but `extra`.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    #[must_use]
    pub fn start(name: &str, extra: &[(&str, &str)]) -> Self {
        let mut function = Self::spawn(name, extra);
        function.wait_until_ready();
        function
    }

    /// Starts an example's server without waiting.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    #[must_use]
    pub fn spawn(name: &str, extra: &[(&str, &str)]) -> Self {
        let mut command = command(name, &[], extra);
        command.env("PORT", extra.iter().find(|(key, _)| *key == "PORT").map_or("0", |(_, port)| port));
        Self::launch(command)
    }

    /// The same behind these words of a command line, which execute what follows them.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    #[must_use]
    pub fn through(before: &[&str], name: &str, extra: &[(&str, &str)]) -> Self {
        let mut command = Command::new(before[0]);
        command.args(&before[1..]).arg(binary(name)).env_clear().env("PORT", "0").envs(extra.iter().copied());
        let mut function = Self::launch(command);
        function.wait_until_ready();
        function
    }

    /// Starts this command and follows its log on stderr.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    #[must_use]
    pub fn launch(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the function starts");
        let log = Arc::<Log>::default();
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        std::thread::spawn({
            let log = Arc::clone(&log);
            move || log.follow(stderr)
        });
        Self { child, log, address: None }
    }

    /// Takes over a process that was started by hand, and leaves its log alone.
    #[must_use]
    pub fn adopt(child: Child) -> Self {
        let log = Arc::<Log>::default();
        log.follow(BufReader::new(std::io::empty()));
        Self { child, log, address: None }
    }

    /// Waits for the log line that says where the function listens.
    ///
    /// # Panics
    ///
    /// Where it does not become ready.
    pub fn wait_until_ready(&mut self) {
        let ready = self.wait_for_log("a ready line", |line| line["message"] == "ready");
        let port =
            ready["address"].as_str().and_then(|address| address.rsplit(':').next()).and_then(|port| port.parse().ok());
        self.address = Some((Ipv4Addr::LOCALHOST, port.expect("a port in the ready line")).into());
    }

    /// Where the function listens.
    ///
    /// # Panics
    ///
    /// Where it was not waited for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address.expect("a function that is ready")
    }

    /// The process's id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Opens a connection.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    /// `POST /invoke` on a connection of its own; `body` as it stands.
    #[must_use]
    pub fn post(&self, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
        self.connect().request("POST", "/invoke", headers, body.as_ref())
    }

    /// Invokes with this input under this execution id.
    #[must_use]
    pub fn invoke(&self, execution_id: &str, input: &Value) -> Answer {
        self.post(&[("X-Execution-Id", execution_id)], serde_json::json!({ "input": input }).to_string())
    }

    /// `GET` on a connection of its own.
    #[must_use]
    pub fn get(&self, path: &str) -> Answer {
        self.connect().request("GET", path, &[], b"")
    }

    /// Takes the address that a function listens on before it is ready.
    pub fn wait_until_listening(&mut self, port: u16) {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        eventually("a function that listens", || TcpStream::connect(address).ok());
        self.address = Some(address);
    }

    /// Asks the function to end, and waits until it has delivered everything and is gone.
    ///
    /// # Panics
    ///
    /// Where its end is not clean.
    pub fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0), "{:#?}", self.log());
    }

    /// Sends a signal such as `TERM`.
    ///
    /// # Panics
    ///
    /// Where there is no `kill` command.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill").success(), "the process is gone");
    }

    /// Waits for the process's end and for the last line of its log.
    ///
    /// # Panics
    ///
    /// Where it does not end in time.
    #[must_use]
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child's status") {
                self.log.wait_for_end();
                return status;
            }
            assert!(Instant::now() < until, "the function did not end; its log: {:#?}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Runs an example with arguments to its end, with `stdin` as its input. It is killed where it
    /// does not end within 30 s.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    #[must_use]
    pub fn run(name: &str, arguments: &[&str], extra: &[(&str, &str)], stdin: &str) -> Ended {
        Self::run_command(command(name, arguments, extra), stdin)
    }

    /// Runs this command to its end, with `stdin` as its input. It is killed where it does not end
    /// within 30 s.
    ///
    /// # Panics
    ///
    /// Where it cannot be started.
    #[must_use]
    pub fn run_command(mut command: Command, stdin: &str) -> Ended {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the function starts");
        // A program that does not read it may have ended already.
        let _ = std::io::Write::write_all(&mut child.stdin.take().expect("stdin is a pipe"), stdin.as_bytes());
        let (ended, waiting) = std::sync::mpsc::channel::<()>();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            if waiting.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        let output = child.wait_with_output().expect("a child's output");
        drop(ended);
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A port that was free a moment ago, for a function that must be reached before it is ready.
///
/// # Panics
///
/// Where there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

fn command(name: &str, arguments: &[&str], extra: &[(&str, &str)]) -> Command {
    let mut command = Command::new(binary(name));
    command.args(arguments).env_clear().envs(extra.iter().copied());
    command
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
