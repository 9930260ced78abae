//! An authority of a test's own, made with the command `openssl`.

use std::process::{Command, Stdio};

use harness::{Scratch, has_command, skip};

/// What `openssl ca` has to know; all paths are relative to the folder it runs in.
const SETTINGS: &str = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nnew_certs_dir = .\nserial = serial\n\
                        default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";

/// Makes a key beside what it is for.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// An authority, and a folder with its certificates.
pub(crate) struct Authority(Scratch);

/// The files of a certificate and its key.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    /// Makes one; `None`, with a printed reason, where there is no `openssl` or no Python to serve its certificates.
    pub(crate) fn named(name: &str) -> Option<Self> {
        if !has_command(&["openssl", "version"]) || !has_command(&["python3", "-c", "import ssl"]) {
            skip("openssl and python3 with its module ssl are needed for a TLS server");
            return None;
        }
        let authority = Self(Scratch::new());
        for (name, text) in [("settings", SETTINGS), ("index", ""), ("serial", "1000\n")] {
            std::fs::write(authority.0.path().join(name), text).expect("a file");
        }
        let own = "req -x509 -days 2 -addext basicConstraints=critical,CA:TRUE \
                   -addext keyUsage=critical,keyCertSign -keyout ca.key -out ca.pem";
        let subject = format!("/CN={name}");
        authority.openssl(&own.split(' ').chain(KEY).chain(["-subj", &subject]).collect::<Vec<_>>());
        Some(authority)
    }

    /// The file with its own certificate.
    pub(crate) fn file(&self) -> String {
        self.path("ca.pem")
    }

    /// A certificate for this host that is valid today.
    pub(crate) fn certificate(&self, host: &str) -> Certificate {
        self.sign(host, &["-days", "1"])
    }

    /// One that was valid once.
    pub(crate) fn expired(&self, host: &str) -> Certificate {
        self.sign(host, &["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"])
    }

    fn sign(&self, host: &str, validity: &[&str]) -> Certificate {
        std::fs::write(self.path("extensions"), format!("subjectAltName=DNS:{host}\n")).expect("a file");
        let subject = format!("/CN={host}");
        let asked = ["req", "-subj", &subject, "-keyout", "leaf.key", "-out", "leaf.request"];
        self.openssl(&[&asked[..], &KEY].concat());
        let signed = "ca -batch -notext -config settings -cert ca.pem -keyfile ca.key -extfile extensions \
                      -in leaf.request -out leaf.pem";
        self.openssl(&signed.split(' ').chain(validity.iter().copied()).collect::<Vec<_>>());
        Certificate { chain: self.path("leaf.pem"), key: self.path("leaf.key") }
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn openssl(&self, arguments: &[&str]) {
        let mut command = Command::new("openssl");
        let output = command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null()).output().expect("openssl");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
