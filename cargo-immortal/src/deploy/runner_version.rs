//! Which runner an image holds, as its tag says: the framework's version, and a hash of all that makes the runner what it is.
//!
//! The function's own code is left out on purpose. It lies in the image, since the image is made of the function's program,
//! but the runner never runs it: a new version of the function needs no new image.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// The crate that holds the runner.
const CRATE: &str = "immortal-core";

/// What decides which runner is built.
#[derive(Debug)]
pub(super) struct RunnerSources<'a> {
    /// The workspace's `Cargo.lock`.
    pub(super) lock: &'a str,
    /// The framework's own sources, where it comes from a directory: there its version says nothing.
    pub(super) framework: &'a BTreeMap<PathBuf, Vec<u8>>,
    /// The files of the Docker context but the program itself.
    pub(super) context: &'a BTreeMap<String, Vec<u8>>,
}

impl RunnerSources<'_> {
    /// The image's tag; `None` where the lock file doesn't have the framework yet.
    ///
    /// A tag has letters, digits, `_`, `.` and `-`, 300 at most:
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageIdentifier.html>
    pub(super) fn tag(&self) -> Option<String> {
        let packages = packages(self.lock);
        let version = packages.iter().find(|package| package.name == CRATE)?.version.to_owned();
        let mut hash = Sha256::new();
        let mut add = |text: &[u8]| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for package in closure(&packages, CRATE) {
            add(package.as_bytes());
        }
        for (path, contents) in self.framework {
            add(path.as_os_str().as_encoded_bytes());
            add(contents);
        }
        for (path, contents) in self.context {
            add(path.as_bytes());
            add(contents);
        }
        Some(format!("{}-{}", version.replace('+', "_"), hex(&hash.finalize()[..6])))
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        // Writing to a string can't fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// The version of the framework in such a tag.
pub(crate) fn version_of_tag(tag: &str) -> Option<&str> {
    let (version, digits) = tag.rsplit_once('-')?;
    let is_hash = digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_version = version.split('.').count() >= 3 && version.starts_with(|c: char| c.is_ascii_digit());
    (is_hash && is_version).then_some(version)
}

/// The crate's sources in the framework's directory, by their paths in it.
pub(super) fn framework_sources(framework: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut directories = vec![framework.join(CRATE).join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.insert(path.strip_prefix(framework).unwrap_or(&path).to_owned(), fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

/// A package of a lock file.
#[derive(Clone, Debug, Default)]
struct LockedPackage<'a> {
    name: &'a str,
    version: &'a str,
    /// Name, version, source and checksum.
    identity: String,
    /// Each as `NAME`, or `NAME VERSION` where the lock file has several of the name.
    dependencies: Vec<&'a str>,
}

/// The packages of a lock file, which Cargo writes in one form.
///
/// Source: <https://doc.rust-lang.org/cargo/guide/cargo-toml-vs-cargo-lock.html>
fn packages(lock: &str) -> Vec<LockedPackage<'_>> {
    let package = |text| {
        let mut package = LockedPackage::default();
        for line in str::lines(text) {
            match line.split_once(" = ").map(|(key, value)| (key, value.trim_matches('"'))) {
                Some(("name", name)) => package.name = name,
                Some(("version", version)) => package.version = version,
                _ => {}
            }
            if let Some(dependency) = line.trim().strip_prefix('"') {
                package.dependencies.push(dependency.trim_end_matches(['"', ',']));
            } else if ["name", "version", "source", "checksum"].iter().any(|key| line.starts_with(key)) {
                package.identity.push_str(line);
                package.identity.push('\n');
            }
        }
        package
    };
    lock.split("[[package]]\n").skip(1).map(package).collect()
}

/// What this package is, and all that it depends on.
fn closure(packages: &[LockedPackage<'_>], root: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(dependency) = open.pop() {
        let mut words = dependency.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        for package in packages {
            let is_meant = package.name == name && version.is_none_or(|version| package.version == version);
            if is_meant && found.insert(package.identity.clone()) {
                open.extend(&package.dependencies);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "hello"
version = "0.1.0"
dependencies = [
 "immortal-core",
 "serde",
]

[[package]]
name = "immortal-core"
version = "0.3.0-rc.1"
dependencies = [
 "http 1.5.0",
]

[[package]]
name = "http"
version = "0.2.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"

[[package]]
name = "http"
version = "1.5.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "bb"
dependencies = [
 "bytes",
]

[[package]]
name = "bytes"
version = "1.0.0"
checksum = "cc"

[[package]]
name = "serde"
version = "1.0.0"
checksum = "dd"
"#;

    fn tag(lock: &str, source: &str, dockerfile: &str) -> Option<String> {
        let framework = BTreeMap::from([(PathBuf::from("immortal-core/src/lib.rs"), source.as_bytes().to_vec())]);
        let context = BTreeMap::from([("Dockerfile".to_owned(), dockerfile.as_bytes().to_vec())]);
        RunnerSources { lock, framework: &framework, context: &context }.tag()
    }

    #[test]
    fn a_tag_changes_with_the_runner_and_with_nothing_else() {
        let now = tag(LOCK, "a", "FROM b").expect("the framework is locked");
        let table = [
            (LOCK.replace("\"dd\"", "\"de\""), "a", "FROM b", true),
            (LOCK.replace("\"aa\"", "\"ab\""), "a", "FROM b", true),
            (
                LOCK.replace("name = \"hello\"\nversion = \"0.1.0\"", "name = \"hello\"\nversion = \"0.2.0\""),
                "a",
                "FROM b",
                true,
            ),
            (LOCK.replace("\"bb\"", "\"bc\""), "a", "FROM b", false),
            (LOCK.replace("\"cc\"", "\"cd\""), "a", "FROM b", false),
            (LOCK.replace("0.3.0-rc.1", "0.3.0"), "a", "FROM b", false),
            (LOCK.to_owned(), "changed", "FROM b", false),
            (LOCK.to_owned(), "a", "FROM scratch", false),
        ];
        for (lock, source, dockerfile, same) in table {
            assert_eq!(tag(&lock, source, dockerfile).as_ref() == Some(&now), same, "{source} {dockerfile}\n{lock}");
        }
        assert_eq!(tag("version = 4\n", "a", "FROM b"), None);
    }

    #[test]
    fn a_tag_names_its_version() {
        let own = tag(LOCK, "a", "FROM b").expect("the framework is locked");
        let table = [
            (own.as_str(), Some("0.3.0-rc.1")),
            ("0.1.0-0123456789ab", Some("0.1.0")),
            ("1", None),
            ("latest", None),
            ("0.1.0", None),
            ("v1-0123456789ab", None),
            ("0.1.0-0123456789", None),
            ("2026.11.27-0123456789xy", None),
        ];
        for (tag, expected) in table {
            assert_eq!(version_of_tag(tag), expected, "{tag}");
        }
    }

    #[test]
    fn the_frameworks_own_sources_are_found() {
        let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let files = framework_sources(workspace).expect("it is there");
        assert!(files.contains_key(Path::new("immortal-core/src/runner/mod.rs")), "{:?}", files.keys());
    }
}
