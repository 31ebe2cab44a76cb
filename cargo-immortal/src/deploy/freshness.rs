//! Whether a zip is newer than all that it was built of, as Cargo's dep-info file names it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::artifact::CpuArchitecture;

/// Why a zip has to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StaleZip {
    Missing,
    /// Nothing says what it was built of.
    UnknownSources,
    /// This source is newer.
    Older(PathBuf),
    /// This source is gone.
    SourceGone(PathBuf),
    OtherProcessor(CpuArchitecture),
}

impl std::fmt::Display for StaleZip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing => f.write_str("there is none yet"),
            Self::UnknownSources => f.write_str("nothing says what it was built of"),
            Self::Older(path) => write!(f, "{} is newer", crate::artifact::shown(path)),
            Self::SourceGone(path) => write!(f, "{} is gone", crate::artifact::shown(path)),
            Self::OtherProcessor(architecture) => write!(f, "it is for {architecture}"),
        }
    }
}

/// Why the zip that is there has to be built again; `None`: it is newer than all its sources.
///
/// `manifests` are the files that decide a build and that dep-info doesn't name.
pub(super) fn stale(zip: &Path, dep_infos: &[PathBuf], manifests: &[PathBuf]) -> Option<StaleZip> {
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(built) = changed(zip) else { return Some(StaleZip::Missing) };
    // The newest: a package may have been built for several targets.
    let dep_info = dep_infos.iter().filter_map(|path| Some((changed(path)?, path))).max();
    let Some(dep_info) = dep_info.and_then(|(_, path)| fs::read_to_string(path).ok()) else {
        return Some(StaleZip::UnknownSources);
    };
    let files = sources(&dep_info).into_iter().chain(manifests.iter().filter(|path| path.exists()).cloned());
    first_change(built, files.map(|path| (changed(&path), path)))
}

fn first_change(built: SystemTime, files: impl Iterator<Item = (Option<SystemTime>, PathBuf)>) -> Option<StaleZip> {
    files.into_iter().find_map(|(changed, path)| match changed {
        None => Some(StaleZip::SourceGone(path)),
        Some(changed) if changed > built => Some(StaleZip::Older(path)),
        Some(_) => None,
    })
}

/// Where Cargo puts the dep-info of a binary that `cargo lambda build` built, for any target that it may have built for.
pub(super) fn dep_infos(target: &Path, bin: &str, architecture: CpuArchitecture) -> Vec<PathBuf> {
    let machine = match architecture {
        CpuArchitecture::X86_64 => "x86_64",
        CpuArchitecture::Arm64 => "aarch64",
    };
    let file = format!("{bin}.d");
    let triples = ["gnu", "musl"].map(|library| format!("{machine}-unknown-linux-{library}/release"));
    triples.iter().map(String::as_str).chain(["release"]).map(|directory| target.join(directory).join(&file)).collect()
}

/// The sources in a dep-info file: `TARGET: SOURCE SOURCE …`, in which a space of a path stands behind a backslash.
///
/// Source: <https://doc.rust-lang.org/cargo/reference/build-cache.html#dep-info-files>
fn sources(dep_info: &str) -> Vec<PathBuf> {
    let rules = dep_info.lines().filter_map(|line| line.split_once(": "));
    rules.flat_map(|(_, sources)| words(sources)).map(PathBuf::from).collect()
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some(' ')) => {
                characters.next();
                words.last_mut().into_iter().for_each(|word| word.push(' '));
            }
            (' ', _) => words.push(String::new()),
            (other, _) => words.last_mut().into_iter().for_each(|word| word.push(other)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use std::{fs::File, time::Duration};

    use super::*;

    #[test]
    fn the_sources_of_a_dep_info_file() {
        let table = [
            ("/t/hello: /w/src/main.rs /w/src/a.rs\n", vec!["/w/src/main.rs", "/w/src/a.rs"]),
            ("/t/hello: /w/my\\ src/main.rs /w/a\\b.rs\n\n", vec!["/w/my src/main.rs", "/w/a\\b.rs"]),
            ("/t/hello:\n", vec![]),
            ("", vec![]),
        ];
        for (text, expected) in table {
            assert_eq!(sources(text), expected.into_iter().map(PathBuf::from).collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn a_zip_is_as_old_as_its_newest_source() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str, seconds: u64| {
            let path = directory.path().join(name);
            let file = File::options().create(true).append(true).open(&path).expect("a small file");
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("its time");
            path
        };
        let (zip, source, lock) = (at("bootstrap.zip", 100), at("main.rs", 100), at("Cargo.lock", 50));
        let dep_info = directory.path().join("hello.d");
        let (dep_infos, manifests) = ([directory.path().join("none.d"), dep_info.clone()], [lock.clone()]);
        let stale = |zip: &Path| stale(zip, &dep_infos, &manifests);

        assert_eq!(stale(&directory.path().join("other.zip")), Some(StaleZip::Missing));
        assert_eq!(stale(&zip), Some(StaleZip::UnknownSources));
        fs::write(&dep_info, format!("/t/hello: {}\n", source.display())).expect("a small file");
        assert_eq!(stale(&zip), None);
        at("Cargo.lock", 101);
        assert_eq!(stale(&zip), Some(StaleZip::Older(lock)));
        at("main.rs", 102);
        assert_eq!(stale(&zip), Some(StaleZip::Older(source.clone())));
        fs::remove_file(&source).expect("it is there");
        assert_eq!(stale(&zip), Some(StaleZip::SourceGone(source)));
    }

    #[test]
    fn dep_info_lies_where_the_target_is() {
        let paths = dep_infos(Path::new("/t"), "hello", CpuArchitecture::Arm64);
        let expected = ["aarch64-unknown-linux-gnu/release", "aarch64-unknown-linux-musl/release", "release"]
            .map(|directory| Path::new("/t").join(directory).join("hello.d"));
        assert_eq!(paths, expected);
    }
}
