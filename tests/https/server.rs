//! A TLS server that takes callbacks.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::authority::Certificate;

/// Says on stdout which port it has, and then a line per request.
const PROGRAM: &str = "
import http.server, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        print(self.command, self.path, self.headers['authorization'], flush=True)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, flush=True)
server.serve_forever()
";

/// A running server. It is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    lines: std::cell::RefCell<BufReader<ChildStdout>>,
    port: String,
}

impl Server {
    pub(crate) fn start(certificate: &Certificate) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM, &certificate.chain, &certificate.key]).stdin(Stdio::null());
        // What it says of clients that do not trust it is no news.
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("python3");
        let lines = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut server = Self { child, lines: lines.into(), port: String::new() };
        server.port = server.request();
        server
    }

    /// A base for callbacks, by the name `localhost`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}/x", self.port)
    }

    /// The next request: its method, path and `Authorization`.
    pub(crate) fn request(&self) -> String {
        let mut line = String::new();
        self.lines.borrow_mut().read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "the server has ended");
        line.trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
