//! Tasks of this repository that are more than a line of shell: `cargo run -p xtask -- --help`.

mod binary;
mod image;

use std::path::PathBuf;
use std::process::ExitCode;

use image::Image;

const HELP: &str = "\
cargo run -p xtask -- image PACKAGE [OPTIONS]   builds PACKAGE fully static, and writes an image around it

Options:
  --binary FILE   takes this binary in the place of a build
  --output FILE   where the archive is written [PACKAGE.oci.tar in the target directory]
  --tag NAME      what the image is called [PACKAGE:latest]

The archive is an OCI image layout (and what older Docker engines read, with the same files):
  docker load -i FILE      podman load -i FILE      skopeo copy oci-archive:FILE ..
The same binary gives the same bytes, wherever and whenever they are written.
";

/// Exit code of a command line that cannot be understood (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["image", package, options @ ..] if !package.starts_with('-') => match Options::parse(package, options) {
            Ok(options) => image(package, &options),
            Err(mistake) => fail(USAGE, &mistake),
        },
        _ => fail(USAGE, "expected: image PACKAGE; see --help"),
    }
}

struct Options {
    binary: Option<PathBuf>,
    output: PathBuf,
    tag: String,
}

impl Options {
    fn parse(package: &str, words: &[&str]) -> Result<Self, String> {
        let output = binary::target_directory().join(format!("{package}.oci.tar"));
        let mut options = Self { binary: None, output, tag: format!("{package}:latest") };
        for pair in words.chunks(2) {
            match pair {
                ["--binary", file] => options.binary = Some(file.into()),
                ["--output", file] => options.output = file.into(),
                ["--tag", name] => options.tag = String::from(*name),
                [known @ ("--binary" | "--output" | "--tag")] => return Err(format!("{known} needs a value")),
                _ => return Err(format!("there is no option `{}`; see --help", pair[0])),
            }
        }
        Ok(options)
    }
}

fn image(package: &str, options: &Options) -> ExitCode {
    let made = (|| {
        let binary = match &options.binary {
            Some(binary) => binary.clone(),
            None => binary::build_static(package)?,
        };
        let image = Image::around(&binary, package, &options.tag)?;
        image.write(&options.output)
    })();
    match made {
        Ok(written) => {
            println!("{}: {} bytes, image {}", options.output.display(), written.size, written.digest);
            ExitCode::SUCCESS
        }
        Err(reason) => fail(1, &reason),
    }
}

fn fail(code: u8, message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}
