//! What a callback costs its invocation: none, in memory, and on disk before the answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Options;
use crate::figures::{Figure, Sheet, Target};
use crate::http::Client;
use crate::measure::{Findings, milliseconds, percentile, sorted, take_turns};
use crate::process::{self, Service};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Median,
    Slow,
    Throughput,
    Cpu,
}

const FIGURES: &[Figure<Row>] = &[
    (Row::Median, "a call, one connection, p50", "ms", Target::None),
    (Row::Slow, "a call, one connection, p99", "ms", Target::None),
    (Row::Throughput, "16 connections", "calls/s", Target::None),
    (Row::Cpu, "CPU time per call, 16 connections", "ms", Target::None),
];

/// Connections of the busy rows.
const CONNECTIONS: usize = 16;
/// Nobody waits longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How callbacks are kept.
struct Contender {
    name: &'static str,
    callback: bool,
    spool: Option<PathBuf>,
}

struct Running {
    service: Service,
    address: SocketAddr,
    headers: String,
}

/// Measures `hello` with itself: the ratio to callbacks in memory is what the spool costs.
pub(crate) fn run(options: &Options) -> Result<Vec<String>, String> {
    let hello = process::target_directory().join("release/hello");
    if !hello.is_file() {
        return Err(format!("there is no {}: cargo build --release -p hello", hello.display()));
    }
    let (rounds, calls) = if options.quick { (2, 200) } else { (9, 1000) };
    let plane = control_plane().map_err(|error| format!("no control plane: {error}"))?;
    let contenders = contenders();
    let mut running = Vec::new();
    for (index, contender) in contenders.iter().enumerate() {
        running.push(contender.start(&hello, plane, index)?);
    }
    let mut findings = Findings::new();
    take_turns(rounds, &mut running.iter().enumerate().collect::<Vec<_>>(), |_, (index, running)| {
        match running.measure(calls) {
            Ok(numbers) => numbers.into_iter().for_each(|(row, number)| findings.number(row, *index, number)),
            Err(reason) => {
                eprintln!("{}: {reason}", contenders[*index].name);
                findings.say(Row::Median, *index, "fails");
            }
        }
    });
    let sheet = Sheet {
        title: format!("A callback of `hello`, {rounds} rounds of {calls} calls"),
        name: "callbacks".to_owned(),
        contenders: contenders.iter().map(|contender| contender.name.to_owned()).collect(),
        ours: Some(2),
        against: ("in memory ÷ spool", Some(1)),
        figures: FIGURES,
    };
    let table = sheet.table(&findings).to_string();
    println!("{table}");
    std::fs::write(&options.output, &table).map_err(|error| format!("{}: {error}", options.output.display()))?;
    for contender in &contenders {
        // Made for this run.
        let _ = contender.spool.as_ref().map(std::fs::remove_dir_all);
    }
    Ok(sheet.misses(&findings))
}

fn contenders() -> Vec<Contender> {
    let own = format!("bench-spool-{}", std::process::id());
    let mut all = vec![
        Contender { name: "no callback", callback: false, spool: None },
        Contender { name: "in memory", callback: true, spool: None },
        Contender { name: "spool on disk", callback: true, spool: Some(process::target_directory().join(&own)) },
    ];
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        all.push(Contender { name: "spool on tmpfs", callback: true, spool: Some(memory.join(own)) });
    }
    all
}

impl Contender {
    fn start(&self, hello: &PathBuf, plane: SocketAddr, index: usize) -> Result<Running, String> {
        let address = process::free_address()?;
        let mut command = process::command(hello);
        command.env("PORT", address.port().to_string()).env("RUST_LOG", "error");
        if let Some(spool) = &self.spool {
            command.env("NANOFAAS_CALLBACK_SPOOL_DIR", spool);
        }
        let service =
            Service::start(&mut command, &process::target_directory().join(format!("bench-hello-{index}.log")))?;
        let began = Instant::now();
        let mut client = Client::new(address, PATIENCE);
        while !client.get("/health").is_ok_and(|answer| answer.status == 200) {
            if began.elapsed() > PATIENCE {
                return Err(format!("{} is not ready: {}", self.name, service.last_words()));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let callback =
            if self.callback { format!("X-Callback-Url: http://{plane}/executions\r\n") } else { String::new() };
        let headers = format!("X-Execution-Id: e\r\n{callback}");
        Ok(Running { service, address, headers })
    }
}

impl Running {
    fn measure(&self, calls: usize) -> Result<Vec<(Row, f64)>, String> {
        let mut times = Vec::with_capacity(calls);
        let mut client = Client::new(self.address, PATIENCE);
        for number in 0..calls {
            times.push(milliseconds(self.call(&mut client, 0, number)?));
        }
        let times = sorted(&times);
        let tree = self.service.tree();
        let (before, began) = (process::cpu_time(&tree), Instant::now());
        std::thread::scope(|scope| {
            let callers: Vec<_> = (1..=CONNECTIONS)
                .map(|caller| {
                    scope.spawn(move || {
                        let mut client = Client::new(self.address, PATIENCE);
                        (0..calls / 4).try_for_each(|number| self.call(&mut client, caller, number).map(drop))
                    })
                })
                .collect();
            callers.into_iter().try_for_each(|caller| caller.join().unwrap_or_else(|_| Err("a caller panicked".into())))
        })?;
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let all = (CONNECTIONS * (calls / 4)) as f64;
        let computed = process::cpu_time(&tree).saturating_sub(before);
        Ok(vec![
            (Row::Median, percentile(&times, 50).unwrap_or(f64::NAN)),
            (Row::Slow, percentile(&times, 99).unwrap_or(f64::NAN)),
            (Row::Throughput, all / began.elapsed().as_secs_f64()),
            (Row::Cpu, milliseconds(computed) / all),
        ])
    }

    /// A call of an execution of its own.
    fn call(&self, client: &mut Client, caller: usize, number: usize) -> Result<Duration, String> {
        let headers = self.headers.replace("X-Execution-Id: e", &format!("X-Execution-Id: e-{caller}-{number}"));
        let began = Instant::now();
        let answer =
            client.post_with("/invoke", &headers, r#"{"input":"hello"}"#).map_err(|error| error.to_string())?;
        match answer.status {
            200 => Ok(began.elapsed()),
            status => Err(format!("{status} {}", String::from_utf8_lossy(&answer.body))),
        }
    }
}

/// Takes every callback at once, with a thread for each connection.
fn control_plane() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || take(stream));
        }
    });
    Ok(address)
}

fn take(stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if line.is_empty() {
                break;
            }
        }
        stream.read_exact(&mut vec![0; length])?;
        stream.get_mut().write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    }
}
