//! A child with one more descriptor than three.
//!
//! The standard library gives children stdin, stdout and stderr; more would need code between fork and exec.
//! So the program of the watchdog is started in the child's place. It gets two descriptors through a socket that
//! is its stdin, puts them where they belong, and becomes the child.

use std::ffi::OsStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use crate::watchdog::command_line::CommandLine;

/// The name under which the program becomes another one.
const NAME: &str = "nanofaas-child";

/// What a shell reports for a program that cannot be executed.
const NOT_EXECUTED: u8 = 126;

/// The command that becomes `program` with what is handed over.
pub(super) fn command(program: &Path, line: &CommandLine) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(NAME).arg(program).arg(line.program()).args(line.arguments());
    command
}

/// Puts two descriptors into a socket, whose other end the child reads.
pub(super) fn hand_over(stdin: &OwnedFd, third: &OwnedFd) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    let descriptors = [third.as_fd(), stdin.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    // They stay in the socket when this end is closed.
    sendmsg(&ours, &[IoSlice::new(b"3")], &mut control, SendFlags::empty())?;
    Ok(theirs.into())
}

/// Becomes the child, if the program was started for that; the exit code where it cannot.
pub(crate) fn serve() -> Option<u8> {
    let mut words = std::env::args_os();
    if words.next().as_deref() != Some(OsStr::new(NAME)) {
        return None;
    }
    let (program, name) = (words.next()?, words.next()?);
    let error = match receive() {
        Ok(third) => {
            let error = Command::new(&program).arg0(name).args(words).exec();
            drop(third);
            error
        }
        Err(error) => error,
    };
    eprintln!("{} could not be executed: {error}", program.display());
    Some(NOT_EXECUTED)
}

/// Takes the descriptors: the first one that arrives is the lowest free number, which is 3.
fn receive() -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(io::stdin(), &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut received = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    let mut received = received.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    let (Some(third), Some(stdin)) = (received.next(), received.next()) else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    if third.as_raw_fd() != 3 {
        return Err(io::Error::other(format!("fd 3 is taken, this is {}", third.as_raw_fd())));
    }
    fcntl_setfd(&third, FdFlags::empty())?;
    rustix::stdio::dup2_stdin(&stdin)?;
    Ok(third)
}
