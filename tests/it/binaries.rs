//! The binaries that the tests run, built once.

use std::{
    collections::{BTreeMap, HashMap},
    env,
    ffi::OsString,
    io::BufReader,
    path::PathBuf,
    process::{Command, Stdio},
    sync::{LazyLock, Mutex},
};

use cargo_metadata::Message;

/// The path of a binary of this workspace.
pub(crate) fn binary(name: &str) -> PathBuf {
    BINARIES.get(name).cloned().unwrap_or_else(|| panic!("the workspace has no binary {name}"))
}

/// The zip of a binary as its function's deployment package: one `bootstrap`.
pub(crate) fn package(name: &str) -> Vec<u8> {
    static PACKAGES: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());
    let mut packages = PACKAGES.lock().expect("no test panics under this lock");
    let zip = || {
        let code = std::fs::read(binary(name)).expect("the binary was just built");
        zip_of([("bootstrap", 0o755, code.as_slice())])
    };
    packages.entry(name.to_owned()).or_insert_with(zip).clone()
}

/// A zip of these entries: name, mode, bytes.
pub(crate) fn zip_of<'a>(entries: impl IntoIterator<Item = (&'a str, u32, &'a [u8])>) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, mode, bytes) in entries {
        // A debug binary is tens of MB: the fastest deflate is enough here.
        let options = zip::write::SimpleFileOptions::default().unix_permissions(mode).compression_level(Some(1));
        zip.start_file(name, options).expect("writing to memory");
        zip.write_all(bytes).expect("writing to memory");
    }
    zip.finish().expect("writing to memory").into_inner()
}

static BINARIES: LazyLock<HashMap<String, PathBuf>> = LazyLock::new(|| {
    // With a test among the targets, cargo unifies features as for `cargo test`, and builds no dependency twice.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--bins", "--test", "it", "--message-format=json-render-diagnostics"]);
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    // Build scripts that watch the variables that cargo sets for this test would run again, and their dependents be
    // rebuilt.
    let ours = |name: &OsString| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
    };
    for (name, _) in env::vars_os().filter(|(name, _)| ours(name)) {
        cargo.env_remove(name);
    }
    let mut cargo = cargo.stdout(Stdio::piped()).spawn().expect("cargo runs this test, so it exists");
    let stdout = BufReader::new(cargo.stdout.take().expect("it was piped"));
    let binaries = Message::parse_stream(stdout)
        .filter_map(|message| match message.expect("cargo prints JSON") {
            Message::CompilerArtifact(artifact) if artifact.target.is_bin() && !artifact.profile.test => {
                Some((artifact.target.name, artifact.executable?.into()))
            }
            _ => None,
        })
        .collect();
    assert!(cargo.wait().expect("it was started").success(), "the binaries of the workspace can't be built");
    binaries
});
