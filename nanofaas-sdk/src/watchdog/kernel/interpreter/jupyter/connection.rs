//! Where a kernel listens: the file that tells it, and the way there.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::sleep;

use super::channel::{Channel, Kind};
use super::message::{Key, hex};
use super::zmtp::Foreign;
use crate::watchdog::file::private_directory;
use crate::watchdog::process::aside_later;

/// How often it is tried whether a socket is there; doubles every time.
const LOOK: Duration = Duration::from_millis(5);
const LONGEST_LOOK: Duration = Duration::from_millis(40);

/// The sockets of a kernel, in the order of their ports.
const SOCKETS: [&str; 5] = ["shell", "iopub", "stdin", "control", "hb"];

/// How a kernel is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// Sockets in a folder that nobody else may enter.
    Ipc,
    /// Ports of 127.0.0.1.
    Tcp,
}

/// What a kernel and its client agree on before either says a word.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) key: Key,
    pub(super) file: PathBuf,
    /// A name for this client, which answers carry.
    pub(super) session: String,
    addresses: [Address; 4],
}

/// Where a socket is. Some kernels put another mark between the path and the number.
#[derive(Clone, Debug)]
enum Address {
    Ipc([PathBuf; 2]),
    Tcp(u16),
}

/// The folder of a kernel, removed when this is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        aside_later(move || {
            let _ = fs::remove_dir_all(folder);
        });
    }
}

impl Connection {
    /// Makes the folder and writes the file. Blocks.
    pub(super) fn prepare(kernel: &str, transport: Transport) -> io::Result<(Self, Folder)> {
        let folder = Folder(private_directory()?);
        let (file, sockets) = (folder.0.join("connection.json"), folder.0.join("s"));
        let (secret, session) = (random()?, random()?);
        let ports = match transport {
            Transport::Ipc => [1, 2, 3, 4, 5],
            Transport::Tcp => free_ports()?,
        };
        let mut told = json!({
            "transport": if transport == Transport::Ipc { "ipc" } else { "tcp" },
            "ip": if transport == Transport::Ipc { sockets.display().to_string() } else { "127.0.0.1".to_owned() },
            "key": secret,
            "signature_scheme": "hmac-sha256",
            "kernel_name": kernel,
        });
        for (socket, port) in SOCKETS.iter().zip(ports) {
            told[format!("{socket}_port")] = port.into();
        }
        let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        written.write_all(told.to_string().as_bytes())?;
        let [shell, iopub, stdin, control, _] = ports;
        let addresses = [shell, iopub, stdin, control].map(|port| match transport {
            Transport::Ipc => Address::Ipc(['-', ':'].map(|mark| path(&sockets, mark, port))),
            Transport::Tcp => Address::Tcp(port),
        });
        Ok((Self { key: Key::new(&secret), file, session, addresses }, folder))
    }

    /// Connects all sockets but the one for heartbeats; waits until they are there.
    pub(super) async fn connect(&self) -> Result<Channels, Foreign> {
        let [shell, iopub, stdin, control] = &self.addresses;
        let (shell, iopub, stdin, control) = tokio::try_join!(
            self.open(shell, Kind::Dealer),
            self.open(iopub, Kind::Sub),
            self.open(stdin, Kind::Dealer),
            self.open(control, Kind::Dealer),
        )?;
        Ok(Channels { shell, iopub, stdin, control })
    }

    async fn open(&self, address: &Address, kind: Kind) -> Result<Channel, Foreign> {
        // Requests for input come to whoever sent the code: it has to have one name on all sockets.
        let (identity, key) = (self.session.as_str(), self.key.clone());
        let mut pause = LOOK;
        loop {
            match address {
                Address::Ipc(paths) => {
                    for path in paths {
                        if let Ok(stream) = UnixStream::connect(path).await {
                            return Channel::open(stream, kind, identity, key).await;
                        }
                    }
                }
                Address::Tcp(port) => {
                    // Where nothing listens a connection may take that very port, and meet itself.
                    if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await
                        && stream.local_addr().is_ok_and(|own| own.port() != *port)
                    {
                        let _ = stream.set_nodelay(true);
                        return Channel::open(stream, kind, identity, key).await;
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }
}

/// The connections to a kernel.
pub(super) struct Channels {
    pub(super) shell: Channel,
    pub(super) iopub: Channel,
    pub(super) stdin: Channel,
    pub(super) control: Channel,
}

fn path(sockets: &Path, mark: char, port: u16) -> PathBuf {
    let mut path = sockets.as_os_str().to_owned();
    path.push(format!("{mark}{port}"));
    path.into()
}

/// Ports that were free a moment ago; a kernel that finds one taken is started again with others.
fn free_ports() -> io::Result<[u16; 5]> {
    let mut listeners = Vec::new();
    let mut ports = [0; 5];
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// 128 bits that nobody can guess.
fn random() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn nobody_else_can_read_the_key_and_nothing_is_left() {
        let (connection, folder) = Connection::prepare("k", Transport::Ipc).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.0), mode(&connection.file)), (0o700, 0o600));
        let told: serde_json::Value = serde_json::from_slice(&fs::read(&connection.file).unwrap()).unwrap();
        assert_eq!((&told["transport"], &told["hb_port"]), (&json!("ipc"), &json!(5)));
        let Address::Ipc([usual, _]) = &connection.addresses[0] else { panic!("a path") };
        assert_eq!(usual.display().to_string(), format!("{}-1", told["ip"].as_str().unwrap()));
        drop(folder);
        // The thread for files may be there already.
        while connection.file.exists() {
            std::thread::yield_now();
        }
    }

    #[test]
    fn ports_differ() {
        let (one, _folder) = Connection::prepare("k", Transport::Tcp).unwrap();
        let ports = one.addresses.map(|address| format!("{address:?}"));
        assert_eq!(ports.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
