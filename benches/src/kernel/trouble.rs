//! Code that does not end, ends too much, or says too much.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::Row;
use super::contender::{Contender, Running};
use super::speed::failed;
use crate::measure::{Findings, megabytes, milliseconds, take_turns};
use crate::process::resident;

/// The limit of the endless loop, and when its caller no longer believes in an answer.
const LIMIT: (&str, &str) = ("EXECUTION_TIMEOUT", "3");
const GIVE_UP: Duration = Duration::from_secs(6);
/// Between two questions for `/health` while the code loops.
const PULSE: Duration = Duration::from_millis(10);
/// Between two looks at the memory; every so many looks the tree is taken anew, which costs more.
const LOOK: Duration = Duration::from_millis(5);
const LOOKS_PER_TREE: usize = 20;

/// A hundred thousand lines of a thousand bytes.
const FLOOD: &str = "for _ in range(100_000):\n    print('x' * 999)";

/// A loop that has to be ended from outside: when its caller is told, what is left of the state, and who else has to wait.
pub(super) fn endless(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("endless loop: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let measured = contender.start(&[LIMIT]).and_then(|mut running| {
            running.first_result(&mut running.client(), 0)?;
            running.expect(&mut running.client(), 0, "x = 41\nprint(x)", "41\n")?;
            let (reply, slowest) =
                while_asked(&running, || running.execute(&mut running.patient(GIVE_UP), 0, "while True:\n    pass"));
            findings.number(Row::LoopHealth, index, milliseconds(slowest));
            match reply {
                Ok(reply) if reply.said.error.as_ref().is_some_and(|error| error.starts_with("TimeoutError")) => {
                    findings.number(Row::LoopAnswer, index, reply.took.as_secs_f64());
                }
                Ok(reply) => findings.say(Row::LoopAnswer, index, format!("{:?}", reply.said.error)),
                Err(reason) => findings.say(Row::LoopAnswer, index, reason),
            }
            let state = running.execute(&mut running.patient(GIVE_UP), 0, "print(x + 1)");
            let state = match state {
                Ok(reply) if reply.said.stdout == "42\n" => "kept",
                Ok(_) => "lost",
                Err(_) if running.is_well() => "not within reach",
                Err(_) => "the service is lost",
            };
            findings.say(Row::LoopState, index, state);
            Ok(())
        });
        if let Err(reason) = measured {
            failed(findings, Row::LoopAnswer, index, contender, &reason);
        }
    });
}

/// Does something, and asks for `/health` all the while: the slowest answer.
fn while_asked<T>(running: &Running<'_>, act: impl FnOnce() -> T) -> (T, Duration) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut client = running.patient(GIVE_UP);
            let mut slowest = Duration::ZERO;
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                let answered = client.get("/health").is_ok();
                slowest = slowest.max(if answered { began.elapsed() } else { GIVE_UP });
                std::thread::sleep(PULSE);
            }
            slowest
        });
        let result = act();
        done.store(true, Ordering::Relaxed);
        (result, asking.join().unwrap_or(GIVE_UP))
    })
}

/// Code that ends its process: when the caller is told, and when the next one gets a result. A service that dies of it is started again.
pub(super) fn exit(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("exit: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let measured = contender.start(&[]).and_then(|mut running| {
            running.first_result(&mut running.client(), 0)?;
            let reply = running.execute(&mut running.client(), 0, "import os\nos._exit(1)");
            let told = Instant::now();
            match reply {
                Ok(reply) if reply.said.error.is_some() => {
                    findings.number(Row::ExitAnswer, index, milliseconds(reply.took));
                }
                Ok(_) => findings.say(Row::ExitAnswer, index, "reported as success"),
                Err(_) if !running.is_well() => {
                    findings.say(Row::ExitAnswer, index, "the service dies");
                    findings.say(Row::ExitNext, index, "started again");
                    drop(running);
                    running = contender.start(&[])?;
                }
                Err(reason) => findings.say(Row::ExitAnswer, index, reason),
            }
            if running.first_result(&mut running.client(), 0)? > 0 {
                findings.say(Row::ExitNext, index, "after refusals");
            }
            findings.number(Row::ExitNext, index, milliseconds(told.elapsed()));
            Ok(())
        });
        if let Err(reason) = measured {
            failed(findings, Row::ExitNext, index, contender, &reason);
        }
    });
}

/// Code that prints 100 MB: how long it takes, what of it is answered, and what it costs to keep.
pub(super) fn flood(contenders: &[Contender], rounds: usize, findings: &mut Findings<Row>) {
    eprintln!("flood: {rounds} rounds");
    let mut places: Vec<&Contender> = contenders.iter().collect();
    take_turns(rounds, &mut places, |index, contender| {
        let measured = contender.start(&[("EXECUTION_TIMEOUT", "60")]).and_then(|running| {
            running.first_result(&mut running.client(), 0)?;
            let (reply, peak) = while_watched(&running, || running.execute(&mut running.client(), 0, FLOOD));
            let reply = reply?;
            findings.number(Row::FloodTime, index, reply.took.as_secs_f64());
            findings.number(Row::FloodAnswered, index, megabytes(reply.bytes));
            findings.number(Row::FloodPeak, index, megabytes(peak));
            let said = match (reply.said.truncated, reply.said.stdout.len()) {
                (true, _) => "yes",
                (false, 100_000_000) => "nothing is cut",
                (false, _) => "no",
            };
            findings.say(Row::FloodSaid, index, said);
            Ok(())
        });
        if let Err(reason) = measured {
            failed(findings, Row::FloodTime, index, contender, &reason);
        }
    });
}

/// Does something, and looks at the memory of the service and its descendants all the while: the most at one time, in bytes.
fn while_watched<T>(running: &Running<'_>, act: impl FnOnce() -> T) -> (T, u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (mut most, mut tree) = (0, running.tree());
            for look in 1.. {
                most = most.max(resident(&tree));
                if done.load(Ordering::Relaxed) {
                    break;
                }
                std::thread::sleep(LOOK);
                if look % LOOKS_PER_TREE == 0 {
                    tree = running.tree();
                }
            }
            most
        });
        let result = act();
        done.store(true, Ordering::Relaxed);
        (result, watching.join().unwrap_or_default())
    })
}
