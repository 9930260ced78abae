//! What contends: the watchdog, and the peer that a competent engineer writes in an afternoon.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::contract::{Contract, Said};
use crate::http::Client;
use crate::process::{Service, free_address, target_directory};
use crate::{peers, process};

/// How long a service may take until it is there.
const START: Duration = Duration::from_secs(10);
/// How long an answer may take where nothing is said about it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two questions whether it is there: what a start is measured to.
const STEP: Duration = Duration::from_micros(500);

pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) contract: Contract,
    program: PathBuf,
    argument: Option<PathBuf>,
}

/// A contender that was started.
pub(crate) struct Running<'a> {
    pub(crate) service: Service,
    pub(crate) contender: &'a Contender,
    pub(crate) address: SocketAddr,
    pub(crate) began: Instant,
}

/// What came back, and how.
pub(crate) struct Reply {
    pub(crate) said: Said,
    pub(crate) took: Duration,
    pub(crate) bytes: u64,
}

impl Contender {
    /// Those of a contract that can be run here.
    pub(crate) fn all(contract: Contract, watchdog: Option<&Path>, python: Option<&Path>) -> Vec<Self> {
        let (name, source) = match contract {
            Contract::Executor => ("FastAPI, jupyter_client, ipykernel", "executor_jupyter.py"),
            Contract::Flowfile => ("FastAPI, exec in process", "flowfile_fastapi.py"),
        };
        let ours = watchdog.map(|program| ("ours".into(), true, program.to_owned(), None));
        let peer = python.map(|python| (name.into(), false, python.to_owned(), Some(peers::source(source))));
        let contender = |(name, ours, program, argument)| Self { name, ours, contract, program, argument };
        ours.into_iter().chain(peer).map(contender).collect()
    }

    /// Whether it starts an interpreter ahead of need unless it is told not to.
    pub(crate) fn has_spare(&self) -> bool {
        self.ours && self.contract == Contract::Flowfile
    }

    /// Starts it with some variables besides those that all get, and returns when `/health` is answered.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> Result<Running<'_>, String> {
        let directory = target_directory().join("bench-run");
        let workspace = directory.join("workspace");
        std::fs::create_dir_all(&workspace).map_err(|error| format!("{}: {error}", workspace.display()))?;
        let address = free_address()?;
        let mut command = process::command(&self.program);
        command.args(&self.argument).current_dir(&workspace);
        command.env("PORT", address.port().to_string()).env("WORKSPACE_FOLDER", &workspace);
        if self.ours {
            command.env("EXECUTION_MODE", "KERNEL").env("KERNEL_API", self.contract.name());
        } else {
            command.env("JUPYTER_RUNTIME_DIR", directory.join("jupyter"));
        }
        command.envs(variables.iter().copied());
        let log = directory.join(format!("{}-{}.log", self.contract.name(), if self.ours { "ours" } else { "peer" }));
        let began = Instant::now();
        let service = Service::start(&mut command, &log)?;
        let mut running = Running { service, contender: self, address, began };
        running.wait_for_health()?;
        Ok(running)
    }
}

impl Running<'_> {
    pub(crate) fn client(&self) -> Client {
        self.patient(PATIENCE)
    }

    pub(crate) fn patient(&self, patience: Duration) -> Client {
        Client::new(self.address, patience)
    }

    /// Runs code for a flow. Err when there is no answer, or none of the contract.
    pub(crate) fn execute(&self, client: &mut Client, flow: usize, code: &str) -> Result<Reply, String> {
        let has_sessions = self.contender.ours;
        let (path, body) = self.contender.contract.request(flow, has_sessions, code);
        let began = Instant::now();
        let answer = client.post(&path, &body).map_err(|failure| failure.to_string())?;
        let took = began.elapsed();
        Ok(Reply { said: self.contender.contract.said(&answer)?, took, bytes: answer.body.len() as u64 })
    }

    /// Runs code that has to print this and nothing else.
    pub(crate) fn expect(&self, client: &mut Client, flow: usize, code: &str, stdout: &str) -> Result<Reply, String> {
        let reply = self.execute(client, flow, code)?;
        match &reply.said {
            Said { error: None, stdout: printed, .. } if printed == stdout => Ok(reply),
            said => Err(format!("`{code}` should print {stdout:?}: {said:?}")),
        }
    }

    /// Asks until a flow computes: services may refuse while they start. What was asked in vain is counted.
    pub(crate) fn first_result(&self, client: &mut Client, flow: usize) -> Result<usize, String> {
        let began = Instant::now();
        let mut refused = 0;
        loop {
            match self.expect(client, flow, "print(1+1)", "2\n") {
                Ok(_) => return Ok(refused),
                Err(reason) if began.elapsed() > START => return Err(reason),
                Err(_) => refused += 1,
            }
            std::thread::sleep(STEP);
        }
    }

    /// Whether it still answers at all.
    pub(crate) fn is_well(&mut self) -> bool {
        !self.service.has_ended() && self.patient(Duration::from_secs(2)).get("/health").is_ok()
    }

    pub(crate) fn tree(&self) -> Vec<process::Process> {
        self.service.tree()
    }

    fn wait_for_health(&mut self) -> Result<(), String> {
        let mut client = self.client();
        while !client.get("/health").is_ok_and(|answer| answer.status == 200) {
            if self.service.has_ended() || self.began.elapsed() > START {
                let what = if self.service.has_ended() { "ended" } else { "is not there after 10 s" };
                return Err(format!("{} {what}; its last words:\n{}", self.contender.name, self.service.last_words()));
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }
}
