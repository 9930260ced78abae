//! A container image around one static binary: an OCI image layout in a tar archive
//! (OCI Image Specification 1.1, image-layout.md).

use std::fs;
use std::path::Path;

use oci_spec::image::{
    ANNOTATION_REF_NAME, Arch, ConfigBuilder, Descriptor, DescriptorBuilder, ImageConfigurationBuilder,
    ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os, PlatformBuilder, RootFsBuilder,
    Sha256Digest,
};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Who runs in the image: `nobody`.
const USER: &str = "65534:65534";

/// When every image was made: a true date would make two of the same binary differ.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// The files of an archive, in their order.
pub(crate) struct Image {
    files: Vec<(String, Vec<u8>)>,
    digest: String,
}

/// What was written.
pub(crate) struct Written {
    pub(crate) size: usize,
    /// The image's name among engines: the digest of its manifest.
    pub(crate) digest: String,
}

impl Image {
    /// Puts a binary at `/{name}` of an empty file system, as its entry point.
    pub(crate) fn around(binary: &Path, name: &str, tag: &str) -> Result<Self, String> {
        let program = fs::read(binary).map_err(|error| format!("{} cannot be read: {error}", binary.display()))?;
        let arch = architecture(&program).ok_or_else(|| format!("{} is no program for Linux", binary.display()))?;
        let layer = Blob::new(layer(name, &program)?);
        let config = config(name, &arch, &layer).map_err(|error| error.to_string())?;
        let config = Blob::new(config.to_string().map_err(|error| error.to_string())?.into_bytes());
        Self::assemble(tag, &arch, layer, config).map_err(|error| error.to_string())
    }

    fn assemble(tag: &str, arch: &Arch, layer: Blob, config: Blob) -> Result<Self, oci_spec::OciSpecError> {
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(config.descriptor(MediaType::ImageConfig)?)
            .layers([layer.descriptor(MediaType::ImageLayer)?])
            .build()?;
        let manifest = Blob::new(manifest.to_string()?.into_bytes());
        let mut described = manifest.descriptor(MediaType::ImageManifest)?;
        described.set_platform(Some(PlatformBuilder::default().architecture(arch.clone()).os(Os::Linux).build()?));
        // Docker reads its own name for the same thing.
        let names = [(ANNOTATION_REF_NAME, tag), ("io.containerd.image.name", tag)];
        described.set_annotations(Some(names.map(|(key, value)| (key.to_owned(), value.to_owned())).into()));
        let index = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests([described])
            .build()?;
        let layout = OciLayoutBuilder::default().image_layout_version("1.0.0").build()?;
        // What engines without OCI support read; it names the same files.
        let docker = json!([{ "Config": config.path(), "RepoTags": [tag], "Layers": [layer.path()] }]);
        let digest = format!("sha256:{}", manifest.digest);
        let files = vec![
            ("oci-layout".to_owned(), layout.to_string()?.into_bytes()),
            ("index.json".to_owned(), sorted(&index.to_string()?)),
            ("manifest.json".to_owned(), docker.to_string().into_bytes()),
            (config.path(), config.bytes),
            (manifest.path(), manifest.bytes),
            (layer.path(), layer.bytes),
        ];
        Ok(Self { files, digest })
    }

    /// Writes the archive, whole or not at all.
    pub(crate) fn write(&self, output: &Path) -> Result<Written, String> {
        let wrong = |error: std::io::Error| format!("{} cannot be written: {error}", output.display());
        let mut archive = tar::Builder::new(Vec::new());
        for (path, bytes) in &self.files {
            archive.append_data(&mut header(bytes.len(), 0o644), path, bytes.as_slice()).map_err(wrong)?;
        }
        let bytes = archive.into_inner().map_err(wrong)?;
        if let Some(directory) = output.parent() {
            fs::create_dir_all(directory).map_err(wrong)?;
        }
        let draft = output.with_extension("draft");
        fs::write(&draft, &bytes).and_then(|()| fs::rename(&draft, output)).map_err(wrong)?;
        Ok(Written { size: bytes.len(), digest: self.digest.clone() })
    }
}

/// A file that is known by its digest.
struct Blob {
    bytes: Vec<u8>,
    digest: String,
}

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        let digest = Sha256::digest(&bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Self { bytes, digest }
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self, kind: MediaType) -> Result<Descriptor, oci_spec::OciSpecError> {
        let digest: Sha256Digest = self.digest.parse()?;
        let size = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        DescriptorBuilder::default().media_type(kind).digest(digest).size(size).build()
    }
}

/// The file system: the program, and a place for temporary files, which programs expect.
fn layer(name: &str, program: &[u8]) -> Result<Vec<u8>, String> {
    let mut layer = tar::Builder::new(Vec::new());
    let mut temporary = header(0, 0o1777);
    temporary.set_entry_type(tar::EntryType::Directory);
    layer.append_data(&mut temporary, "tmp/", std::io::empty()).map_err(|error| error.to_string())?;
    layer.append_data(&mut header(program.len(), 0o755), name, program).map_err(|error| error.to_string())?;
    layer.into_inner().map_err(|error| error.to_string())
}

/// Nothing in it depends on when and where it was made.
fn header(size: usize, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(size).unwrap_or(u64::MAX));
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn config(
    name: &str,
    arch: &Arch,
    layer: &Blob,
) -> Result<oci_spec::image::ImageConfiguration, oci_spec::OciSpecError> {
    let run = ConfigBuilder::default()
        .user(USER)
        .entrypoint([format!("/{name}")])
        .exposed_ports(["8080/tcp".to_owned()])
        .working_dir("/")
        .build()?;
    let files = RootFsBuilder::default().typ("layers").diff_ids([format!("sha256:{}", layer.digest)]).build()?;
    ImageConfigurationBuilder::default()
        .architecture(arch.clone())
        .os(Os::Linux)
        .created(CREATED)
        .config(run)
        .rootfs(files)
        .build()
}

/// The machine that an ELF file is for.
fn architecture(program: &[u8]) -> Option<Arch> {
    let machine = program.strip_prefix(b"\x7fELF").and_then(|rest| rest.get(14..16))?;
    match u16::from_le_bytes([machine[0], machine[1]]) {
        0x3e => Some(Arch::Amd64),
        0xb7 => Some(Arch::ARM64),
        0xf3 => Some(Arch::RISCV64),
        _ => None,
    }
}

/// JSON with its keys in order, which a map of annotations does not keep.
fn sorted(json: &str) -> Vec<u8> {
    serde_json::from_str::<serde_json::Value>(json)
        .map_or_else(|_| json.as_bytes().to_vec(), |json| json.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_for_linux_are_taken() {
        assert_eq!(architecture(b"#!/bin/sh\necho a script"), None);
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(architecture(&own).is_some());
    }
}
